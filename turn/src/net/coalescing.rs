//! Coalescing of received datagrams. A thread that wakes up for every datagram spends most of its time on
//! waking up. A busy thread sleeps for a fraction of a millisecond, as network cards do, and then serves what
//! has arrived. A thread with little to do serves each datagram at once.

use std::time::Duration;

use crate::limits::{BUSY_DATAGRAMS, BUSY_WINDOW_MS};

/// Load of a thread, over windows of `BUSY_WINDOW_MS`.
#[derive(Debug)]
pub(super) struct ReceiveCoalescing {
    gather: Duration,
    window: u64,
    datagrams: u64,
    busy: bool,
}

impl ReceiveCoalescing {
    pub(super) fn new(gather_us: u64) -> Self {
        Self { gather: Duration::from_micros(gather_us), window: 0, datagrams: 0, busy: false }
    }

    /// Counts datagrams that have been served.
    pub(super) fn served(&mut self, datagrams: usize, now_ms: u64) {
        let window = now_ms / BUSY_WINDOW_MS;
        if window != self.window {
            // The previous window decides. After a gap the load is unknown, and the thread counts as idle.
            self.busy = window == self.window + 1 && self.datagrams >= BUSY_DATAGRAMS;
            (self.window, self.datagrams) = (window, 0);
        }
        self.datagrams += datagrams as u64;
    }

    /// How long to sleep before the next poll. `None`: poll now.
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
    fn only_busy_threads_sleep() {
        let mut coalescing = ReceiveCoalescing::new(GATHER_US);
        coalescing.served(1, 0);
        assert_eq!(coalescing.pause(0), None);
        coalescing.served(100, 1);
        assert_eq!(coalescing.pause(1), None, "the first burst is served at once");
        coalescing.served(1, BUSY_WINDOW_MS);
        assert_eq!(coalescing.pause(BUSY_WINDOW_MS), Some(Duration::from_micros(GATHER_US)));
        coalescing.served(1, 2 * BUSY_WINDOW_MS);
        assert_eq!(coalescing.pause(2 * BUSY_WINDOW_MS), None, "few datagrams arrived");
        coalescing.served(100, 2 * BUSY_WINDOW_MS);
        coalescing.served(1, 5 * BUSY_WINDOW_MS);
        assert_eq!(coalescing.pause(5 * BUSY_WINDOW_MS), None, "there was a pause");
    }

    #[test]
    fn coalescing_can_be_turned_off() {
        let mut coalescing = ReceiveCoalescing::new(0);
        coalescing.served(100, 0);
        coalescing.served(100, BUSY_WINDOW_MS);
        assert_eq!(coalescing.pause(BUSY_WINDOW_MS), None);
    }
}
