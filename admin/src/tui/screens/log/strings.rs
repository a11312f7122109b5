//! Strings of the log screen. Callers pass safe text or figures.

use crate::wire::LogLevel;

pub(super) const PAUSED: &str = "PAUSED";
pub(super) const UNKNOWN_LEVEL: &str = "Valid levels are error, warn, info, debug and trace.";

pub(super) fn level(level: LogLevel) -> String {
    format!("level {}", level.as_str())
}
