//! A crowd is when requests come in masses, as they do in a flood of strangers' requests. Waking up for each of them would be most of
//! the work, and those on the phone would wait behind it: so the thread stops waiting for requests, looks at what has come now
//! and then, and serves data between any two handfuls. What does not fit into the system's queue meanwhile is dropped there,
//! which costs this thread nothing; clients ask again.

use std::time::Duration;

use crate::limits::{
    BUSY_WINDOW_MS, CLIENT_TABLE_REQUESTS, CLIENT_TABLE_STAY_MS, CLIENT_TABLE_WAIT_MS, REQUESTS_PER_LOOK,
};

/// A crowd of which fewer than this come while it has to stay is gone: a quarter of what makes one.
const GONE_REQUESTS: usize = CLIENT_TABLE_REQUESTS / 4 * (CLIENT_TABLE_STAY_MS / BUSY_WINDOW_MS) as usize;

/// Whether there is a crowd at a thread's sockets for requests, and when to look.
#[derive(Debug, Default)]
pub(super) struct ClientTable {
    here: bool,
    /// Since when requests are counted, and how many have come.
    since_ms: u64,
    requests: usize,
    /// When the next look begins, or when this one began.
    look_ms: u64,
    taken: usize,
}

impl ClientTable {
    /// Counts requests that were waited for. Returns whether they are a crowd now.
    pub(super) fn came(&mut self, requests: usize, now_ms: u64) -> bool {
        if now_ms - self.since_ms >= BUSY_WINDOW_MS {
            (self.since_ms, self.requests) = (now_ms, 0);
        }
        self.requests += requests;
        if self.requests >= CLIENT_TABLE_REQUESTS {
            *self = Self { here: true, since_ms: now_ms, look_ms: now_ms + CLIENT_TABLE_WAIT_MS, ..Self::default() };
        }
        self.here
    }

    /// Whether there is one, so that requests are not waited for.
    pub(super) fn is_here(&self) -> bool {
        self.here
    }

    /// How long not to look at requests; zero, if it is time to.
    pub(super) fn wait(&self, now_ms: u64) -> Option<Duration> {
        self.here.then(|| Duration::from_millis(self.look_ms.saturating_sub(now_ms)))
    }

    /// Counts what was taken at one turn of a look, after which there may be more. Returns whether the crowd has gone.
    pub(super) fn took(&mut self, requests: usize, more: bool, now_ms: u64) -> bool {
        self.taken += requests;
        self.requests += requests;
        if more && self.taken < REQUESTS_PER_LOOK {
            return false;
        }
        (self.look_ms, self.taken) = (now_ms + CLIENT_TABLE_WAIT_MS, 0);
        if now_ms - self.since_ms >= CLIENT_TABLE_STAY_MS {
            self.here = self.requests >= GONE_REQUESTS;
            (self.since_ms, self.requests) = (now_ms, 0);
        }
        !self.here
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::REQUESTS_PER_TURN;

    #[test]
    fn a_full_table_is_polled_until_it_empties() {
        let mut client_table = ClientTable::default();
        assert!(!client_table.came(CLIENT_TABLE_REQUESTS - 1, 0));
        assert!(!client_table.came(CLIENT_TABLE_REQUESTS - 1, BUSY_WINDOW_MS), "what came long ago does not count");
        assert_eq!(client_table.wait(BUSY_WINDOW_MS), None);
        let now_ms = BUSY_WINDOW_MS + 1;
        assert!(client_table.came(1, now_ms));
        assert_eq!(client_table.wait(now_ms), Some(Duration::from_millis(CLIENT_TABLE_WAIT_MS)));
        let now_ms = now_ms + CLIENT_TABLE_WAIT_MS;
        assert_eq!(client_table.wait(now_ms), Some(Duration::ZERO));
        assert!(!client_table.took(REQUESTS_PER_TURN, true, now_ms));
        assert_eq!(client_table.wait(now_ms), Some(Duration::ZERO), "the look goes on");
        assert!(!client_table.took(3, false, now_ms));
        assert_eq!(client_table.wait(now_ms), Some(Duration::from_millis(CLIENT_TABLE_WAIT_MS)));
    }

    #[test]
    fn a_full_table_stays_full_for_a_while() {
        let mut client_table = ClientTable::default();
        assert!(client_table.came(CLIENT_TABLE_REQUESTS, 0));
        assert!(!client_table.took(0, false, CLIENT_TABLE_STAY_MS - 1));
        assert!(!client_table.took(GONE_REQUESTS, false, CLIENT_TABLE_STAY_MS));
        assert!(!client_table.took(GONE_REQUESTS - 1, false, 2 * CLIENT_TABLE_STAY_MS - 1));
        assert!(client_table.took(0, false, 2 * CLIENT_TABLE_STAY_MS));
        assert!(!client_table.is_here());
    }

    #[test]
    fn a_poll_round_ends_with_a_full_table() {
        let mut client_table = ClientTable::default();
        assert!(client_table.came(CLIENT_TABLE_REQUESTS, 0));
        let turns = (0..).take_while(|_| {
            assert!(!client_table.took(REQUESTS_PER_TURN, true, CLIENT_TABLE_WAIT_MS));
            client_table.wait(CLIENT_TABLE_WAIT_MS) == Some(Duration::ZERO)
        });
        assert_eq!(turns.count() + 1, REQUESTS_PER_LOOK / REQUESTS_PER_TURN);
    }
}
