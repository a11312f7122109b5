//! Counters of sent transactions since the start.

use std::sync::atomic::{AtomicU64, Ordering};

use super::model::TransactionPlan;
use super::transaction::TransactionFate;

/// Counters since the start.
#[derive(Debug, Default)]
pub(super) struct Counters {
    transactions: AtomicU64,
    failed: AtomicU64,
    events: AtomicU64,
    edus: AtomicU64,
    complaints: AtomicU64,
}

/// Outbox metrics for the operator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutboxFigures {
    /// Transactions that were accepted.
    pub transactions: u64,
    /// Transactions that failed.
    pub failed: u64,
    /// Events in accepted transactions, counted for each server.
    pub events: u64,
    /// EDUs in accepted transactions.
    pub edus: u64,
    /// Events for which the response to the transaction has an error.
    pub complaints: u64,
    /// Servers whose last attempt failed.
    pub away: usize,
    /// Waiting events, counted for each server.
    pub queued_events: usize,
    /// Waiting EDUs, counted for each server.
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

    /// Adds the current totals: failing servers, events, EDUs.
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
