//! Sends what is due. Sleeps until then, and without a timer while nothing waits.

use std::future::Future;
use std::pin::pin;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hearth_base::Result;
use tokio::time::Instant;

use super::model::DelayId;
use super::{Delayed, outcome};
use crate::rates::{Rate, RateSubject};

/// Events that are being sent at the same time. They share syncs of the disk; one whose room has a slow policy server does not
/// hold up the others.
const AT_ONCE_MAX: usize = 32;

impl Delayed {
    /// Sends what is due, until `stopping`. Runs once. `send` sends an event that waits, and says whether it was waiting.
    pub(crate) async fn run<F>(&self, stopping: impl Future<Output = ()>, send: impl Fn(DelayId) -> F)
    where
        F: Future<Output = Result<bool>>,
    {
        let (mut stopping, mut under_way) = (pin!(stopping), FuturesUnordered::new());
        loop {
            let free = AT_ONCE_MAX - under_way.len();
            let due = self.core.delayed.book.lock().take_due(Instant::now(), free);
            under_way.extend(due.into_iter().map(|id| self.send_due(id, &send)));
            let next = match under_way.len() {
                AT_ONCE_MAX => None,
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
        // Or many events for the same moment would be a way around the limit. Not tried again, as MSC4140 has it.
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
