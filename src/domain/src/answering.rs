//! Lets the answer to a request overtake its echo. A client that sends an event and syncs at the same time has two connections
//! to us; if it sees its own event in the sync before it has been told the event's id, it takes the event for somebody
//! else's (client-server API, "Sending events to a room", transaction identifiers). So a sync of the device that sends is held
//! back for as long as the request that it echoes is being answered.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hearth_store::ids::DeviceSn;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// The longest that a sync is held back: what takes longer is not waiting for its answer, but for something else.
const HELD_MAX: Duration = Duration::from_millis(250);
/// How long the answer's bytes may be on their way to the client before the echo follows.
const HEAD_START: Duration = Duration::from_millis(3);

/// The requests with an echo that are being answered.
#[derive(Debug, Default)]
pub struct Answering {
    next: AtomicU64,
    pending: Mutex<HashMap<DeviceSn, BTreeSet<u64>>>,
    answered: Notify,
}

/// One request that is being answered; dropped when the answer is ready.
#[derive(Debug)]
pub struct Request {
    of: Arc<Answering>,
    device: DeviceSn,
    number: u64,
}

impl Answering {
    /// Notes that a request of this device is being answered.
    #[must_use]
    pub fn begin(self: &Arc<Self>, device: DeviceSn) -> Request {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.pending.lock().entry(device).or_default().insert(number);
        Request { of: Arc::clone(self), device, number }
    }

    /// Waits until the requests of this device that are being answered now have their answers, and those a head start.
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
        if timeout(HELD_MAX, all_answered).await.is_ok() {
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
        assert_eq!(started.elapsed(), HELD_MAX);
    }
}
