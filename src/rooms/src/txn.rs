//! Transaction ids: a client that lost an answer repeats its request; the repetition does nothing and returns the
//! first answer (client-server API, "Transaction identifiers").

use hearth_base::{Millis, Result};
use hearth_core::Requester;
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::tables::txns;

/// A transaction: a device, an endpoint with its room, and the id that the client chose.
#[derive(Debug, Clone)]
pub(super) struct Txn {
    id: String,
    key: i64,
}

impl Txn {
    /// Creates the transaction `id` of an endpoint. `scope` holds everything else that makes requests distinct: the
    /// room, the event type.
    pub(super) fn new(scope: &[&str], id: String) -> Self {
        Self { key: txns::key(&scope.join("\0"), &id), id }
    }

    /// Returns the id that the client chose.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Returns the first answer, if this is a repetition.
    pub(super) fn answered(&self, tx: &mut dyn Tx, requester: &Requester) -> Result<Option<String>> {
        txns::find(tx, requester.device, self.key)
    }

    /// Stores the answer for repetitions.
    pub(super) fn remember(
        &self,
        tx: &mut WriteTx<'_>,
        requester: &Requester,
        answer: &str,
        now_ms: Millis,
    ) -> Result<()> {
        txns::insert(tx.tx(), requester.device, self.key, answer, now_ms)
    }
}
