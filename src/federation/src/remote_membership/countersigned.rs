//! Adds local users' member events that other servers have signed to rooms that this server is already in.

use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_store::ids::RoomSn;
use hearth_store::tables::rooms;
use ruma::{RoomId, ServerName};

use super::Federation;
use crate::pdu::{IncomingPdu, PduOutcome, StateNeed};

impl Federation {
    /// Adds an event that `from` has signed.
    pub(super) async fn admit_own(
        self: &Arc<Self>,
        room_id: &RoomId,
        event: IncomingPdu,
        from: &ServerName,
    ) -> Result<()> {
        let room = self.number(room_id).await?;
        allowed(self.handle_pdu(room, event, from, StateNeed::Whole).await?)
    }

    /// Adds an event and sends it to other servers.
    pub(super) async fn let_in_own(self: &Arc<Self>, room_id: &RoomId, event: IncomingPdu) -> Result<()> {
        let room = self.number(room_id).await?;
        allowed(self.let_in(room, event, None).await?)
    }

    async fn number(&self, room_id: &RoomId) -> Result<RoomSn> {
        let id = room_id.to_string();
        let room = self.core.store.read("room_by_id", move |tx| rooms::by_id(tx.tx(), &id)).await?;
        room.map(|room| room.sn).ok_or_else(|| Error::not_found(format!("This server knows no room {room_id}.")))
    }
}

fn allowed(verdict: PduOutcome) -> Result<()> {
    match verdict {
        PduOutcome::Accepted | PduOutcome::Known => Ok(()),
        PduOutcome::SoftFailed(why) | PduOutcome::Rejected(why) => {
            Err(Error::forbidden(format!("The rules of this room do not allow that: {why}")))
        }
    }
}
