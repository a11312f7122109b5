//! Health and figures of the server: `GET /api/v1/status`.

use serde::{Deserialize, Serialize};

/// The data of the dashboard's first screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the running binary.
    pub version: String,
    /// The Matrix server name (the part after the colon in user ids).
    pub server_name: String,
    /// Seconds since the server started.
    pub uptime_s: u64,
    /// The server's clock, in milliseconds since the epoch.
    pub now_ms: u64,
    /// Local accounts, without deactivated ones.
    pub users: u64,
    /// Rooms with at least one local member.
    pub rooms: u64,
    /// Stored events.
    pub events: u64,
    /// Bytes of stored media, local and remote, without thumbnails.
    pub media_bytes: u64,
    /// Bytes of the main database file, or as the database server reports.
    pub database_bytes: u64,
    /// Bytes of the write-ahead log. 0 if the engine has none.
    pub wal_bytes: u64,
    /// Resident memory of the process, in bytes.
    pub memory_resident_bytes: u64,
    /// Free bytes on the file system of the data directory.
    pub disk_free_bytes: u64,
    /// Size of that file system, in bytes.
    pub disk_total_bytes: u64,
    /// Name of the storage engine: `sqlite` or `postgres`.
    pub store_engine: String,
    /// Writes in the writer thread's queue.
    pub writer_queue: u64,
    /// Database commits since the server started.
    pub commits: u64,
    /// The newest stream position.
    pub position: u64,
    /// The listening sockets.
    #[serde(default)]
    pub listeners: Vec<Listener>,
    /// The TURN relay. Absent if the built-in one does not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<RelayFigures>,
    /// The state of sending to other homeservers.
    #[serde(default)]
    pub federation: FederationFigures,
    /// Results of the health checks, worst first. May include `ok` ones.
    #[serde(default)]
    pub problems: Vec<Problem>,
}

/// A listening socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// `address:port`, or the path of a Unix socket.
    pub address: String,
    /// Whether the server terminates TLS on it.
    pub tls: bool,
    /// The resources served on it: `client`, `federation`, `media`, `identity`, `admin`, `turn`...
    #[serde(default)]
    pub resources: Vec<String>,
}

/// Usage of the TURN relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayFigures {
    /// Current allocations. A call uses up to four per participant.
    pub allocations: u64,
    /// Users with allocations.
    pub users: u64,
}

/// The state of sending to other homeservers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FederationFigures {
    /// Servers whose last transaction failed.
    pub away: u64,
    /// Queued events, summed over all servers.
    pub queued_events: u64,
}

/// Values of [`Problem::area`].
pub mod areas {
    /// The TURN relay; details at [`crate::wire::paths::RELAY`].
    pub const RELAY: &str = "relay";
    /// The certificates; details at [`crate::wire::paths::CERTIFICATES`].
    pub const CERTIFICATES: &str = "certificates";
}

/// A result of a health check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The severity.
    pub level: HealthLevel,
    /// What was found, in one sentence.
    pub what: String,
    /// What to do, in one sentence. Empty for `ok`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
    /// The affected part of the server, one of [`areas`], if there are details about it. Clients ignore unknown
    /// values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
}

/// Severity of a problem, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthLevel {
    /// No problem.
    Ok,
    /// Works, but needs attention.
    Warn,
    /// Does not work.
    Fail,
}
