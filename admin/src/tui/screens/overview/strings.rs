//! Strings of the first screen. Callers pass safe text or figures.

use crate::tui::strings::phrase::plural;

pub(super) const PROBLEMS: &str = "Health";
pub(super) const NO_PROBLEMS: &str = "No problems found.";
pub(super) const FIGURES: &str = "Figures";
pub(super) const LISTENERS: &str = "Listening on";
pub(super) const EVENTS_PER_MINUTE: &str = "Messages/min";
pub(super) const COMMITS_PER_MINUTE: &str = "Writes/min";
pub(super) const REMEDY: &str = "What to do:";
pub(super) const NO_RELAY_SHORT: &str = "no relay";

pub(super) fn federation(away: u64, waiting: &str) -> String {
    match away {
        0 => format!("none away, {waiting} waiting"),
        _ => format!("{away} away, {waiting} waiting"),
    }
}

pub(super) fn relayed(allocations: u64, users: u64) -> String {
    match allocations {
        0 => "none relayed".to_owned(),
        _ => format!("{allocations} relayed for {}", plural(users, "user", "users")),
    }
}
