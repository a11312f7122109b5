//! Invites of remote users: their server has to sign the event before it is added to the room (server-server API,
//! "Inviting to a room").
//!
//! Servers without version 2 of the endpoint are asked through version 1.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::limits::federation::REMOTE_MEMBERSHIP_ENTRY_WAIT;
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_rooms::RoomCore;
use hearth_rooms::append::{Sender, append_prepared, prepare};
use hearth_rooms::event::{Authored, Draft, version};
use hearth_rooms::membership::{self, check_invitable};
use hearth_rooms::{find, policy, stripped};
use hearth_store::engine::Tx;
use hearth_store::tables::rooms::Room;
use ruma::api::federation::membership::{RawStrippedState, create_invite};
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Federation, raw};
use crate::sign::take_signatures;
use crate::{legacy, pdu, request};

/// An invite before the other server's signature.
struct PreparedInvite {
    room: Room,
    event: Authored,
    shown: Vec<Box<RawValue>>,
}

/// How to handle an invite request.
enum InvitePlan {
    Ask(Box<PreparedInvite>),
    /// The user is already invited with the same content.
    Nothing(OwnedEventId),
}

impl Federation {
    /// Invites a remote user on behalf of a local one; for local users see `Actions::invite`. Repeating an invite
    /// with the same content changes nothing. The other server sees the event before it is in the room here, so
    /// callers repeat the action after a crash in between.
    ///
    /// `M_FORBIDDEN` for members and banned users, without the power level, and when the other server refuses the
    /// invite.
    #[boxed]
    pub async fn invite_remote_user(
        self: &Arc<Self>,
        origin: Sender,
        room_id: OwnedRoomId,
        target: OwnedUserId,
        content: CanonicalJsonObject,
    ) -> Result<OwnedEventId> {
        self.core.check_talks_to(target.server_name())?;
        let (core, by, to, of) = (self.core.clone(), origin.clone(), target.clone(), room_id.clone());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| plan(&core, tx.tx(), &by, &of, &to, content);
        let prepared = match self.core.store.read("federation_invite", read).await? {
            InvitePlan::Ask(prepared) => PreparedInvite {
                event: policy::approved(&self.core, &prepared.room, prepared.event).await?,
                ..*prepared
            },
            InvitePlan::Nothing(event_id) => return Ok(event_id),
        };
        let rules = version::stored_rules(&prepared.room.version)?;
        let mut event = pdu::parse(rules, Some(&room_id), &raw(&prepared.event)?)?;
        let theirs = self.have_signed(&target, &room_id, &prepared).await?;
        let theirs = pdu::parse(rules, Some(&room_id), &theirs)?;
        // The server must sign this very event; only its signatures are copied.
        if theirs.pdu.event_id != event.pdu.event_id {
            let message = format!("{} signed another invite than ours.", target.server_name());
            return Err(refuse(Reason::ConnectionFailed, message));
        }
        take_signatures(&mut event, &theirs, target.server_name())?;
        let authored = Authored { pdu: event.pdu.clone(), json: event.json.clone() };
        let event_id = event.pdu.event_id.clone();
        let (core, of) = (self.core.clone(), room_id.clone());
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            // Checked again in the write: the sender may have left during the request.
            let mut room = find::joined(tx.tx(), &of, origin.sender)?;
            Ok(append_prepared(&core, tx, &mut room, &origin, authored)?.is_ok())
        };
        if !self.core.store.write("federation_invited", write).await? {
            // The room has changed meanwhile: the invite becomes a branch of its graph.
            self.let_in_own(&room_id, event).await?;
        }
        Ok(event_id)
    }

    /// The invite with the invited server's signature.
    async fn have_signed(
        &self,
        target: &UserId,
        room_id: &OwnedRoomId,
        prepared: &PreparedInvite,
    ) -> Result<Box<RawValue>> {
        let (server, event_id) = (target.server_name(), &prepared.event.pdu.event_id);
        let invite = create_invite::v2::Request::new(
            room_id.clone(),
            event_id.clone(),
            version::id(&prepared.room.version)?,
            raw(&prepared.event)?,
            prepared.shown.iter().cloned().map(RawStrippedState::Pdu).collect(),
        );
        let answer = self.ask_streamed(server, invite, REMOTE_MEMBERSHIP_ENTRY_WAIT).await?;
        let status = answer.status;
        let body = request::whole(answer, limits::BODY_BYTES_MAX).await?;
        if status < 400 {
            let signed: SignedInvite =
                serde_json::from_slice(&body).map_err(|error| request::unreadable(server, error))?;
            return Ok(signed.event);
        }
        if !request::is_unknown_endpoint(status, &body) {
            return Err(request::refused(server, status, &body));
        }
        // An old server only has version 1, whose body is the event itself.
        let target = legacy::path("v1/invite", &[room_id.as_str(), event_id.as_str()]);
        let answer = self
            .ask_plain(server, "PUT", &target, first_version(prepared)?.into(), REMOTE_MEMBERSHIP_ENTRY_WAIT)
            .await?;
        let body = request::body(server, answer, limits::BODY_BYTES_MAX).await?;
        let (_, signed): (u16, SignedInvite) =
            serde_json::from_slice(&body).map_err(|error| request::unreadable(server, error))?;
        Ok(signed.event)
    }
}

/// The response of the invited server.
#[derive(Deserialize)]
struct SignedInvite {
    event: Box<RawValue>,
}

/// The body of a version 1 invite: the event, with the stripped state in `unsigned`.
fn first_version(prepared: &PreparedInvite) -> Result<Vec<u8>> {
    let fault = |error| Error::fault("writing an invite as JSON", error);
    let mut event: serde_json::Value = serde_json::from_slice(&prepared.event.json).map_err(fault)?;
    event["unsigned"] = serde_json::json!({ "invite_room_state": prepared.shown });
    serde_json::to_vec(&event).map_err(fault)
}

fn plan(
    core: &RoomCore,
    tx: &mut dyn Tx,
    origin: &Sender,
    room_id: &OwnedRoomId,
    target: &UserId,
    content: CanonicalJsonObject,
) -> Result<InvitePlan> {
    let room = find::joined(tx, room_id, origin.sender)?;
    let before = membership::current(core, tx, &room, target)?;
    check_invitable(membership::membership_status(before.as_deref()), target)?;
    if let Some(before) = &before
        && before.pdu.sender == origin.user_id
        && membership::same(before, &content)
    {
        return Ok(InvitePlan::Nothing(before.pdu.event_id.clone()));
    }
    let draft = Draft::state("m.room.member", target.as_str(), content);
    let event = prepare(core, tx, &room, &origin.user_id, draft)?;
    let shown = stripped::events(tx, &room, &origin.user_id)?;
    Ok(InvitePlan::Ask(Box::new(PreparedInvite { room, event, shown })))
}
