//! Delays the sync of a sending device until its send request is answered. A client that sends and syncs at the same
//! time has two connections; if its own event arrives in the sync before it knows the event id, the client takes it
//! for another user's event (client-server API, "Sending events to a room", transaction identifiers).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hearth_base::limits::core::ANSWERING_HELD_MAX;
pub use hearth_store::ids::DeviceSn;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// Time for the response to reach the client before the sync follows.
const HEAD_START: Duration = Duration::from_millis(3);

/// The running requests whose event may appear in a sync.
#[derive(Debug, Default)]
pub struct Answering {
    next: AtomicU64,
    pending: Mutex<HashMap<DeviceSn, BTreeSet<u64>>>,
    answered: Notify,
}

/// Guard of a running request; dropped when the response is ready.
#[derive(Debug)]
pub struct Request {
    of: Arc<Answering>,
    device: DeviceSn,
    number: u64,
}

impl Answering {
    /// Registers a running request of this device.
    #[must_use]
    pub fn begin(self: &Arc<Self>, device: DeviceSn) -> Request {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.pending.lock().entry(device).or_default().insert(number);
        Request { of: Arc::clone(self), device, number }
    }

    /// Waits until the current requests of this device are answered, and for the head start.
    pub async fn answered(&self, device: DeviceSn) {
        let now = self.next.load(Ordering::Relaxed);
        let is_pending =
            || self.pending.lock().get(&device).and_then(BTreeSet::first).is_some_and(|first| *first < now);
        if !is_pending() {
            return;
        }
        let all_answered = async {
            loop {
                let mut answered = std::pin::pin!(self.answered.notified());
                answered.as_mut().enable();
                if !is_pending() {
                    return;
                }
                answered.await;
            }
        };
        if timeout(ANSWERING_HELD_MAX, all_answered).await.is_ok() {
            sleep(HEAD_START).await;
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let mut pending = self.of.pending.lock();
        if let Some(numbers) = pending.get_mut(&self.device) {
            numbers.remove(&self.number);
            if numbers.is_empty() {
                pending.remove(&self.device);
            }
        }
        drop(pending);
        self.of.answered.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_echo_waits_for_the_answer_and_for_nothing_else() {
        let answering = Arc::<Answering>::default();
        let started = tokio::time::Instant::now();
        answering.answered(DeviceSn(1)).await;
        assert_eq!(started.elapsed(), Duration::ZERO, "nothing is pending");
        let _others = answering.begin(DeviceSn(2));
        let request = answering.begin(DeviceSn(1));
        let answers = async {
            sleep(Duration::from_millis(20)).await;
            drop(request);
        };
        tokio::join!(answers, answering.answered(DeviceSn(1)));
        assert_eq!(started.elapsed(), Duration::from_millis(20) + HEAD_START);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_hangs_holds_no_sync_for_long() {
        let answering = Arc::<Answering>::default();
        let _hangs = answering.begin(DeviceSn(1));
        let started = tokio::time::Instant::now();
        answering.answered(DeviceSn(1)).await;
        assert_eq!(started.elapsed(), ANSWERING_HELD_MAX);
    }
}
