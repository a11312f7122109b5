//! Effects of a stored event: memberships, redactions, cancelled delayed events, and which long polls to wake.

use std::sync::Arc;

use hearth_base::{Position, Result};
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::{KeySn, UserSn};
use hearth_store::tables::memberships::{self, Membership, MembershipRow};
use hearth_store::tables::rooms::Room;
use hearth_store::tables::{state_keys, users};
use ruma::UserId;
use ruma::events::TimelineEventType;

use super::load::Event;
use super::state::snapshot::Changes;
use super::{delayed, gaps, redaction, stripped, upgrade};
use crate::RoomCore;
use crate::user_memberships::UserMemberships;

/// Applies the effects of an event, within the transaction that stored it. `changes` are the resulting changes of the
/// current state: mostly the event itself, if it is a state event; after a state resolution also other events, or
/// other events instead.
pub fn follow(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &Room,
    event: &Arc<Event>,
    at: Position,
    changes: &Changes,
) -> Result<()> {
    let mut moved = Vec::new();
    for (key, sn) in changes.iter().filter(|(key, _)| key.is_member()) {
        let member = match sn {
            Some(sn) if *sn == event.sn => Some(event.clone()),
            Some(sn) => Some(core.events.get(tx.tx(), *sn)?),
            None => None,
        };
        moved.extend(match member {
            Some(member) => change_membership(core, tx, room, &member, at)?,
            None => end_membership(core, tx, room, *key, at)?,
        });
    }
    if event.pdu.kind == TimelineEventType::RoomRedaction {
        redaction::apply(core, tx, room, event)?;
    }
    // After a local join or a change of visibility, other servers may return history that they refused before.
    let is_newcomer = moved.iter().any(|(_, is_local)| *is_local);
    if is_newcomer || event.pdu.is_state(&TimelineEventType::RoomHistoryVisibility, "") {
        gaps::forget_refusals(tx, room.sn)?;
    }
    upgrade::follow::unpublish_replaced(core, tx.tx(), room, changes)?;
    delayed::overtake(core, tx, room.sn, event, changes)?;
    let members = match moved.is_empty() {
        true => core.locals.get(tx.tx(), room.sn)?,
        // Bypasses the cache: this transaction may still roll back, and the cache must not keep what it read.
        false => memberships::local_joined(tx.tx(), room.sn)?.into(),
    };
    let (core, room) = (core.clone(), room.sn);
    tx.after_commit(move || {
        if !moved.is_empty() {
            core.locals.forget(room);
            core.notifier.membership_changed();
        }
        // Remote users have no long polls here, and waking all of them would be many entries.
        for (member, _) in moved.iter().filter(|(_, is_local)| *is_local) {
            core.notifier.wake(&[*member], at);
        }
        core.notifier.wake_room(room, &members, at);
    });
    Ok(())
}

/// Updates `memberships` for a member event; returns the member and whether they are a local user.
pub fn change_membership(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &Room,
    event: &Event,
    at: Position,
) -> Result<Option<(UserSn, bool)>> {
    let name = event.pdu.content_str("membership");
    let Some(membership) = name.as_deref().and_then(Membership::from_name) else { return Ok(None) };
    let Some(Ok(user_id)) = event.pdu.state_key.as_deref().map(UserId::parse) else { return Ok(None) };
    let user = users::intern(tx, user_id.as_str())?;
    let local = core.is_local(&user_id);
    let shows_room = local && matches!(membership, Membership::Invite | Membership::Knock);
    let stripped = if shows_room { Some(stripped::state(core, tx.tx(), room, event)?) } else { None };
    let row = MembershipRow {
        room: room.sn,
        user,
        membership,
        local,
        event: event.sn,
        position: at,
        since: at,
        forgotten: false,
    };
    let comes_in = local && membership == Membership::Join && !is_joined(tx.tx(), room, user)?;
    memberships::set(tx.tx(), &row, stripped.as_deref())?;
    if local {
        UserMemberships::change(core, tx, user, at);
    }
    core.locals.forget(room.sn);
    if comes_in {
        upgrade::follow::joined(core, tx, room, user)?;
    }
    Ok(Some((user, local)))
}

fn is_joined(tx: &mut dyn Tx, room: &Room, user: UserSn) -> Result<bool> {
    Ok(memberships::get(tx, room.sn, user)?.is_some_and(|row| row.membership == Membership::Join))
}

/// Ends the membership of a user who has no member event in the state any more.
pub fn end_membership(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &Room,
    key: KeySn,
    at: Position,
) -> Result<Option<(UserSn, bool)>> {
    let Some((_, user_id)) = state_keys::name(tx.tx(), key)? else { return Ok(None) };
    let Some(user) = users::find(tx.tx(), &user_id)? else { return Ok(None) };
    let Some(row) = memberships::get(tx.tx(), room.sn, user)? else { return Ok(None) };
    memberships::set(tx.tx(), &MembershipRow { membership: Membership::Leave, position: at, since: at, ..row }, None)?;
    if row.local {
        UserMemberships::change(core, tx, user, at);
    }
    core.locals.forget(room.sn);
    Ok(Some((user, row.local)))
}
