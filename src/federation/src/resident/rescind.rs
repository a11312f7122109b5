//! Revoked invites and rejected knocks in rooms that this server is not in.
//!
//! The auth rules cannot be checked, because the room's state is not stored here. Two conditions hold instead. The
//! event's auth events must include the invite or knock that it ends, so its server knows that event. And only the
//! inviter's server may revoke an invite, which could have signed any other event of the inviter as well.

use std::sync::Arc;

use hearth_base::Result;
use hearth_rooms::RoomCore;
use hearth_rooms::event::{Authored, version};
use hearth_store::Lane;
use hearth_store::engine::Tx;
use hearth_store::tables::memberships::Membership;
use ruma::{OwnedRoomId, OwnedUserId, RoomId, ServerName, UserId};

use super::Federation;
use crate::out_of_band::{self, OutOfBandMembership};
use crate::pdu::{IncomingPdu, UncheckedPdu};

impl Federation {
    /// Checks whether an event ends an invite or a knock in a room that this server is not in. Other events are left to
    /// the normal checks.
    pub(crate) async fn take_ending(self: &Arc<Self>, origin: &ServerName, room_id: &RoomId, pdu: &UncheckedPdu) {
        let ends = pdu.text("type") == Some("m.room.member")
            && matches!(pdu.content_text("membership"), Some("leave" | "ban"));
        let user = pdu.text("state_key").filter(|_| ends).and_then(|user| UserId::parse(user).ok());
        let Some(user) = user.filter(|user| self.core.is_local(user)) else { return };
        if let Err(error) = self.end_membership(origin, room_id.to_owned(), user, pdu).await {
            tracing::info!(%error, federation.server = %origin, "Failed to withdraw an invite or a knock.");
        }
    }

    async fn end_membership(
        self: &Arc<Self>,
        origin: &ServerName,
        room_id: OwnedRoomId,
        user: OwnedUserId,
        pdu: &UncheckedPdu,
    ) -> Result<()> {
        let (of, who) = (room_id.clone(), user.clone());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| out_of_band::membership_status(tx.tx(), &of, &who);
        let Some(membership_status) = self.core.store.read("federation_standing", read).await? else { return Ok(()) };
        if !matches!(membership_status.row.membership, Membership::Invite | Membership::Knock) {
            return Ok(());
        }
        let rules = version::stored_rules(&membership_status.room.version)?;
        let event = self.unchanged(rules, pdu.clone().parse(rules, Some(&room_id))?).await?;
        if event.pdu.sender.server_name() != origin {
            return Ok(());
        }
        let core = self.core.clone();
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            let Some(before) = out_of_band::membership_status(tx.tx(), &room_id, &user)? else { return Ok(()) };
            if !may_end(&core, tx.tx(), &before, &event)? {
                return Ok(());
            }
            out_of_band::stand(&core, tx, &before.room, &Authored { pdu: event.pdu, json: event.json }, None)
        };
        self.core.store.write_in(Lane::Federation, "federation_rescind", write).await
    }
}

fn may_end(core: &Arc<RoomCore>, tx: &mut dyn Tx, before: &OutOfBandMembership, event: &IncomingPdu) -> Result<bool> {
    let member = core.events.get(tx, before.row.event)?;
    let knows = event.pdu.auth_events.contains(&member.pdu.event_id);
    Ok(match before.row.membership {
        Membership::Invite => knows && event.pdu.sender.server_name() == member.pdu.sender.server_name(),
        Membership::Knock => knows,
        _ => false,
    })
}
