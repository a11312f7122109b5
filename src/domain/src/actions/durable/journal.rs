//! Schedule of durable actions that wait for a retry, in memory. The rows on disk are authoritative; the journal only
//! holds when each is due.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_base::Millis;
use hearth_store::ids::UserSn;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{DurableAction, backoff};

/// A durable action that waits for its next try.
#[derive(Debug, Clone)]
pub(in crate::actions) struct Waiting {
    /// The serial number of its row.
    pub(super) sn: u64,
    /// The user it acts for.
    pub(super) user: UserSn,
    /// The request to repeat.
    pub(super) action: DurableAction,
    /// When the action was first recorded, in milliseconds; bounds how long it is retried.
    pub(super) begun_ms: Millis,
    /// Number of tries so far.
    pub(super) tries: u32,
}

/// Waiting actions, ordered by due time.
#[derive(Debug, Default)]
pub(in crate::actions) struct Journal {
    waiting: Mutex<BTreeMap<(Instant, u64), Waiting>>,
    /// Wakes the retry task when an earlier due time arrives.
    pub(super) sooner: Notify,
}

impl Journal {
    /// Starts a promise for an action whose row is on disk and which runs now.
    pub(in crate::actions) fn promise(
        self: &Arc<Self>,
        sn: u64,
        user: UserSn,
        action: DurableAction,
        begun_ms: Millis,
    ) -> Promise {
        let waiting = Waiting { sn, user, action, begun_ms, tries: 0 };
        self.promise_again(waiting)
    }

    pub(super) fn promise_again(self: &Arc<Self>, waiting: Waiting) -> Promise {
        Promise { journal: Arc::clone(self), waiting: Some(waiting) }
    }

    /// Schedules an action for `due`.
    pub(super) fn add(&self, due: Instant, waiting: Waiting) {
        self.waiting.lock().insert((due, waiting.sn), waiting);
        self.sooner.notify_one();
    }

    /// Removes and returns due actions, at most `max`.
    pub(super) fn take_due(&self, now: Instant, max: usize) -> Vec<Waiting> {
        let mut waiting = self.waiting.lock();
        let mut due = Vec::new();
        while due.len() < max
            && let Some(first) = waiting.first_entry()
            && first.key().0 <= now
        {
            due.push(first.remove());
        }
        due
    }

    /// The earliest due time.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.waiting.lock().first_key_value().map(|((due, _), _)| *due)
    }
}

/// A running durable action. Dropped without [`Promise::fulfilled`], also by a panic or a timeout, it is scheduled
/// again.
#[derive(Debug)]
pub(in crate::actions) struct Promise {
    journal: Arc<Journal>,
    waiting: Option<Waiting>,
}

impl Promise {
    /// The serial number of its row.
    pub(super) fn sn(&self) -> u64 {
        self.waiting.as_ref().map_or(0, |waiting| waiting.sn)
    }

    /// The action that runs.
    pub(in crate::actions) fn action(&self) -> Option<&DurableAction> {
        self.waiting.as_ref().map(|waiting| &waiting.action)
    }

    /// Marks the action as ended: its row is deleted, so there is nothing to schedule.
    pub(super) fn fulfilled(mut self) {
        self.waiting = None;
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if let Some(mut waiting) = self.waiting.take() {
            waiting.tries += 1;
            // The row number spreads retries of actions that failed together as well as a random number would.
            let due = Instant::now() + backoff::wait(waiting.tries, u8::try_from(waiting.sn % 256).unwrap_or(0));
            self.journal.add(due, waiting);
        }
    }
}
