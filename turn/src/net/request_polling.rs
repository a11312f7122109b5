//! Polling of request sockets under load, as network drivers do with interrupts (NAPI).
//!
//! In a flood of requests, waking up for each one would be most of a thread's work, and relayed data would wait
//! behind it. The thread therefore stops waiting for request sockets. It polls them at a fixed interval and
//! serves data between small groups of requests. What exceeds the kernel's queue in the meantime is dropped
//! there at no cost to this thread; clients retransmit.

use std::time::Duration;

use crate::limits::{BUSY_WINDOW_MS, POLLING_INTERVAL_MS, POLLING_PERIOD_MS, POLLING_REQUESTS, REQUESTS_PER_POLL};

/// Polling ends when fewer than this many requests arrive in `POLLING_PERIOD_MS`: a quarter of the rate that
/// starts it. The gap between the two rates prevents toggling.
const STOP_REQUESTS: usize = POLLING_REQUESTS / 4 * (POLLING_PERIOD_MS / BUSY_WINDOW_MS) as usize;

/// Whether a thread polls one class of request sockets, and when it does so next.
#[derive(Debug, Default)]
pub(super) struct RequestPolling {
    active: bool,
    /// Start of the counting window and the requests counted since, both on the thread's clock.
    since_ms: u64,
    requests: usize,
    /// When the next poll starts, or when the current one started.
    next_poll_ms: u64,
    taken: usize,
}

impl RequestPolling {
    /// Counts requests that arrived as events. Returns whether the thread has to poll from now on.
    pub(super) fn count_arrivals(&mut self, requests: usize, now_ms: u64) -> bool {
        if now_ms - self.since_ms >= BUSY_WINDOW_MS {
            (self.since_ms, self.requests) = (now_ms, 0);
        }
        self.requests += requests;
        if self.requests >= POLLING_REQUESTS {
            *self =
                Self { active: true, since_ms: now_ms, next_poll_ms: now_ms + POLLING_INTERVAL_MS, ..Self::default() };
        }
        self.active
    }

    /// Whether the thread polls, so that request sockets are not registered for events.
    pub(super) fn is_active(&self) -> bool {
        self.active
    }

    /// Time until the next poll, zero if it is due. `None` if the thread does not poll.
    pub(super) fn until_next_poll(&self, now_ms: u64) -> Option<Duration> {
        self.active.then(|| Duration::from_millis(self.next_poll_ms.saturating_sub(now_ms)))
    }

    /// Counts the requests read in one step of a poll; `more` tells whether the sockets may hold more. Returns
    /// whether to go back to events.
    pub(super) fn count_polled(&mut self, requests: usize, more: bool, now_ms: u64) -> bool {
        self.taken += requests;
        self.requests += requests;
        if more && self.taken < REQUESTS_PER_POLL {
            return false;
        }
        (self.next_poll_ms, self.taken) = (now_ms + POLLING_INTERVAL_MS, 0);
        if now_ms - self.since_ms >= POLLING_PERIOD_MS {
            self.active = self.requests >= STOP_REQUESTS;
            (self.since_ms, self.requests) = (now_ms, 0);
        }
        !self.active
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::REQUESTS_PER_TURN;

    #[test]
    fn polls_in_steps_after_a_burst() {
        let mut request_polling = RequestPolling::default();
        assert!(!request_polling.count_arrivals(POLLING_REQUESTS - 1, 0));
        assert!(!request_polling.count_arrivals(POLLING_REQUESTS - 1, BUSY_WINDOW_MS), "old requests do not count");
        assert_eq!(request_polling.until_next_poll(BUSY_WINDOW_MS), None);
        let now_ms = BUSY_WINDOW_MS + 1;
        assert!(request_polling.count_arrivals(1, now_ms));
        assert_eq!(request_polling.until_next_poll(now_ms), Some(Duration::from_millis(POLLING_INTERVAL_MS)));
        let now_ms = now_ms + POLLING_INTERVAL_MS;
        assert_eq!(request_polling.until_next_poll(now_ms), Some(Duration::ZERO));
        assert!(!request_polling.count_polled(REQUESTS_PER_TURN, true, now_ms));
        assert_eq!(request_polling.until_next_poll(now_ms), Some(Duration::ZERO), "the poll continues");
        assert!(!request_polling.count_polled(3, false, now_ms));
        assert_eq!(request_polling.until_next_poll(now_ms), Some(Duration::from_millis(POLLING_INTERVAL_MS)));
    }

    #[test]
    fn polls_until_the_rate_falls() {
        let mut request_polling = RequestPolling::default();
        assert!(request_polling.count_arrivals(POLLING_REQUESTS, 0));
        assert!(!request_polling.count_polled(0, false, POLLING_PERIOD_MS - 1));
        assert!(!request_polling.count_polled(STOP_REQUESTS, false, POLLING_PERIOD_MS));
        assert!(!request_polling.count_polled(STOP_REQUESTS - 1, false, 2 * POLLING_PERIOD_MS - 1));
        assert!(request_polling.count_polled(0, false, 2 * POLLING_PERIOD_MS));
        assert!(!request_polling.is_active());
    }

    #[test]
    fn one_poll_reads_a_bounded_number_of_requests() {
        let mut request_polling = RequestPolling::default();
        assert!(request_polling.count_arrivals(POLLING_REQUESTS, 0));
        let turns = (0..).take_while(|_| {
            assert!(!request_polling.count_polled(REQUESTS_PER_TURN, true, POLLING_INTERVAL_MS));
            request_polling.until_next_poll(POLLING_INTERVAL_MS) == Some(Duration::ZERO)
        });
        assert_eq!(turns.count() + 1, REQUESTS_PER_POLL / REQUESTS_PER_TURN);
    }
}
