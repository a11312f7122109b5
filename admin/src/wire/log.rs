//! The server's recent log, from a ring in memory: `GET /api/v1/log`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Query string of `GET /api/v1/log`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogQuery {
    /// Only entries with a larger [`LogEntry::seq`]; absent for the newest `limit` ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// Only entries at least this severe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<LogLevel>,
    /// Entries wanted; the server caps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Wait up to this long for an entry when there is none yet; the server caps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

/// Answer to [`LogQuery`], oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    /// The entries; empty when the wait ran out.
    pub entries: Vec<LogEntry>,
    /// Pass this as [`LogQuery::after`] next time.
    pub next: u64,
}

/// One log line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Running number since the server started; gaps mean the ring overflowed or the level filter left some out.
    pub seq: u64,
    /// When it was written.
    pub ts_ms: u64,
    /// How severe it is.
    pub level: LogLevel,
    /// The module that wrote it.
    pub target: String,
    /// The sentence.
    pub message: String,
    /// The fields beside it, and those of the spans around it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
}

/// Severity of a log line; the most severe is the smallest, as in `tracing`'s filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Something is broken and someone should look.
    Error,
    /// Odd, but handled.
    Warn,
    /// What happens in normal work.
    Info,
    /// For finding bugs.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// All levels, most severe first.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// The level's name on the wire.
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
