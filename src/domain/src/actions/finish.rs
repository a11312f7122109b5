//! Letting an action go on when the client that asked for it hangs up.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::Actions;
use crate::detached;

/// How many actions are under way that a stop of the server should wait for.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    count: AtomicUsize,
    none: Notify,
}

/// One of them, for as long as it is there. Also dropped when the action panics.
struct One(Arc<UnderWay>);

impl UnderWay {
    fn begin(self: &Arc<Self>) -> One {
        self.count.fetch_add(1, Ordering::AcqRel);
        One(Arc::clone(self))
    }
}

impl Drop for One {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none.notify_waiters();
        }
    }
}

impl Actions {
    /// Runs an action to its end on a task of its own and waits for it. When the caller is dropped, the action goes on, for at most
    /// [`limits::ACTION_MS_MAX`].
    pub(super) async fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        // Counted before the task begins: a stop in between must see it.
        let one = self.under_way.begin();
        let until = Instant::now() + Duration::from_millis(limits::ACTION_MS_MAX);
        let task = detached::go_on(async move {
            let _one = one;
            timeout_at(until, work).await
        });
        match task.await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(refuse(Reason::ConnectionFailed, "This took too long, and was given up.")),
            Err(error) => Err(Error::fault("finishing an action", error)),
        }
    }

    /// Returns when no action is under way, at most after `wait`. For a stop, when no more requests come. What is still under way
    /// then is cut off; durable actions are resumed at the next start.
    pub async fn settled(&self, wait: Duration) {
        let until = Instant::now() + wait;
        loop {
            let mut none = std::pin::pin!(self.under_way.none.notified());
            none.as_mut().enable();
            let count = self.under_way.count.load(Ordering::Acquire);
            if count == 0 {
                return;
            }
            if timeout_at(until, none).await.is_err() {
                tracing::warn!(actions = count, "Stopped although actions were still under way.");
                return;
            }
        }
    }
}
