//! Inviting users of other servers: theirs has to agree and signs the event, before it goes into the room (server-server API,
//! "Inviting to a room").
//!
//! Servers that do not have the second version of the endpoint are asked by the first.

use std::collections::HashSet;
use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_store::engine::Tx;
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::rooms::Room;
use ruma::api::client::room::create_room;
use ruma::api::federation::membership::{RawStrippedState, create_invite};
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{ENTRY_WAIT, Federation, raw};
use crate::Requester;
use crate::core::Core;
use crate::federation::{legacy, pdu, request};
use crate::federation::sign::take_signatures;
use crate::rooms::StateChange;
use crate::rooms::append::{Sender, append_prepared, prepare};
use crate::rooms::event::{Authored, Draft, version};
use crate::rooms::membership::{self, MembershipRequest, check_invitable};
use crate::rooms::{content, find, policy, stripped};

/// An invite that the other server has not seen yet.
struct PreparedInvite {
    room: Room,
    event: Authored,
    shown: Vec<Box<RawValue>>,
}

/// What there is to do.
enum InvitePlan {
    Ask(Box<PreparedInvite>),
    /// They are invited already, in the same words.
    Nothing(OwnedEventId),
}

impl Federation {
    /// Invites a user, of this server or another. Inviting again changes nothing; `M_FORBIDDEN` for members, the banned, those
    /// without the power, and whom the other server does not want to be invited.
    pub async fn invite(
        self: &Arc<Self>,
        who: &Requester,
        room_id: OwnedRoomId,
        target: OwnedUserId,
        reason: Option<String>,
    ) -> Result<()> {
        if self.core.is_local(&target) {
            return self.parts.rooms.invite(who, room_id, target, reason).await;
        }
        let content = MembershipRequest::new(Membership::Invite, reason).content()?;
        self.invite_remote(Sender::new(who.user, &who.user_id), room_id, target, content).await.map(drop)
    }

    /// Makes a room, and invites those of its first guests who are of other servers once it is there. An invite that does not
    /// succeed takes nothing from the room.
    pub async fn create_room(
        self: &Arc<Self>,
        who: &Requester,
        wanted: create_room::v3::Request,
    ) -> Result<OwnedRoomId> {
        let mut remote: Vec<OwnedUserId> =
            wanted.invite.iter().filter(|user| !self.core.is_local(user)).cloned().collect();
        remote.sort_unstable();
        remote.dedup();
        for guest in &remote {
            self.core.check_talks_to(guest.server_name())?;
        }
        let is_direct = wanted.is_direct;
        let room_id = self.parts.rooms.create(who, wanted).await?;
        let mut silent = HashSet::new();
        for guest in remote {
            if silent.contains(guest.server_name()) {
                // It did not answer for another guest, and the maker of the room waits.
                continue;
            }
            let content = MembershipRequest::new(Membership::Invite, None).direct(is_direct).content()?;
            let origin = Sender::new(who.user, &who.user_id);
            if let Err(error) = self.invite_remote(origin, room_id.clone(), guest.clone(), content).await {
                tracing::warn!(room = %room_id, user = %guest, %error, "Failed to invite a user to a new room.");
                if error.reason() == Some(Reason::ConnectionFailed) {
                    silent.insert(guest.server_name().to_owned());
                }
            }
        }
        Ok(room_id)
    }

    /// Sets a part of a room's state; an invite of a user of another server goes there first.
    pub async fn set_state(self: &Arc<Self>, who: &Requester, change: StateChange) -> Result<OwnedEventId> {
        if change.kind == "m.room.member"
            && let Ok(target) = UserId::parse(change.state_key.as_str())
            && !self.core.is_local(&target)
        {
            let content = content::from_client(&change.content)?;
            if content::text(&content, "membership") == Some("invite") {
                return self.invite_remote(Sender::new(who.user, &who.user_id), change.room_id, target, content).await;
            }
        }
        self.parts.rooms.set_state(who, change).await
    }

    /// Invites a user of another server in the name of a user of this one.
    pub(in crate::federation) async fn invite_remote(
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
        if theirs.pdu.event_id != event.pdu.event_id {
            let message = format!("{} signed another invite than ours.", target.server_name());
            return Err(refuse(Reason::ConnectionFailed, message));
        }
        take_signatures(&mut event, &theirs, target.server_name())?;
        let authored = Authored { pdu: event.pdu.clone(), json: event.json.clone() };
        let event_id = event.pdu.event_id.clone();
        let (core, of) = (self.core.clone(), room_id.clone());
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            let mut room = find::joined(tx.tx(), &of, origin.sender)?;
            Ok(append_prepared(&core, tx, &mut room, &origin, authored)?.is_ok())
        };
        if !self.core.store.write("federation_invited", write).await? {
            // Something has happened in the room meanwhile; the invite stands beside it.
            self.let_in_own(&room_id, event).await?;
        }
        Ok(event_id)
    }

    /// The invite, as the invited server has signed it.
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
        let answer = self.ask_streamed(server, invite, ENTRY_WAIT).await?;
        let status = answer.status;
        let body = request::whole(answer, limits::BODY_BYTES_MAX).await?;
        if status < 400 {
            let signed: SignedInvite = serde_json::from_slice(&body).map_err(|error| request::unreadable(server, error))?;
            return Ok(signed.event);
        }
        if !request::is_unknown_endpoint(status, &body) {
            return Err(request::refused(server, status, &body));
        }
        // An old server has the first version alone, whose body is the event itself.
        let target = legacy::path("v1/invite", &[room_id.as_str(), event_id.as_str()]);
        let answer = self.ask_plain(server, "PUT", &target, first_version(prepared)?.into(), ENTRY_WAIT).await?;
        let body = request::body(server, answer, limits::BODY_BYTES_MAX).await?;
        let (_, signed): (u16, SignedInvite) =
            serde_json::from_slice(&body).map_err(|error| request::unreadable(server, error))?;
        Ok(signed.event)
    }
}

/// What the invited server answers.
#[derive(Deserialize)]
struct SignedInvite {
    event: Box<RawValue>,
}

/// The body of an invite by the first version of the endpoint: the event, with what shows the room beside it.
fn first_version(prepared: &PreparedInvite) -> Result<Vec<u8>> {
    let fault = |error| Error::fault("writing an invite as JSON", error);
    let mut event: serde_json::Value = serde_json::from_slice(&prepared.event.json).map_err(fault)?;
    event["unsigned"] = serde_json::json!({ "invite_room_state": prepared.shown });
    serde_json::to_vec(&event).map_err(fault)
}

fn plan(
    core: &Core,
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
