//! Member events made from a template: remote users join, knock and leave (server-server API, `send_join`,
//! `send_knock`, `send_leave`).

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_rooms::RoomCore;
use hearth_rooms::event::version;
use hearth_rooms::membership::{self, AUTHORISED_VIA};
use hearth_rooms::stripped;
use hearth_store::engine::Tx;
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::rooms::Room;
use ruma::canonical_json::CanonicalJsonObject;
use ruma::events::TimelineEventType;
use ruma::{EventId, OwnedRoomId, ServerName, UserId};
use serde_json::value::RawValue;

use super::Federation;
use super::join_response::{self, JoinResponseFormat};
use crate::pdu::{self, IncomingPdu, PduOutcome};
use crate::serve::EventListBody;
use crate::sign;

/// An accepted member event.
struct LetIn {
    room: Room,
    event: IncomingPdu,
}

impl Federation {
    /// Accepts a remote user's join. Returns the room's state before the join and its auth chain.
    ///
    /// `M_NOT_FOUND` for rooms that this server is not in, `M_INVALID_PARAM` or `M_BAD_JSON` when it is not a join of
    /// the other server's user, and `M_FORBIDDEN` when the room does not allow it.
    #[boxed]
    pub async fn receive_join(
        self: &Arc<Self>,
        origin: &ServerName,
        room_id: OwnedRoomId,
        event_id: &EventId,
        pdu: &RawValue,
        format: JoinResponseFormat,
    ) -> Result<EventListBody> {
        let LetIn { room, event } = self.receive_member(origin, room_id, event_id, pdu, Membership::Join).await?;
        let (core, id) = (self.core.clone(), event_id.to_owned());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| join_response::read(&core, tx.tx(), &room, &id, format);
        let response = self.core.store.read_slow("federation_joined", read).await?;
        response.write(&self.core.server_name, event.json, format)
    }

    /// Accepts a remote user's knock. Returns the stripped state. Errors as for a join.
    #[boxed]
    pub async fn receive_knock(
        self: &Arc<Self>,
        origin: &ServerName,
        room_id: OwnedRoomId,
        event_id: &EventId,
        pdu: &RawValue,
    ) -> Result<Vec<Box<RawValue>>> {
        let LetIn { room, event } = self.receive_member(origin, room_id, event_id, pdu, Membership::Knock).await?;
        let sender = event.pdu.sender;
        let read = move |tx: &mut hearth_store::ReadTx<'_>| stripped::events(tx.tx(), &room, &sender);
        self.core.store.read("federation_knocked", read).await
    }

    /// Accepts a remote user's leave, rejected invite or retracted knock. Errors as for a join.
    #[boxed]
    pub async fn receive_leave(
        self: &Arc<Self>,
        origin: &ServerName,
        room_id: OwnedRoomId,
        event_id: &EventId,
        pdu: &RawValue,
    ) -> Result<()> {
        self.receive_member(origin, room_id, event_id, pdu, Membership::Leave).await.map(drop)
    }

    async fn receive_member(
        self: &Arc<Self>,
        origin: &ServerName,
        room_id: OwnedRoomId,
        event_id: &EventId,
        pdu: &RawValue,
        membership: Membership,
    ) -> Result<LetIn> {
        let (core, of, by) = (self.core.clone(), room_id.clone(), origin.to_owned());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| super::room(&core, tx.tx(), &of, &by);
        let room = self.core.store.read("federation_room", read).await?;
        let rules = version::stored_rules(&room.version)?;
        let mut event = pdu::parse(rules, Some(&room_id), pdu)?;
        check(origin, event_id, &event, membership)?;
        // The signature check requires this server's signature, so it is added first; the event is sent to others only
        // after the check.
        if event.pdu.content_str(AUTHORISED_VIA).is_some_and(|voucher| is_ours(&self.core, &voucher)) {
            let (core, of, pdu) = (self.core.clone(), room.clone(), event.pdu.clone());
            let read = move |tx: &mut hearth_store::ReadTx<'_>| check_vouched(&core, tx.tx(), &of, &pdu.sender);
            self.core.store.read("federation_vouch", read).await?;
            event = sign::countersign(&self.core, rules, event)?;
        }
        let event = self.unchanged(rules, event).await?;
        let verdict = self.let_in(room.sn, event.clone(), Some(origin.to_owned())).await?;
        match verdict {
            PduOutcome::Accepted | PduOutcome::Known => Ok(LetIn { room, event }),
            PduOutcome::SoftFailed(why) | PduOutcome::Rejected(why) => {
                Err(Error::forbidden(format!("The rules of this room do not allow that: {why}")))
            }
        }
    }
}

fn is_ours(core: &RoomCore, user: &str) -> bool {
    <&UserId>::try_from(user).is_ok_and(|user| core.is_local(user))
}

fn check(origin: &ServerName, event_id: &EventId, event: &IncomingPdu, membership: Membership) -> Result<()> {
    let pdu = &event.pdu;
    let parts = [
        (*pdu.event_id == *event_id, "has another id than the path says"),
        (pdu.kind == TimelineEventType::RoomMember, "is no member event"),
        (pdu.content_str("membership").as_deref() == Some(membership.name()), "has another membership"),
        (pdu.sender.server_name() == origin, "is not by a user of the server that sends it"),
        (pdu.state_key.as_deref() == Some(pdu.sender.as_str()), "is about somebody else than its sender"),
    ];
    match parts.into_iter().find(|(is_right, _)| !is_right) {
        Some((_, what)) => Err(Error::invalid(format!("The event {what}."))),
        None => Ok(()),
    }
}

/// Refuses to authorise a join that this server would not authorise: its signature states that the user is in one of
/// the allowed rooms.
fn check_vouched(core: &RoomCore, tx: &mut dyn Tx, room: &Room, joiner: &UserId) -> Result<()> {
    let before = membership::membership_status(membership::current(core, tx, room, joiner)?.as_deref());
    let mut content = CanonicalJsonObject::new();
    membership::vouch(core, tx, room, joiner, before, &mut content)?;
    // A user who needs no authorising user may have been invited since the template was made.
    if content.contains_key(AUTHORISED_VIA) || matches!(before, Some(Membership::Join | Membership::Invite)) {
        return Ok(());
    }
    Err(Error::forbidden(format!("{joiner} is in none of the rooms whose members may join.")))
}
