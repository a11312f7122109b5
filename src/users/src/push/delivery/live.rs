//! What is known of a pusher while the server runs.

use std::sync::Arc;

use hearth_base::{Backoff, Millis, Position, limits};
use hearth_store::ids::{EventSn, UserSn};
use hearth_store::tables::pushers::{PushProgress, PusherKey, PusherRow};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// A pusher's key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct PusherId {
    pub(super) user: UserSn,
    ids: Arc<(String, String)>,
}

impl PusherId {
    pub(super) fn of(row: &PusherRow) -> Self {
        Self { user: row.user, ids: Arc::new((row.app_id.clone(), row.pushkey.clone())) }
    }

    pub(super) fn key(&self) -> PusherKey<'_> {
        PusherKey { user: self.user, app_id: &self.ids.0, pushkey: &self.ids.1 }
    }
}

/// The state of a pusher's deliveries.
#[derive(Debug)]
pub(super) struct Live {
    state: Mutex<State>,
    /// Ends the wait after a failure.
    poke: Notify,
}

#[derive(Debug)]
struct State {
    progress: PushProgress,
    /// The progress in the database.
    saved: PushProgress,
    /// What is neither recorded as delivered nor after this position may have been sent before the last crash.
    doubtful_upto: i64,
    /// The position of the newest event that the gateway took.
    taken: i64,
    set_ms: Millis,
    /// Failures since the last success.
    failures: u32,
    /// When the next attempt is made after a failure.
    retry_at_ms: Option<Millis>,
    /// The notification that the gateway refuses, and since when.
    refused: Option<(EventSn, Millis)>,
}

impl Live {
    /// `begun` is the newest position when delivery began.
    pub(super) fn new(row: PusherRow, begun: Position) -> Self {
        let state = State {
            doubtful_upto: begun.as_i64(),
            taken: row.progress.upto,
            saved: row.progress.clone(),
            progress: row.progress,
            set_ms: row.set_ms,
            failures: 0,
            retry_at_ms: None,
            refused: None,
        };
        Self { state: Mutex::new(state), poke: Notify::new() }
    }

    /// The progress, which may be ahead of the database, and the time of the next attempt.
    pub(super) fn progress(&self) -> (PushProgress, Option<Millis>) {
        let state = self.state.lock();
        (state.progress.clone(), state.retry_at_ms)
    }

    pub(super) fn upto(&self) -> i64 {
        self.state.lock().progress.upto
    }

    /// The unread count that the gateway was last told.
    pub(super) fn badge(&self) -> Option<u64> {
        self.state.lock().progress.badge
    }

    pub(super) fn failing_since_ms(&self) -> Option<Millis> {
        self.state.lock().progress.failing_since_ms
    }

    /// Notes when the client last set the pusher. A new time ends the wait after a failure.
    pub(super) fn set_at(&self, set_ms: Millis) {
        let mut state = self.state.lock();
        if std::mem::replace(&mut state.set_ms, set_ms) != set_ms {
            self.poke.notify_one();
        }
    }

    /// Everything up to a position is delivered, or need not be.
    pub(super) fn advance(&self, upto: i64) {
        let mut state = self.state.lock();
        state.progress.upto = state.progress.upto.max(upto);
    }

    /// Notes that the gateway took a notification with an unread count, of the event at `ord` unless it was of the count
    /// only. Returns whether it had failed before.
    pub(super) fn succeeded(&self, ord: Option<i64>, badge: Option<u64>, now_ms: Millis) -> bool {
        let mut state = self.state.lock();
        (state.failures, state.retry_at_ms, state.refused) = (0, None, None);
        if let Some(ord) = ord {
            state.taken = state.taken.max(ord);
        }
        let progress = &mut state.progress;
        // Together with the rest, so that no record of the success is without the position.
        progress.upto = progress.upto.max(ord.unwrap_or(0));
        progress.badge = badge.or(progress.badge);
        progress.delivered_ms = Some(now_ms);
        progress.error = None;
        progress.failing_since_ms.take().is_some()
    }

    /// Notes a failure, after which [`Live::wait_ms`] must pass. Returns whether it is the first one.
    pub(super) fn failed(&self, error: String, now_ms: Millis, chance: u8) -> bool {
        let mut state = self.state.lock();
        state.failures = state.failures.saturating_add(1);
        let is_first = state.progress.failing_since_ms.is_none();
        let since = *state.progress.failing_since_ms.get_or_insert(now_ms);
        state.progress.error = Some(error.chars().take(limits::users::PUSH_ERROR_CHARS_MAX).collect());
        state.retry_at_ms = Some(now_ms + wait_ms(state.failures, now_ms.saturating_sub(since), chance));
        is_first
    }

    /// Notes that the gateway refuses a notification; returns since when.
    pub(super) fn refused(&self, event: EventSn, now_ms: Millis) -> Millis {
        let mut state = self.state.lock();
        match state.refused {
            Some((known, since)) if known == event => since,
            _ => state.refused.insert((event, now_ms)).1,
        }
    }

    /// How long to wait before the next attempt, in milliseconds.
    pub(super) fn wait_ms(&self, now_ms: Millis) -> Millis {
        self.state.lock().retry_at_ms.map_or(0, |at| at.saturating_sub(now_ms))
    }

    /// Ends the wait after a failure.
    pub(super) fn poke(&self) {
        self.poke.notify_one();
    }

    /// Returns when the pusher was set again, or an attempt was asked for.
    pub(super) async fn poked(&self) {
        self.poke.notified().await;
    }

    /// The progress to record before anything else is sent: a notification that may have been sent before the last crash
    /// was taken again, and the database does not know it.
    pub(super) fn doubtful(&self) -> Option<PushProgress> {
        let state = self.state.lock();
        let doubtful = state.saved.upto + 1..=state.doubtful_upto;
        doubtful.contains(&state.taken).then(|| state.progress.clone())
    }

    /// The progress to record; none if the database has it, or if nothing was sent since and fewer positions than
    /// `passed_max` were passed over.
    pub(super) fn unsaved(&self, passed_max: i64) -> Option<PushProgress> {
        let state = self.state.lock();
        let (now, saved) = (&state.progress, &state.saved);
        let is_far = now.upto.saturating_sub(saved.upto) >= passed_max;
        let is_moved = PushProgress { upto: saved.upto, ..now.clone() } != *saved;
        (is_far || is_moved).then(|| now.clone())
    }

    /// Notes that this progress is in the database.
    pub(super) fn saved(&self, progress: &PushProgress) {
        self.state.lock().saved = progress.clone();
    }
}

/// How long to wait after so many failures, the first of which was `away_ms` ago.
fn wait_ms(failures: u32, away_ms: Millis, chance: u8) -> Millis {
    let is_stale = away_ms >= limits::users::PUSH_AGE_MS_MAX;
    let max_ms = if is_stale { limits::BACKOFF_AWAY_MS_MAX } else { limits::BACKOFF_MS_MAX };
    Backoff::new(limits::users::PUSH_RETRY_MS, max_ms).wait_ms(failures, chance)
}
