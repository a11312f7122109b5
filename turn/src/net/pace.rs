//! Waiting a little on purpose. A thread that is woken for every datagram spends most of its time on waking up; when there
//! are many, it lets them gather for a fraction of a millisecond, as network cards do, and serves them together. A thread
//! with little to do serves each at once.

use std::time::Duration;

use crate::limits::{BUSY_DATAGRAMS, BUSY_WINDOW_MS};

/// How busy a thread is.
#[derive(Debug)]
pub(super) struct Pace {
    gather: Duration,
    window: u64,
    datagrams: u64,
    busy: bool,
}

impl Pace {
    pub(super) fn new(gather_us: u64) -> Self {
        Self { gather: Duration::from_micros(gather_us), window: 0, datagrams: 0, busy: false }
    }

    /// Counts datagrams that have been served.
    pub(super) fn served(&mut self, datagrams: usize, now_ms: u64) {
        let window = now_ms / BUSY_WINDOW_MS;
        if window != self.window {
            // The window before this one decides; after a pause, nothing is known to come.
            self.busy = window == self.window + 1 && self.datagrams >= BUSY_DATAGRAMS;
            (self.window, self.datagrams) = (window, 0);
        }
        self.datagrams += datagrams as u64;
    }

    /// How long to wait before looking for more.
    pub(super) fn pause(&self, now_ms: u64) -> Option<Duration> {
        let current = now_ms / BUSY_WINDOW_MS <= self.window + 1;
        (self.busy && current && !self.gather.is_zero()).then_some(self.gather)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::GATHER_US;

    #[test]
    fn only_busy_threads_wait() {
        let mut pace = Pace::new(GATHER_US);
        pace.served(1, 0);
        assert_eq!(pace.pause(0), None);
        pace.served(100, 1);
        assert_eq!(pace.pause(1), None, "the first burst is served at once");
        pace.served(1, BUSY_WINDOW_MS);
        assert_eq!(pace.pause(BUSY_WINDOW_MS), Some(Duration::from_micros(GATHER_US)));
        pace.served(1, 2 * BUSY_WINDOW_MS);
        assert_eq!(pace.pause(2 * BUSY_WINDOW_MS), None, "little came");
        pace.served(100, 2 * BUSY_WINDOW_MS);
        pace.served(1, 5 * BUSY_WINDOW_MS);
        assert_eq!(pace.pause(5 * BUSY_WINDOW_MS), None, "there was a pause");
    }

    #[test]
    fn gathering_can_be_turned_off() {
        let mut pace = Pace::new(0);
        pace.served(100, 0);
        pace.served(100, BUSY_WINDOW_MS);
        assert_eq!(pace.pause(BUSY_WINDOW_MS), None);
    }
}
