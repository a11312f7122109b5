//! The loop that sends due events. Sleeps until the next event is due; needs no timer while none is scheduled.

use std::future::Future;
use std::pin::pin;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hearth_base::Result;
use hearth_base::limits::rooms::DELAYED_AT_ONCE_MAX;
use hearth_core::rates::{Rate, RateSubject};
use tokio::time::Instant;

use super::model::DelayId;
use super::{Delayed, outcome};

impl Delayed {
    /// Sends due events until `stopping`. Run only one. `send` sends a scheduled event, and returns whether it was
    /// scheduled.
    pub async fn run<F>(&self, stopping: impl Future<Output = ()>, send: impl Fn(DelayId) -> F)
    where
        F: Future<Output = Result<bool>>,
    {
        let (mut stopping, mut under_way) = (pin!(stopping), FuturesUnordered::new());
        loop {
            let free = DELAYED_AT_ONCE_MAX - under_way.len();
            let due = self.core.delayed.book.lock().take_due(Instant::now(), free);
            under_way.extend(due.into_iter().map(|id| self.send_due(id, &send)));
            // With all slots in use the timer is off; a finished send wakes the loop.
            let next = match under_way.len() {
                DELAYED_AT_ONCE_MAX => None,
                _ => self.core.delayed.book.lock().next_due(),
            };
            tokio::select! {
                () = &mut stopping => return,
                () = self.core.delayed.sooner.notified() => {}
                Some(()) = under_way.next() => {}
                () = until(next) => {}
            }
        }
    }

    async fn send_due<F>(&self, id: DelayId, send: &impl Fn(DelayId) -> F)
    where
        F: Future<Output = Result<bool>>,
    {
        let Some(owner) = self.core.delayed.book.lock().owner(&id) else { return };
        // Otherwise many events with the same due time would bypass the rate limit. Not retried, as MSC4140 requires.
        if let Err(refused) = self.rates.take(Rate::Message, RateSubject::User(owner)) {
            return self.give_up(id, &refused).await;
        }
        let Err(error) = send(id.clone()).await else { return };
        let chance = self.core.seams.random.chance();
        let wait = |tries: u32| outcome::RETRY.wait(tries, chance);
        let tries = self.core.delayed.book.lock().put_back(&id, wait, Instant::now());
        if outcome::may_pass(&error, tries) {
            tracing::warn!(%error, tries, "Failed to send a delayed event; will retry.");
        } else {
            self.give_up(id, &error).await;
        }
    }

    async fn give_up(&self, id: DelayId, why: &hearth_base::Error) {
        tracing::debug!(error = %why, "Delayed event refused.");
        if let Err(error) = outcome::fail(&self.core, id.clone(), why).await {
            tracing::warn!(%error, "Failed to record a refused delayed event; will retry.");
            let chance = self.core.seams.random.chance();
            let wait = |tries: u32| outcome::RETRY.wait(tries, chance);
            self.core.delayed.book.lock().put_back(&id, wait, Instant::now());
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
