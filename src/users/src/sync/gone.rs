//! Rooms that the user is not joined to: invited, knocking, or left.

use std::sync::Arc;

use hearth_base::{Position, Result, limits};
use hearth_rooms::RoomCore;
use hearth_rooms::load::Event;
use hearth_rooms::read::choice::EventChoice;
use hearth_rooms::read::visibility::{Departure, Viewer, membership_of};
use hearth_rooms::state::snapshot;
use hearth_store::engine::Tx;
use hearth_store::tables::memberships::{self, Membership, MembershipRow};
use hearth_store::tables::rooms::Room;
use ruma::api::client::sync::sync_events::v3::{InvitedRoom, KnockState, KnockedRoom, LeftRoom};
use ruma::events::AnyStrippedStateEvent;
use ruma::serde::Raw;

use super::read::SyncScope;
use super::state::StateItems;
use super::timeline::TimelinePiece;
use super::{joined, state, timeline};

/// Returns the stripped state of an invite or a knock.
pub(super) fn stripped(tx: &mut dyn Tx, row: &MembershipRow) -> Result<Vec<Raw<AnyStrippedStateEvent>>> {
    let Some(json) = memberships::stripped(tx, row.room, row.user)? else { return Ok(Vec::new()) };
    // Most of it comes from other servers. A client can still accept or reject an invite without stripped state; a
    // failed sync shows nothing.
    Ok(serde_json::from_slice(&json).unwrap_or_else(|error| {
        tracing::debug!(%error, "Failed to read an invite's stripped state.");
        Vec::new()
    }))
}

/// Returns a room that the user is invited to.
pub(super) fn invited(tx: &mut dyn Tx, row: &MembershipRow) -> Result<InvitedRoom> {
    let mut invited = InvitedRoom::new();
    invited.invite_state.events = stripped(tx, row)?;
    Ok(invited)
}

/// Returns a room that the user knocks on.
pub(super) fn knocked(tx: &mut dyn Tx, row: &MembershipRow) -> Result<KnockedRoom> {
    let mut state = KnockState::new();
    state.events = stripped(tx, row)?;
    Ok(state.into())
}

/// Returns a room that the user left, was banned from, or whose invite ended, up to that event. Timeline and state
/// together always include the final member event, whatever the client's limit is.
pub(super) fn left(scope: &SyncScope<'_>, tx: &mut dyn Tx, (row, room): (&MembershipRow, &Room)) -> Result<LeftRoom> {
    let core = &*scope.sync.core;
    let member = core.events.get(tx, row.event)?;
    let mut viewer = Viewer::of_member(core, tx, room.sn, scope.reader, Some(*row))?.ignoring(scope.ignored.clone());
    let mut left = LeftRoom::new();
    if member.is_outlier() {
        // An invite or knock that ended in a remote room: only the member event is known.
        let piece = timeline::single(scope, tx, &mut viewer, &member, row.position.as_i64())?;
        let state = end_in(scope, (row, &member), &piece, Vec::new());
        left.timeline.events = piece.shown;
        left.state = joined::write_state(scope, tx, &mut viewer, state)?;
        return Ok(left);
    }
    let departure = viewer.departure();
    let after = match (scope.since, departure) {
        // For a client that has not seen the last stay, the room is new.
        (Some(since), Some(departure)) if !was_in(core, tx, departure, since)? => None,
        (since, _) => since,
    };
    let mut piece = timeline::newest(scope, tx, &mut viewer, after, scope.upto.min(row.position).as_i64())?;
    piece.limited |= after.is_none() && scope.since.is_some();
    // Only former members get the state; a user who rejected an invite must not see it.
    let state = match departure {
        Some(departure) => {
            let leave = core.events.get(tx, departure.event)?;
            let mut then = room.clone();
            then.snapshot = leave.snapshot;
            // Later changes are hidden from the user.
            let upto = Position::from_i64(departure.ord).min(scope.upto);
            state::events(scope, tx, &then, &piece, (after, upto))?
        }
        None => Vec::new(),
    };
    let state = end_in(scope, (row, &member), &piece, state);
    left.timeline = joined::write_timeline(piece);
    left.state = joined::write_state(scope, tx, &mut viewer, state)?;
    Ok(left)
}

/// Returns the state of a left room including the user's final member event, unless the timeline has it.
fn end_in(
    scope: &SyncScope<'_>,
    (row, member): (&MembershipRow, &Arc<Event>),
    piece: &TimelinePiece,
    mut state: StateItems,
) -> StateItems {
    let is_told = !scope.query.state_after && piece.events.iter().any(|event| event.sn == member.sn);
    let choice = EventChoice::from(&scope.query.filter.room.state);
    let is_wanted = choice.is_open() || choice.wants(&member.pdu);
    // A membership that a state resolution removed has no event that ends it.
    let is_end = membership_of(&member.pdu) == Some(row.membership);
    if !is_told && is_wanted && is_end {
        state.retain(|(key, _)| Some(*key) != member.state_key);
        state.extend(member.state_key.map(|key| (key, member.sn)));
    }
    state
}

/// Returns whether the user was already in the room at `since`. Returns false when that is expensive to find out; the
/// client then gets the full room again.
pub(super) fn was_in(core: &RoomCore, tx: &mut dyn Tx, departure: Departure, since: Position) -> Result<bool> {
    let mut event = core.events.get(tx, departure.event)?;
    for _ in 0..limits::STAY_MEMBER_EVENTS_MAX {
        let Some(key) = event.state_key.filter(|_| event.snapshot.is_some()) else { return Ok(false) };
        let Some(before) = snapshot::get(tx, event.snapshot, key)? else { return Ok(false) };
        event = core.events.get(tx, before)?;
        if membership_of(&event.pdu) != Some(Membership::Join) {
            return Ok(false);
        }
        if event.sn.0 <= since.as_i64() {
            return Ok(true);
        }
    }
    Ok(false)
}
