//! A crowd is when requests come in masses, as they do in a flood of strangers' requests. Waking up for each of them would be most of
//! the work, and those on the phone would wait behind it: so the thread stops waiting for requests, looks at what has come now
//! and then, and serves data between any two handfuls. What does not fit into the system's queue meanwhile is dropped there,
//! which costs this thread nothing; clients ask again.

use std::time::Duration;

use crate::limits::{BUSY_WINDOW_MS, CROWD_REQUESTS, CROWD_WAIT_MS, REQUESTS_PER_LOOK};

/// Fewer at one look than would have made a crowd: it is gone.
const GONE_REQUESTS: usize = CROWD_REQUESTS / 8;

/// Whether there is a crowd at this thread's sockets for requests, and when to look.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    here: bool,
    window: u64,
    requests: usize,
    /// When the next look begins, or that it has begun.
    look_ms: u64,
    taken: usize,
}

impl Crowd {
    /// Counts requests that were waited for. Returns whether they are a crowd now.
    pub(super) fn came(&mut self, requests: usize, now_ms: u64) -> bool {
        let window = now_ms / BUSY_WINDOW_MS;
        if window != self.window {
            (self.window, self.requests) = (window, 0);
        }
        self.requests += requests;
        self.here = self.requests >= CROWD_REQUESTS;
        (self.look_ms, self.taken) = (now_ms, 0);
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
        if more && self.taken < REQUESTS_PER_LOOK {
            return false;
        }
        self.here = self.taken >= GONE_REQUESTS;
        (self.look_ms, self.taken) = (now_ms + CROWD_WAIT_MS, 0);
        !self.here
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::REQUESTS_PER_TURN;

    #[test]
    fn a_crowd_is_looked_at_now_and_then_until_it_is_gone() {
        let mut crowd = Crowd::default();
        assert!(!crowd.came(CROWD_REQUESTS - 1, 0));
        assert!(!crowd.came(CROWD_REQUESTS - 1, BUSY_WINDOW_MS), "windows are counted by themselves");
        assert_eq!(crowd.wait(BUSY_WINDOW_MS), None);
        assert!(crowd.came(1, BUSY_WINDOW_MS + 1));
        let now_ms = BUSY_WINDOW_MS + 1;
        assert_eq!(crowd.wait(now_ms), Some(Duration::ZERO));
        assert!(!crowd.took(REQUESTS_PER_TURN, true, now_ms));
        assert_eq!(crowd.wait(now_ms), Some(Duration::ZERO), "the look goes on");
        assert!(!crowd.took(3, false, now_ms));
        assert_eq!(crowd.wait(now_ms), Some(Duration::from_millis(CROWD_WAIT_MS)));
        assert!(crowd.took(GONE_REQUESTS - 1, false, now_ms + CROWD_WAIT_MS));
        assert!(!crowd.is_here());
    }

    #[test]
    fn a_look_ends_even_if_the_crowd_does_not() {
        let mut crowd = Crowd::default();
        assert!(crowd.came(CROWD_REQUESTS, 0));
        let turns = (0..).take_while(|_| {
            assert!(!crowd.took(REQUESTS_PER_TURN, true, 0));
            crowd.wait(0) == Some(Duration::ZERO)
        });
        assert_eq!(turns.count() + 1, REQUESTS_PER_LOOK / REQUESTS_PER_TURN);
    }
}
