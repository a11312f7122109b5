//! Runs an action to completion when its client hangs up.

use hearth_base::boxed;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::detached;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::Actions;

/// Number of running actions; shutdown waits for them.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    count: AtomicUsize,
    none: Notify,
}

/// Guard for one running action. Dropping it decrements the count, also after a panic.
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
    /// Runs an action on its own task and waits for it. When the caller is dropped, the action continues for at most
    /// [`limits::ACTION_MS_MAX`].
    pub(super) async fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        // Incremented before the task starts, so that a concurrent shutdown sees it.
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

    /// Waits until no action is running, at most for `wait`. Called at shutdown, after the last request. Actions that
    /// still run are aborted; durable ones resume at the next start.
    #[boxed]
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
