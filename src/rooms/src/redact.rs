//! Redacts events on behalf of clients (client-server API, "Redactions").

use hearth_base::Result;
use hearth_base::boxed;
use hearth_core::Requester;
use hearth_store::WriteTx;
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedEventId, OwnedRoomId};

use super::event::Draft;
use super::send::send;
use super::txn::Txn;
use super::{LocalRooms, policy, redaction};

impl LocalRooms {
    /// Redacts an event. A repeated transaction id returns the id of the first redaction.
    ///
    /// Refuses with `M_FORBIDDEN` events of other users without the power for it, with `M_NOT_FOUND` unknown events,
    /// and with `M_USER_SUSPENDED` events of other users if the requester is suspended, whatever their power.
    #[boxed]
    pub async fn redact(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        target: OwnedEventId,
        txn: String,
        reason: Option<String>,
    ) -> Result<OwnedEventId> {
        let content: CanonicalJsonObject =
            reason.map(|reason| ("reason".to_owned(), reason.into())).into_iter().collect();
        let txn = Txn::new(&["redact", room_id.as_str(), target.as_str()], txn);
        let draft = Draft { redacts: Some(target.clone()), ..Draft::message("m.room.redaction", content) };
        let (core, who) = (self.core.clone(), who.clone());
        let write = move |tx: &mut WriteTx<'_>| {
            if who.suspended {
                redaction::must_be_own(&core, tx.tx(), &who.user_id, &target)?;
            }
            send(&core, tx, &who, &room_id, &txn, draft)
        };
        policy::write(&self.core, "event_redact", write).await
    }
}
