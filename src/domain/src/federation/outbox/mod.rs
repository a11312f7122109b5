//! The outbox: brings to other servers what was put down for them (server-server API, "Transactions"), each event and each
//! durable EDU at least once, in their order, however often either side is away.
//!
//! Rooms and the rest put news down in `crate::outgoing`, one row for each, in the transaction that makes them; who lacks
//! a row is part of it. Here the rows are kept in memory, as a queue for each server that lacks any; what servers have got is
//! noted in the database every half a minute. After a crash that much is sent again, which the receivers notice.
//!
//! A server that cannot be reached is left alone for longer and longer, until it gives a sign of life. While it is away, of
//! many events only the newest of each room is kept for it: from there it finds the others by asking. So a server that
//! never comes back costs one row a room.
//!
//! What is sent, and to whom, is decided where it is put down.

mod backoff;
mod ephemeral;
mod figures;
mod model;
mod queue;
mod run;
mod server;
mod settle;
mod status;
#[cfg(test)]
mod tests;
mod transaction;

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use ruma::ServerName;
use tokio::time::Instant;

pub use figures::OutboxFigures;
pub use status::Destination;

use super::Federation;
use crate::core::Core;

/// The outbox's memory.
#[derive(Debug)]
pub struct Outbox {
    book: Mutex<model::OutboxModel>,
    figures: figures::Counters,
    /// What transaction ids begin with: different after each start, for a server ignores a transaction whose id it has seen.
    run: String,
    transactions: AtomicU64,
}

impl Outbox {
    pub(super) fn new(core: &Core) -> Self {
        Self {
            book: Mutex::default(),
            figures: figures::Counters::default(),
            run: core.seams.random.alphanumeric(10),
            transactions: AtomicU64::new(0),
        }
    }

    fn next_transaction_id(&self) -> String {
        format!("{}{}", self.run, self.transactions.fetch_add(1, Ordering::Relaxed))
    }
}

impl Federation {
    /// Notes a sign of life: a server that could not be reached has sent something. It is tried again soon.
    pub fn alive(&self, server: &ServerName) {
        if self.outbox.book.lock().alive(server, Instant::now(), self.core.now_ms()) {
            self.core.outgoing.ring();
        }
    }

    /// What was sent, and what waits.
    #[must_use]
    pub fn outbox_figures(&self) -> OutboxFigures {
        let totals = self.outbox.book.lock().totals();
        self.outbox.figures.with(totals)
    }
}
