//! The outbox: delivers PDUs and EDUs to other servers (server-server API, "Transactions"). Each event and each
//! durable EDU is delivered at least once, in order, however often either side is down.
//!
//! Other modules insert outgoing data with `hearth_rooms::outgoing`, one row for each item, in the transaction that creates
//! it; the row lists its destinations. The outbox keeps the rows in memory as one queue for each destination, and
//! writes deliveries back to the database every half minute. After a crash the items since then are sent again, and
//! the receivers deduplicate them.
//!
//! An unreachable server has a growing back-off until it sends a request. While it is unreachable, only the newest
//! event of each room is kept for it if many wait: from there it fetches the others. So a server that never returns
//! costs one row for each room.
//!
//! The sender of an item decides its content and destinations.

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

use hearth_rooms::RoomCore;
use parking_lot::Mutex;
use ruma::ServerName;
use tokio::time::Instant;

pub use figures::OutboxFigures;
pub use status::Destination;

use super::Federation;

/// The outbox's state in memory.
#[derive(Debug)]
pub struct Outbox {
    book: Mutex<model::OutboxModel>,
    figures: figures::Counters,
    /// Prefix of transaction ids, different after each start: a server ignores a transaction with a known id.
    run: String,
    transactions: AtomicU64,
}

impl Outbox {
    pub(super) fn new(core: &RoomCore) -> Self {
        Self {
            book: Mutex::new(model::OutboxModel::new(core.outgoing.shares())),
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
    /// Notes that an unreachable server has sent a request, and retries it soon.
    pub fn alive(&self, server: &ServerName) {
        if self.outbox.book.lock().alive(server, Instant::now(), self.core.now_ms()) {
            self.core.outgoing.ring();
        }
    }

    /// Metrics of sent and waiting items.
    #[must_use]
    pub fn outbox_figures(&self) -> OutboxFigures {
        let totals = self.outbox.book.lock().totals();
        self.outbox.figures.with(totals)
    }
}
