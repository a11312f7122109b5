//! The log screen: a list that grows at its end while someone looks.

use crate::wire::{LogEntry, LogLevel, LogPage, LogQuery};

use super::listing::{List, Listing};

/// Entries kept.
const ENTRIES_MAX: usize = 2_000;
/// Entries asked for at a time.
const ENTRIES_PER_PAGE: u32 = 500;
/// How long the server may wait for news. Below what people wait for a program to end.
const WAIT_MS: u64 = 20_000;

/// The list, where it stands and whether it moves.
pub(crate) struct LogView {
    pub(crate) list: Listing<LogEntry>,
    /// The least severe level shown.
    pub(crate) level: LogLevel,
    pub(crate) paused: bool,
    /// The answer after which to go on.
    after: Option<u64>,
    ticket: u64,
    /// Whether an answer is awaited.
    asked: bool,
}

impl LogView {
    pub(crate) fn new() -> Self {
        Self { list: Listing::new(), level: LogLevel::Info, paused: false, after: None, ticket: 0, asked: false }
    }

    /// The next question, unless one is open or the list is paused.
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

    /// Takes in an answer; true if something new shows.
    pub(crate) fn arrive(&mut self, page: LogPage, ticket: u64) -> bool {
        if !self.end(ticket) || self.paused {
            // While paused `after` stays, so nothing is lost: the same lines come again after the pause.
            return false;
        }
        if self.after.is_some_and(|after| page.next < after) {
            // The numbers began anew: the server was restarted.
            self.list.clear();
        }
        self.after = Some(page.next);
        if page.entries.is_empty() {
            return self.list.arrived_empty();
        }
        let at_end = self.list.place() + 1 >= self.list.len();
        self.list.append(page.entries, ENTRIES_MAX);
        if at_end {
            self.list.select(usize::MAX);
        }
        true
    }

    /// Whether an answer or failure with this ticket was awaited; stops waiting if so.
    pub(crate) fn end(&mut self, ticket: u64) -> bool {
        let awaited = self.asked && ticket == self.ticket;
        if awaited {
            self.asked = false;
        }
        awaited
    }

    /// Forgets everything and lets the next question start from the newest lines.
    pub(crate) fn restart(&mut self) {
        self.list.clear();
        self.after = None;
        self.asked = false;
    }

    /// Shows one level more, or after the last only the first.
    pub(crate) fn next_level(&mut self) {
        let index = LogLevel::ALL.iter().position(|level| *level == self.level).unwrap_or(0);
        self.set_level(LogLevel::ALL[(index + 1) % LogLevel::ALL.len()]);
    }

    pub(crate) fn set_level(&mut self, level: LogLevel) {
        self.level = level;
        self.restart();
    }
}
