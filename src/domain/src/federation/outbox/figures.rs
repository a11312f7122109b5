//! What has been sent since the start, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

use super::model::TransactionPlan;
use super::transaction::TransactionFate;

/// Counters.
#[derive(Debug, Default)]
pub(super) struct Counters {
    transactions: AtomicU64,
    failed: AtomicU64,
    events: AtomicU64,
    edus: AtomicU64,
    complaints: AtomicU64,
}

/// Numbers for the operator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutboxFigures {
    /// Transactions that other servers took.
    pub transactions: u64,
    /// Transactions that they did not take.
    pub failed: u64,
    /// Events in the former, counted for each server.
    pub events: u64,
    /// EDUs in the former.
    pub edus: u64,
    /// Events that a server took and was not content with.
    pub complaints: u64,
    /// Servers whose last attempt failed.
    pub away: usize,
    /// Events that wait, counted for each server.
    pub queued_events: usize,
    /// EDUs that wait.
    pub queued_edus: usize,
}

impl Counters {
    pub(super) fn note(&self, plan: &TransactionPlan, status: &TransactionFate) {
        let add = |counter: &AtomicU64, count: usize| _ = counter.fetch_add(count as u64, Ordering::Relaxed);
        if let TransactionFate::Taken { complaints: found } = status {
            add(&self.transactions, 1);
            add(&self.events, plan.events.len());
            add(&self.edus, plan.edus.len() + plan.ephemera.edus().len());
            add(&self.complaints, *found);
        } else {
            add(&self.failed, 1);
        }
    }

    /// With what waits at the moment: servers away, events, EDUs.
    pub(super) fn with(&self, (away, queued_events, queued_edus): (usize, usize, usize)) -> OutboxFigures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        OutboxFigures {
            transactions: read(&self.transactions),
            failed: read(&self.failed),
            events: read(&self.events),
            edus: read(&self.edus),
            complaints: read(&self.complaints),
            away,
            queued_events,
            queued_edus,
        }
    }
}
