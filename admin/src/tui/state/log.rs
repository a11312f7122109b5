//! The log screen: a list that grows while it is open.

use crate::wire::{LogEntry, LogLevel, LogPage, LogQuery};

use super::listing::{List, Listing};

/// Entries kept in memory.
const ENTRIES_MAX: usize = 2_000;
/// Entries per request.
const ENTRIES_PER_PAGE: u32 = 500;
/// Duration of a long poll, in milliseconds. Short enough that quitting the dashboard is not held up.
const WAIT_MS: u64 = 20_000;

/// The list, its position in the server's log, and its state.
pub(crate) struct LogView {
    pub(crate) list: Listing<LogEntry>,
    /// The least severe level shown.
    pub(crate) level: LogLevel,
    pub(crate) paused: bool,
    /// Position after which the next request continues.
    after: Option<u64>,
    ticket: u64,
    /// Whether a request is pending.
    asked: bool,
}

impl LogView {
    pub(crate) fn new() -> Self {
        Self { list: Listing::new(), level: LogLevel::Info, paused: false, after: None, ticket: 0, asked: false }
    }

    /// The next request, unless one is pending or the list is paused.
    pub(crate) fn ask(&mut self) -> Option<(LogQuery, u64)> {
        if self.asked || self.paused {
            return None;
        }
        self.asked = true;
        self.ticket += 1;
        let query = LogQuery {
            after: self.after,
            level: Some(self.level),
            limit: Some(ENTRIES_PER_PAGE),
            wait_ms: self.after.map(|_| WAIT_MS),
        };
        Some((query, self.ticket))
    }

    /// Processes a response. Returns whether anything visible changed.
    pub(crate) fn arrive(&mut self, page: LogPage, ticket: u64) -> bool {
        if !self.end(ticket) || self.paused {
            // While paused `after` stays, so the same entries are loaded again afterwards and none is lost.
            return false;
        }
        if self.after.is_some_and(|after| page.next < after) {
            // Sequence numbers restart with the server.
            self.list.clear();
        }
        self.after = Some(page.next);
        if page.entries.is_empty() {
            return self.list.arrived_empty();
        }
        let at_end = self.list.position() + 1 >= self.list.len();
        self.list.append(page.entries, ENTRIES_MAX);
        if at_end {
            self.list.select(usize::MAX);
        }
        true
    }

    /// Ends the pending request. Returns `false` for an outdated ticket.
    pub(crate) fn end(&mut self, ticket: u64) -> bool {
        let awaited = self.asked && ticket == self.ticket;
        if awaited {
            self.asked = false;
        }
        awaited
    }

    /// Clears the list. The next request starts with the newest entries.
    pub(crate) fn restart(&mut self) {
        self.list.clear();
        self.after = None;
        self.asked = false;
    }

    /// Shows one more level, and after the last only the first.
    pub(crate) fn next_level(&mut self) {
        let index = LogLevel::ALL.iter().position(|level| *level == self.level).unwrap_or(0);
        self.set_level(LogLevel::ALL[(index + 1) % LogLevel::ALL.len()]);
    }

    pub(crate) fn set_level(&mut self, level: LogLevel) {
        self.level = level;
        self.restart();
    }
}
