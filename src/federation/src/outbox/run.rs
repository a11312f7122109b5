//! The send loop: loads outgoing rows, starts transactions, and processes their results.
//!
//! One transaction at a time for each server, which keeps the order of its events; several servers concurrently.
//! Without work it sleeps, without a timer.

use std::future::Future;
use std::pin::pin;

use futures_util::StreamExt;
use futures_util::future::{Fuse, FutureExt};
use futures_util::stream::FuturesUnordered;
use hearth_base::limits::federation::{OUTBOX_SETTLE_EVERY, OUTBOX_STOP_WAIT, OUTBOX_TROUBLE_WAIT};
use hearth_rooms::outgoing::OutgoingItem;
use tokio::time::Instant;

use super::backoff;
use super::model::TransactionPlan;
use super::transaction::TransactionFate;
use crate::Federation;

impl Federation {
    /// Sends outgoing items to other servers until `stopping`, then waits briefly for running transactions. Those that
    /// do not end are sent again after the next start. Runs once.
    pub async fn run_outbox(&self, stopping: impl Future<Output = ()>) {
        let mut stopping = pin!(stopping);
        // Before the database is read, so that a row committed meanwhile is found in one of the two.
        self.core.outgoing.open();
        while let Err(error) = self.load_outbox().await {
            tracing::error!(%error, "Failed to read the outbox.");
            tokio::select! {
                () = &mut stopping => return,
                () = tokio::time::sleep(OUTBOX_TROUBLE_WAIT) => {}
            }
        }
        let (mut under_way, mut settling) = (FuturesUnordered::new(), pin!(Fuse::terminated()));
        let mut settle_at = None;
        loop {
            self.take_in();
            while let Some(plan) = self.outbox.book.lock().next(Instant::now()) {
                under_way.push(self.send(plan));
            }
            if settle_at.is_none() && self.outbox.book.lock().is_unsettled() {
                settle_at = Some(Instant::now() + OUTBOX_SETTLE_EVERY);
            }
            let next_at = self.outbox.book.lock().next_at(Instant::now());
            tokio::select! {
                () = &mut stopping => break,
                () = self.core.outgoing.rung() => {}
                Some((plan, status)) = under_way.next() => self.learn(plan, status),
                () = until(next_at) => {}
                () = until(settle_at) => {
                    settle_at = Some(Instant::now() + OUTBOX_SETTLE_EVERY);
                    settling.set(self.settle_outbox().fuse());
                }
                settled = &mut settling => {
                    settle_at = None;
                    if let Err(error) = settled {
                        tracing::warn!(%error, "Failed to record sent transactions; will retry.");
                    }
                }
            }
        }
        // Rows committed from here on stay in the database until the next start.
        self.core.outgoing.close();
        let drain = async {
            while let Some((plan, status)) = under_way.next().await {
                self.learn(plan, status);
            }
        };
        if tokio::time::timeout(OUTBOX_STOP_WAIT, drain).await.is_err() {
            tracing::info!("Stopped with transactions in flight; they are sent again after the start.");
        }
    }

    /// Loads rows inserted since the last call.
    fn take_in(&self) {
        let posted = self.core.outgoing.take();
        if posted.is_empty() {
            return;
        }
        let (now, now_ms, mut book) = (Instant::now(), self.core.now_ms(), self.outbox.book.lock());
        for one in posted {
            match one {
                OutgoingItem::Row(at, news, to) => {
                    book.add_row(at, &news, to.iter().map(|(sn, name)| (*sn, name)), now)
                }
                OutgoingItem::Ephemeral(to, news) => {
                    for name in to.iter().filter(|name| self.core.check_talks_to(name).is_ok()) {
                        book.add_ephemeral(name, &news, now);
                    }
                }
                OutgoingItem::LeftOut(name, count) => book.left_out_full(&name, count, now, now_ms),
            }
        }
    }

    async fn send(&self, mut plan: TransactionPlan) -> (TransactionPlan, TransactionFate) {
        let status = self.transact(&mut plan).await;
        (plan, status)
    }

    /// Processes the result of a transaction.
    fn learn(&self, mut plan: TransactionPlan, status: TransactionFate) {
        let (now, now_ms, outbox) = (Instant::now(), self.core.now_ms(), &self.outbox);
        let chance = self.core.seams.random.chance();
        let mut book = outbox.book.lock();
        outbox.figures.note(&plan, &status);
        let was_failing = book.servers.get(&plan.to).is_some_and(super::server::Server::is_failing);
        let to = plan.to.clone();
        if !plan.left_out.is_empty() {
            book.leave_out(&mut plan);
        }
        match status {
            TransactionFate::Taken { .. } => {
                if was_failing {
                    tracing::info!(server = %to, "Destination is reachable again.");
                }
                book.succeeded(plan, now, now_ms);
            }
            TransactionFate::Refused(why) => {
                let dropped = book.refused(&mut plan);
                tracing::info!(server = %to, why, dropped, "Destination refuses transactions.");
                book.failed(plan, why, (now, now_ms), |failures, away| backoff::wait_ms(failures, away, chance));
            }
            TransactionFate::Failed { why, retry_after_ms } => {
                if !was_failing {
                    tracing::info!(server = %to, why, "Destination is unreachable; queued rows are kept.");
                }
                // The value is untrusted, so it is capped at the longest back-off.
                let asked = retry_after_ms.unwrap_or(0).min(hearth_base::limits::BACKOFF_MS_MAX);
                let wait = |failures, away| backoff::wait_ms(failures, away, chance).max(asked);
                book.failed(plan, why, (now, now_ms), wait);
            }
            TransactionFate::Unsent(error) => {
                tracing::error!(server = %to, %error, "Failed to build a transaction.");
                book.postponed(plan, now + OUTBOX_TROUBLE_WAIT, now);
            }
        }
    }
}

/// Sleeps until `then`; forever for `None`.
async fn until(then: Option<Instant>) {
    match then {
        Some(then) => tokio::time::sleep_until(then).await,
        None => std::future::pending().await,
    }
}
