//! Sets room state (client-server API, "Sending events to a room", `PUT .../state/...`).

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Millis, Result};
use hearth_core::Requester;
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::tables::rooms::Room;
use hearth_store::tables::state;
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use ruma::{OwnedEventId, OwnedRoomId, RoomId, UserId};

use super::append::{Sender, append};
use super::event::{Draft, version};
use super::{LocalRooms, content, find, membership, policy, power, servers, validate};
use crate::RoomCore;

/// A state event from a client.
#[derive(Debug)]
pub struct StateChange {
    /// The target room.
    pub room_id: OwnedRoomId,
    /// Event type.
    pub kind: String,
    /// State key.
    pub state_key: String,
    /// The content as the client sent it, as JSON text.
    pub content: String,
    /// Overrides `origin_server_ts` (MSC3316). Only application services may set it; the caller has checked that.
    pub timestamp_ms: Option<Millis>,
}

impl LocalRooms {
    /// Sets a state event. When the requester has already set the same content, returns the existing event's id.
    ///
    /// Refuses with `M_FORBIDDEN`, `M_BAD_JSON`, `M_TOO_LARGE`, and `M_BAD_ALIAS` for aliases of other rooms. Also
    /// refuses invites of remote users: see `Actions::set_state`.
    #[boxed]
    pub async fn set_state(&self, who: &Requester, change: StateChange) -> Result<OwnedEventId> {
        let content = content::from_client(&change.content)?;
        validate::state(&self.core.server_name, &change.room_id, &change.kind, &content)?;
        let StateChange { room_id, kind, state_key, timestamp_ms, .. } = change;
        let (core, who) = (self.core.clone(), who.clone());
        let draft = Draft { timestamp_ms, ..Draft::state(kind, state_key, content) };
        let write = move |tx: &mut WriteTx<'_>| {
            let origin = Sender::new(who.user, &who.user_id);
            put(&core, tx, &room_id, &origin, draft)
        };
        policy::write(&self.core, "state_set", write).await
    }
}

/// Sets a state event, membership included.
pub(super) fn put(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room_id: &RoomId,
    origin: &Sender,
    draft: Draft,
) -> Result<OwnedEventId> {
    if draft.kind == "m.room.member" {
        let mut room = find::resolve(tx.tx(), room_id)?;
        let state_key = draft.state_key.unwrap_or_default();
        return set_member(core, tx, &mut room, origin, &state_key, draft.content);
    }
    let mut room = find::joined(tx.tx(), room_id, origin.sender)?;
    set(core, tx, &mut room, origin, draft)
}

fn set_member(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &mut Room,
    origin: &Sender,
    state_key: &str,
    content: CanonicalJsonObject,
) -> Result<OwnedEventId> {
    let target = UserId::parse(state_key).map_err(|_| {
        Error::bad_json(format!("The state key of a member event must be a user id, not {state_key:?}."))
    })?;
    if content::text(&content, "membership") == Some("invite") && !core.is_local(&target) {
        return Err(Error::forbidden(format!("{target} is on another server, which has to agree to the invite.")));
    }
    if !find::is_resident(tx.tx(), room)? && !servers::of(core, tx.tx(), room.sn)?.is_empty() {
        // This server is not in the room, so its copy of the state is out of date; a resident server has to handle
        // the membership.
        return Err(Error::forbidden("The room is on other servers: join it, knock, or leave it by those requests."));
    }
    membership::change(core, tx, room, origin, &target, content)
}

/// Sets a state event other than a membership.
pub(super) fn set(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &mut Room,
    origin: &Sender,
    draft: Draft,
) -> Result<OwnedEventId> {
    let state_key = draft.state_key.as_deref().unwrap_or_default();
    let before = state::current_named(tx.tx(), room.sn, &draft.kind, state_key)?;
    let before = before.map(|sn| core.events.get(tx.tx(), sn)).transpose()?;
    if let Some(before) = &before
        && before.sender == origin.sender
        && content::from_client(before.pdu.content.get()).is_ok_and(|content| content == draft.content)
    {
        return Ok(before.pdu.event_id.clone());
    }
    if draft.kind == "m.room.canonical_alias" {
        let before = before.as_ref().map(|event| event.pdu.content.get());
        validate::canonical_alias(core, tx.tx(), room, before, &draft.content)?;
    }
    if draft.kind == "m.room.power_levels" {
        no_creators(core, tx.tx(), room, &draft.content)?;
    }
    Ok(append(core, tx, room, origin, draft)?.pdu.event_id.clone())
}

/// Refuses with `M_BAD_JSON` power levels for creators, in room versions where creators are above all levels.
fn no_creators(core: &RoomCore, tx: &mut dyn Tx, room: &Room, content: &CanonicalJsonObject) -> Result<()> {
    if !version::stored_rules(&room.version)?.authorization.explicitly_privilege_room_creators {
        return Ok(());
    }
    let Some(users) = content.get("users").and_then(CanonicalJsonValue::as_object) else { return Ok(()) };
    match power::creators(core, tx, room)?.iter().find(|creator| users.contains_key(creator.as_str())) {
        None => Ok(()),
        Some(creator) => Err(Error::bad_json(format!(
            "{creator} made the room, so they stand above its power levels: leave them out of `users`."
        ))),
    }
}
