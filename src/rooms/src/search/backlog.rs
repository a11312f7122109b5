//! Counts the events that are not in the index yet, and wakes the task that indexes them.

use std::sync::atomic::{AtomicU64, Ordering};

use hearth_base::limits::SEARCH_INDEX_EVENTS_MIN;
use tokio::sync::Notify;

/// The events that are not in the index yet.
#[derive(Debug, Default)]
pub struct Backlog {
    events: AtomicU64,
    bell: Notify,
}

impl Backlog {
    /// Counts a stored event. Called after the commit.
    pub(crate) fn stored(&self) {
        if self.events.fetch_add(1, Ordering::Relaxed) + 1 == SEARCH_INDEX_EVENTS_MIN {
            self.bell.notify_one();
        }
    }

    /// Sets the number, as counted in the database. Events that are stored meanwhile may be left out of it: the number
    /// decides when to look again, and nothing else.
    pub(super) fn set(&self, events: u64) {
        self.events.store(events, Ordering::Relaxed);
    }

    /// Waits until there are enough for a write.
    pub(super) async fn is_due(&self) {
        while self.events.load(Ordering::Relaxed) < SEARCH_INDEX_EVENTS_MIN {
            self.bell.notified().await;
        }
    }
}
