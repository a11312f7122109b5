//! Which durable actions wait for another try, in memory. The rows on disk are the truth; this says when.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_base::Millis;
use hearth_store::ids::UserSn;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{DurableAction, backoff};

/// An action that waits.
#[derive(Debug, Clone)]
pub(in crate::actions) struct Waiting {
    /// The number of its row.
    pub(super) sn: u64,
    /// In whose name.
    pub(super) user: UserSn,
    /// What.
    pub(super) action: DurableAction,
    /// When it began.
    pub(super) begun_ms: Millis,
    /// How often it has been tried.
    pub(super) tries: u32,
}

/// What waits, by when it is due.
#[derive(Debug, Default)]
pub(in crate::actions) struct Journal {
    waiting: Mutex<BTreeMap<(Instant, u64), Waiting>>,
    /// Wakes the task that resumes actions.
    pub(super) sooner: Notify,
}

impl Journal {
    /// An action whose row is on disk and which is done now.
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

    /// Lets an action wait until `due`.
    pub(super) fn add(&self, due: Instant, waiting: Waiting) {
        self.waiting.lock().insert((due, waiting.sn), waiting);
        self.sooner.notify_one();
    }

    /// Takes out what is due, at most `max` actions.
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

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.waiting.lock().first_key_value().map(|((due, _), _)| *due)
    }
}

/// An action that is being done and has not ended. Dropped without [`Promise::fulfilled`], also by a panic or because it took too
/// long, it is tried again later.
#[derive(Debug)]
pub(in crate::actions) struct Promise {
    journal: Arc<Journal>,
    waiting: Option<Waiting>,
}

impl Promise {
    /// The number of its row.
    pub(super) fn sn(&self) -> u64 {
        self.waiting.as_ref().map_or(0, |waiting| waiting.sn)
    }

    /// What is done.
    pub(in crate::actions) fn action(&self) -> Option<&DurableAction> {
        self.waiting.as_ref().map(|waiting| &waiting.action)
    }

    /// Its row is gone.
    pub(super) fn fulfilled(mut self) {
        self.waiting = None;
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if let Some(mut waiting) = self.waiting.take() {
            waiting.tries += 1;
            // The row's number is as good as chance to spread what failed together.
            let due = Instant::now() + backoff::wait(waiting.tries, u8::try_from(waiting.sn % 256).unwrap_or(0));
            self.journal.add(due, waiting);
        }
    }
}
