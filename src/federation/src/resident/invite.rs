//! Incoming invites of local users (server-server API, "Inviting to a room").

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refusal};
use hearth_rooms::RoomCore;
use hearth_rooms::event::{Authored, version};
use hearth_rooms::membership::check_not_blocked;
use hearth_rooms::{acl, find};
use hearth_store::engine::Tx;
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::{accounts, rooms};
use ruma::events::TimelineEventType;
use ruma::room_version_rules::RoomVersionRules;
use ruma::{EventId, OwnedRoomId, ServerName, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Federation, open_invites};
use crate::pdu::{self, IncomingPdu};
use crate::{out_of_band, sign};

/// An incoming invite: the body of version 2 of the endpoint.
#[derive(Debug, Deserialize)]
pub struct Invite {
    /// The room's version, as given by the other server.
    pub room_version: String,
    /// The invite event, signed by the inviter's server.
    pub event: Box<RawValue>,
    /// The stripped state for the invited user. Servers before 1.16 may omit it.
    #[serde(default)]
    pub invite_room_state: Option<Vec<Box<RawValue>>>,
}

/// The other fields of the version 1 body, which is the event itself.
#[derive(Default, Deserialize)]
struct Old {
    #[serde(default)]
    unsigned: OldUnsigned,
}

#[derive(Default, Deserialize)]
struct OldUnsigned {
    #[serde(default)]
    invite_room_state: Vec<Box<RawValue>>,
}

impl Federation {
    /// Accepts an invite of a local user, and returns the event with this server's signature.
    ///
    /// `M_INCOMPATIBLE_ROOM_VERSION`; `M_INVALID_PARAM` or `M_BAD_JSON` when it is not an invite of a local user by a
    /// user of the other server; `M_FORBIDDEN` for unknown users and for servers that the room's server ACL denies;
    /// `M_INVITE_BLOCKED` for users who block invites; `M_LIMIT_EXCEEDED` for users with too many open invites.
    #[boxed]
    pub async fn receive_invite(
        self: &Arc<Self>,
        origin: &ServerName,
        room_id: OwnedRoomId,
        event_id: &EventId,
        invite: Invite,
    ) -> Result<Box<RawValue>> {
        let rules = version::rules(&invite.room_version).map_err(|error| incompatible(error, &invite.room_version))?;
        out_of_band::check_id(&room_id, rules)?;
        let event = pdu::parse(rules, Some(&room_id), &invite.event)?;
        check(&self.core, origin, event_id, &event)?;
        let event = sign::countersign(&self.core, rules, self.unchanged(rules, event).await?)?;
        let shown = invite.invite_room_state.unwrap_or_default();
        let stripped = self.read_stripped(rules, &room_id, &shown, &event.pdu).await?;
        let signed = serde_json::from_slice(&event.json).map_err(|error| Error::fault("writing an invite", error))?;
        let (core, origin, version) = (self.core.clone(), origin.to_owned(), invite.room_version);
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            check_invitee(&core, tx.tx(), &event)?;
            let room = out_of_band::room(&core, tx, &room_id, &version)?;
            if find::is_resident(tx.tx(), &room)? {
                // The invite also arrives as a PDU of the room, and that one counts.
                return acl::check(&core, tx.tx(), room.sn, &origin);
            }
            if let Some(Ok(user)) = event.pdu.state_key.as_deref().map(<&UserId>::try_from) {
                open_invites::check(&core, tx.tx(), &origin, user, room.sn, stripped.len())?;
            }
            out_of_band::stand(&core, tx, &room, &Authored { pdu: event.pdu, json: event.json }, Some(&stripped))
        };
        self.core.store.write("federation_invited", write).await?;
        Ok(signed)
    }

    /// Same as [`Federation::receive_invite`], for version 1 of the endpoint, whose body is the event. It is for room
    /// versions 1 and 2, and works for others only when this server knows the room's version.
    #[boxed]
    pub async fn receive_old_invite(
        self: &Arc<Self>,
        origin: &ServerName,
        room_id: OwnedRoomId,
        event_id: &EventId,
        event: Box<RawValue>,
    ) -> Result<Box<RawValue>> {
        let of = room_id.clone();
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let room = rooms::by_id(tx.tx(), of.as_str())?.filter(out_of_band::is_known);
            Ok(room.map_or_else(|| "1".to_owned(), |room| room.version))
        };
        let room_version = self.core.store.read("room_version", read).await?;
        let old: Old = serde_json::from_str(event.get()).unwrap_or_default();
        let invite = Invite { room_version, event, invite_room_state: Some(old.unsigned.invite_room_state) };
        self.receive_invite(origin, room_id, event_id, invite).await
    }

    /// The event, if its signatures and content hash are valid: a member event without its content is useless.
    pub(super) async fn unchanged(
        self: &Arc<Self>,
        rules: &'static RoomVersionRules,
        event: IncomingPdu,
    ) -> Result<IncomingPdu> {
        let before = event.json.len();
        let verified = self.check_signatures(rules, vec![event]).await.pop();
        let verified = verified.unwrap_or_else(|| Err(Error::broken("an event got lost while it was checked")));
        let verified = verified.map_err(|error| match error.reason() {
            Some(Reason::ConnectionFailed) | None => error,
            Some(_) => Error::invalid(format!("The event is not signed as it should be: {error}")),
        })?;
        if verified.json.len() != before {
            return Err(Error::invalid("The content of the event is not what was hashed."));
        }
        Ok(verified)
    }
}

/// The error for an unsupported room version.
fn incompatible(error: Error, version: &str) -> Error {
    let version: String = version.chars().take(hearth_base::limits::ID_BYTES_MAX).collect();
    refusal(Reason::IncompatibleRoomVersion, error.to_string()).with("room_version", version).into()
}

fn check(core: &RoomCore, origin: &ServerName, event_id: &EventId, event: &IncomingPdu) -> Result<()> {
    let pdu = &event.pdu;
    let invitee = pdu.state_key.as_deref().and_then(|key| <&UserId>::try_from(key).ok());
    let parts = [
        (*pdu.event_id == *event_id, "has another id than the path says"),
        (pdu.kind == TimelineEventType::RoomMember, "is no member event"),
        (pdu.content_str("membership").as_deref() == Some(Membership::Invite.name()), "is no invite"),
        (pdu.sender.server_name() == origin, "is not by a user of the server that sends it"),
        (invitee.is_some_and(|user| core.is_local(user)), "does not invite a user of this server"),
    ];
    match parts.into_iter().find(|(is_right, _)| !is_right) {
        Some((_, what)) => Err(Error::invalid(format!("The event {what}."))),
        None => Ok(()),
    }
}

/// Refuses invites of unknown users, unless an application service may create them on demand.
fn check_invitee(core: &RoomCore, tx: &mut dyn Tx, event: &IncomingPdu) -> Result<()> {
    let Some(Ok(user)) = event.pdu.state_key.as_deref().map(<&UserId>::try_from) else {
        return Err(Error::invalid("The event does not invite anybody."));
    };
    let account = accounts::by_name(tx, user.localpart())?;
    let is_there = account.is_some_and(|account| account.deactivated_ms.is_none())
        || core.appservices.all().iter().any(|service| service.owns_user(user));
    if is_there {
        return check_not_blocked(tx, user, &event.pdu.sender);
    }
    Err(Error::forbidden(format!("There is no user {user} to be invited.")))
}
