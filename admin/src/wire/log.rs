//! The recent log, from a ring buffer in memory: `GET /api/v1/log`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Query string of `GET /api/v1/log`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogQuery {
    /// Return entries with a larger [`LogEntry::seq`]. Absent: the newest `limit` entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// Return entries of at least this severity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<LogLevel>,
    /// Maximum number of entries. The server caps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// How long to wait if there is no entry yet, in milliseconds. The server caps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

/// Response to [`LogQuery`], oldest entries first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    /// The entries. Empty if the wait timed out.
    pub entries: Vec<LogEntry>,
    /// The next value of [`LogQuery::after`].
    pub next: u64,
}

/// One log line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Sequence number since the server start. Gaps mean that the ring overflowed or the level filter applied.
    pub seq: u64,
    /// Time, in milliseconds since the epoch.
    pub ts_ms: u64,
    /// The severity.
    pub level: LogLevel,
    /// The module that logged it.
    pub target: String,
    /// The message.
    pub message: String,
    /// Its fields and those of the enclosing spans.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
}

/// Severity of a log line. The most severe compares as smallest, as in `tracing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// A failure that needs attention.
    Error,
    /// Unusual, but handled.
    Warn,
    /// Normal operation.
    Info,
    /// For debugging.
    Debug,
    /// All details.
    Trace,
}

impl LogLevel {
    /// All levels, most severe first.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}
