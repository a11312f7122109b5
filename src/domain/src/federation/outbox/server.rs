//! One server that is sent to: its queue, how sending goes, and what it waits for.

use hearth_base::{Millis, limits};
use hearth_store::ids::DestinationSn;
use hearth_store::tables::destinations::DestinationHealth;
use tokio::time::Instant;

use super::queue::Queue;

/// How far what is written down of the last success may be behind.
const SUCCESS_STALE_MS: Millis = 60 * 60 * 1_000;
/// How often one and the same item must be refused by itself before it is dropped.
const REFUSALS_MAX: u32 = 5;

/// What a server is about to do, or waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing waits for it.
    Idle,
    /// It is its turn as soon as there is room for a transaction.
    Ready,
    /// A transaction is under way.
    Busy,
    /// It is its turn at this time: after a failure, or because what waits is in no hurry.
    Waiting(Instant),
}

/// The server.
#[derive(Debug)]
pub(super) struct Server {
    /// None while only ephemeral things were ever sent to it.
    pub(super) sn: Option<DestinationSn>,
    pub(super) queue: Queue,
    pub(super) phase: Phase,
    pub(super) health: DestinationHealth,
    /// As it is written down.
    pub(super) saved: DestinationHealth,
    /// When the last attempt was begun.
    pub(super) tried: Option<Instant>,
    /// Do not try before this, unless there is a sign of life or the operator says so.
    pub(super) retry: Option<Instant>,
    /// Send no more than this at once: 1 after the server has refused a transaction for what was in it.
    pub(super) batch_max: usize,
    /// How often it has refused what now comes first, by itself.
    refusals: u32,
    /// What was never sent to it, as it cannot be written.
    pub(super) left_out: LeftOut,
}

/// Items that cannot be sent to a server, whatever is tried. Counted since the start: the rows themselves are deleted.
#[derive(Debug, Clone, Default)]
pub(super) struct LeftOut {
    /// How many.
    pub(super) count: u64,
    /// What the last one was, and why, in words.
    pub(super) last: Option<String>,
}

impl Server {
    pub(super) fn new(sn: Option<DestinationSn>, health: DestinationHealth) -> Self {
        Self {
            sn,
            queue: Queue::default(),
            phase: Phase::Idle,
            saved: health.clone(),
            health,
            tried: None,
            retry: None,
            batch_max: limits::TRANSACTION_PDUS_MAX,
            refusals: 0,
            left_out: LeftOut::default(),
        }
    }

    /// Whether the last attempt failed.
    pub(super) fn is_failing(&self) -> bool {
        self.health.failures > 0
    }

    /// How many events may wait before only the newest of each room are kept.
    pub(super) fn events_max(&self) -> usize {
        if self.is_failing() { limits::OUTGOING_EVENTS_AWAY_MAX } else { limits::OUTGOING_EVENTS_MAX }
    }

    /// Notes a success.
    pub(super) fn succeeded(&mut self, now_ms: Millis) {
        self.health = DestinationHealth { last_success_ms: Some(now_ms), ..DestinationHealth::default() };
        self.retry = None;
        self.refusals = 0;
        self.batch_max = (self.batch_max * 4).min(limits::TRANSACTION_PDUS_MAX);
    }

    /// Notes a failure; the next attempt is at `retry`, in `wait_ms`.
    pub(super) fn failed(&mut self, why: String, now_ms: Millis, wait_ms: Millis, retry: Instant) {
        self.health.failures = self.health.failures.saturating_add(1);
        self.health.failing_since_ms.get_or_insert(now_ms);
        self.health.retry_at_ms = Some(now_ms.saturating_add(wait_ms));
        self.health.reason = Some(why);
        self.retry = Some(retry);
        self.queue.ephemera.fade();
    }

    /// Notes that what was sent was refused. From now on things are sent one by one, to find out which it was. True when
    /// there was but one, often enough, so that it should be dropped: it would be in the way forever.
    pub(super) fn refused(&mut self, items: usize) -> bool {
        self.batch_max = 1;
        if items > 1 {
            return false;
        }
        self.refusals += 1;
        if self.refusals < REFUSALS_MAX {
            return false;
        }
        self.refusals = 0;
        true
    }

    /// Notes a sign of life, or that the operator wants another try: the next failure is a first one again.
    pub(super) fn forgiven(&mut self, now_ms: Millis) {
        self.health.failures = self.health.failures.min(1);
        self.health.failing_since_ms = self.health.failing_since_ms.map(|_| now_ms);
        self.health.retry_at_ms = None;
        self.retry = None;
    }

    /// Whether what is written down says something else. Successes alone are not worth a write each.
    pub(super) fn is_unsaved(&self) -> bool {
        let timeless = |health: &DestinationHealth| DestinationHealth { last_success_ms: None, ..health.clone() };
        let stale = match (self.health.last_success_ms, self.saved.last_success_ms) {
            (Some(now), Some(saved)) => now.saturating_sub(saved) >= SUCCESS_STALE_MS,
            (now, saved) => now != saved,
        };
        stale || timeless(&self.health) != timeless(&self.saved)
    }

    /// Whether nothing would be lost by forgetting it.
    pub(super) fn is_forgettable(&self) -> bool {
        self.phase == Phase::Idle
            && self.queue.is_empty()
            && !self.is_failing()
            && !self.is_unsaved()
            && self.left_out.count == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn failures_count_until_a_success_or_a_sign_of_life() {
        let mut server = Server::new(None, DestinationHealth::default());
        server.failed("away".to_owned(), 1_000, 2_000, Instant::now());
        server.failed("away".to_owned(), 5_000, 4_000, Instant::now());
        assert_eq!((server.health.failures, server.health.failing_since_ms), (2, Some(1_000)));
        assert!(server.is_unsaved() && server.events_max() == limits::OUTGOING_EVENTS_AWAY_MAX);
        server.forgiven(9_000);
        assert_eq!((server.health.failures, server.health.failing_since_ms, server.retry), (1, Some(9_000), None));
        server.succeeded(10_000);
        assert_eq!(server.health, DestinationHealth { last_success_ms: Some(10_000), ..DestinationHealth::default() });
        server.saved = server.health.clone();
        server.succeeded(10_000 + SUCCESS_STALE_MS - 1);
        assert!(!server.is_unsaved());
        server.succeeded(10_000 + SUCCESS_STALE_MS);
        assert!(server.is_unsaved());
    }

    #[tokio::test]
    async fn only_what_is_refused_alone_and_again_and_again_is_dropped() {
        let mut server = Server::new(None, DestinationHealth::default());
        assert!(!server.refused(50) && server.batch_max == 1);
        assert!((1..REFUSALS_MAX).all(|_| !server.refused(1)));
        assert!(server.refused(1));
        server.succeeded(1);
        assert_eq!(server.batch_max, 4);
    }
}
