//! The server's health and figures: `GET /api/v1/status`.

use serde::{Deserialize, Serialize};

/// Everything the dashboard's first screen shows, in one answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the running binary.
    pub version: String,
    /// The Matrix server name (the part after the colon in user ids).
    pub server_name: String,
    /// Seconds since the server started.
    pub uptime_s: u64,
    /// The server's clock when it answered.
    pub now_ms: u64,
    /// Local accounts, without deactivated ones.
    pub users: u64,
    /// Rooms with at least one local member.
    pub rooms: u64,
    /// Events stored.
    pub events: u64,
    /// Bytes of stored media, local and remote, without thumbnails.
    pub media_bytes: u64,
    /// Bytes of the main database file (or what the database server reports).
    pub database_bytes: u64,
    /// Bytes of the write-ahead log; 0 where the engine has none.
    pub wal_bytes: u64,
    /// Bytes of memory resident in the process.
    pub memory_resident_bytes: u64,
    /// Free bytes on the file system that holds the data.
    pub disk_free_bytes: u64,
    /// Size in bytes of the file system that holds the data.
    pub disk_total_bytes: u64,
    /// Name of the storage engine: `sqlite` or `postgres`.
    pub store_engine: String,
    /// Writes waiting for the writer thread right now.
    pub writer_queue: u64,
    /// Database commits since the server started.
    pub commits: u64,
    /// The newest stream position.
    pub position: u64,
    /// Where the server listens.
    #[serde(default)]
    pub listeners: Vec<Listener>,
    /// The relay for calls; absent while none runs here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<RelayFigures>,
    /// How sending to other homeservers goes.
    #[serde(default)]
    pub federation: FederationFigures,
    /// Findings of the health checks, worst first; may contain `ok` ones.
    #[serde(default)]
    pub problems: Vec<Problem>,
}

/// One socket the server accepts connections on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// `address:port`, or the path of a Unix socket.
    pub address: String,
    /// Whether the server itself speaks TLS there.
    pub tls: bool,
    /// What is served there: `client`, `federation`, `media`, `identity`, `admin`, `turn`...
    #[serde(default)]
    pub resources: Vec<String>,
}

/// What the relay for calls is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayFigures {
    /// Relayed addresses held now. A call takes up to four of each user.
    pub allocations: u64,
    /// Users who hold them.
    pub users: u64,
}

/// How sending to other homeservers goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FederationFigures {
    /// Servers that the last attempt did not reach.
    pub away: u64,
    /// Events that wait to be sent, counted for each server.
    pub queued_events: u64,
}

/// Words for [`Problem::area`].
pub mod areas {
    /// The relay for calls: more at [`crate::wire::paths::RELAY`].
    pub const RELAY: &str = "relay";
}

/// One finding of a health check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// How bad it is.
    pub level: HealthLevel,
    /// What was found, as one sentence.
    pub what: String,
    /// What to do about it, as one sentence; empty for `ok`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
    /// The part of the server that it is about, one of [`areas`], where there is more to see; readers pass over words that
    /// they do not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
}

/// The health lamp's three colours, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthLevel {
    /// As it should be.
    Ok,
    /// Works, but needs attention.
    Warn,
    /// Does not work.
    Fail,
}
