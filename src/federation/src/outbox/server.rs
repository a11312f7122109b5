//! The state of one destination: its queue, its health, and its schedule.

use hearth_base::limits::federation::{OUTBOX_EXPIRY_FAILURES_MIN, OUTBOX_REFUSALS_MAX};
use hearth_base::{Millis, Position, limits};
use hearth_store::ids::DestinationSn;
use hearth_store::tables::destinations::DestinationHealth;
use tokio::time::Instant;

use super::queue::Queue;

/// How far the stored time of the last success may lag behind, in milliseconds.
const SUCCESS_STALE_MS: Millis = 60 * 60 * 1_000;

/// A server's place in the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its queue is empty.
    Idle,
    /// A transaction starts as soon as the concurrency limit allows it.
    Ready,
    /// A transaction is running.
    Busy,
    /// A transaction is due at this time: after a failure, or because its items are not urgent.
    Waiting(Instant),
}

/// One destination.
#[derive(Debug)]
pub(super) struct Server {
    /// Its database key; `None` while it has received only ephemeral items.
    pub(super) sn: Option<DestinationSn>,
    pub(super) queue: Queue,
    pub(super) phase: Phase,
    pub(super) health: DestinationHealth,
    /// Its health as stored in the database.
    pub(super) saved: DestinationHealth,
    /// When the last attempt started.
    pub(super) tried: Option<Instant>,
    /// The earliest next attempt; an incoming request or the operator overrides it.
    pub(super) retry: Option<Instant>,
    /// Maximum of items in a transaction: 1 after the server has refused a transaction for its content.
    pub(super) batch_max: usize,
    /// How often the server has refused the first item alone.
    refusals: u32,
    /// Items that were dropped because they cannot be serialised.
    pub(super) left_out: LeftOut,
}

/// Counter of items that cannot be sent, since the start: their rows are deleted.
#[derive(Debug, Clone, Default)]
pub(super) struct LeftOut {
    /// Number of dropped items.
    pub(super) count: u64,
    /// The last one, with the reason.
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

    /// How many events may wait before only the newest of each room is kept.
    pub(super) fn events_max(&self) -> usize {
        if self.is_failing() { limits::OUTGOING_EVENTS_AWAY_MAX } else { limits::OUTGOING_EVENTS_MAX }
    }

    /// Notes a success.
    pub(super) fn succeeded(&mut self, now_ms: Millis) {
        let given_up = std::mem::take(&mut self.health.given_up);
        self.health = DestinationHealth { last_success_ms: Some(now_ms), given_up, ..DestinationHealth::default() };
        self.retry = None;
        self.refusals = 0;
        self.batch_max = (self.batch_max * 4).min(limits::TRANSACTION_PDUS_MAX);
    }

    /// Notes a failure; the next attempt is at `retry`, in `wait_ms` milliseconds.
    pub(super) fn failed(&mut self, why: String, now_ms: Millis, wait_ms: Millis, retry: Instant) {
        self.health.failures = self.health.failures.saturating_add(1);
        // A time from before the clock was set says nothing.
        let since_ms = self.health.failing_since_ms.filter(|at_ms| *at_ms >= limits::CLOCK_MS_MIN);
        self.health.failing_since_ms = Some(since_ms.unwrap_or(now_ms));
        self.health.retry_at_ms = Some(now_ms.saturating_add(wait_ms));
        self.health.reason = Some(why);
        self.retry = Some(retry);
        self.queue.ephemera.fade();
    }

    /// To-device messages that have waited for too long, after a failure: they leave the queue, so that their senders
    /// may queue new ones. The failures in a row show that the server is away, and not that the clock was set.
    pub(super) fn expired(&mut self, now_ms: Millis) -> Vec<Position> {
        let Some(away_since_ms) = self.health.failing_since_ms else { return Vec::new() };
        if self.health.failures < OUTBOX_EXPIRY_FAILURES_MIN {
            return Vec::new();
        }
        let before_ms = now_ms.saturating_sub(limits::OUTGOING_MESSAGE_MS_MAX);
        let expired = self.queue.expire(before_ms, away_since_ms);
        if !expired.is_empty() {
            let days = limits::OUTGOING_MESSAGE_MS_MAX / (24 * 60 * 60 * 1_000);
            self.give_up(expired.len(), now_ms, format!("they waited for {days} days, and the server is still away"));
        }
        expired
    }

    /// Notes to-device messages that the server never gets.
    pub(super) fn give_up(&mut self, count: usize, now_ms: Millis, reason: String) {
        let given_up = &mut self.health.given_up;
        given_up.count = given_up.count.saturating_add(count as u64);
        (given_up.at_ms, given_up.reason) = (Some(now_ms), Some(reason));
    }

    /// Notes that the content of a transaction was refused. From now on items are sent one by one, to find the
    /// offending one. True for a single item that was refused often enough: it is dropped, because it would block the
    /// queue forever.
    pub(super) fn refused(&mut self, items: usize) -> bool {
        self.batch_max = 1;
        if items > 1 {
            return false;
        }
        self.refusals += 1;
        if self.refusals < OUTBOX_REFUSALS_MAX {
            return false;
        }
        self.refusals = 0;
        true
    }

    /// Resets the back-off after an incoming request or by the operator.
    pub(super) fn forgiven(&mut self, now_ms: Millis) {
        self.health.failures = self.health.failures.min(1);
        self.health.failing_since_ms = self.health.failing_since_ms.map(|_| now_ms);
        self.health.retry_at_ms = None;
        self.retry = None;
    }

    /// Whether the stored health is outdated. A success alone is not worth a write each time.
    pub(super) fn is_unsaved(&self) -> bool {
        let timeless = |health: &DestinationHealth| DestinationHealth { last_success_ms: None, ..health.clone() };
        let stale = match (self.health.last_success_ms, self.saved.last_success_ms) {
            (Some(now), Some(saved)) => now.saturating_sub(saved) >= SUCCESS_STALE_MS,
            (now, saved) => now != saved,
        };
        stale || timeless(&self.health) != timeless(&self.saved)
    }

    /// Whether the server can be dropped from memory without a loss.
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
        let clock = limits::CLOCK_MS_MIN;
        server.failed("away".to_owned(), 5_000, 2_000, Instant::now());
        server.failed("away".to_owned(), clock + 1_000, 2_000, Instant::now());
        server.failed("away".to_owned(), clock + 5_000, 4_000, Instant::now());
        let counted = (server.health.failures, server.health.failing_since_ms);
        assert_eq!(counted, (3, Some(clock + 1_000)), "since the clock was set");
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
        assert!((1..OUTBOX_REFUSALS_MAX).all(|_| !server.refused(1)));
        assert!(server.refused(1));
        server.succeeded(1);
        assert_eq!(server.batch_max, 4);
    }
}
