//! Transaction ids: a request that a client repeats, because its answer got lost, does nothing a second time and gets the
//! first answer (client-server API, "Transaction identifiers").

use hearth_base::{Millis, Result};
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::tables::txns;

use crate::Requester;

/// One transaction: a device, an endpoint (with its room), and the id the client chose.
#[derive(Debug, Clone)]
pub(super) struct Txn {
    id: String,
    key: i64,
}

impl Txn {
    /// The transaction `id` of an endpoint. `scope` also names what else sets requests apart: the room, the event type.
    pub(super) fn new(scope: &[&str], id: String) -> Self {
        Self { key: txns::key(&scope.join("\0"), &id), id }
    }

    /// The id that the client chose.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// What was answered before, if this is a repetition.
    pub(super) fn answered(&self, tx: &mut dyn Tx, requester: &Requester) -> Result<Option<String>> {
        txns::find(tx, requester.device, self.key)
    }

    /// Remembers the answer.
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
