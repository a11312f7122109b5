//! Rooms that the user is not in: invited to, knocking at, or left.

use hearth_base::{Position, Result};
use hearth_store::engine::Tx;
use hearth_store::tables::memberships::{self, MembershipRow};
use hearth_store::tables::rooms::Room;
use ruma::api::client::sync::sync_events::v3::{InvitedRoom, KnockState, KnockedRoom, LeftRoom};
use ruma::events::AnyStrippedStateEvent;
use ruma::serde::Raw;

use super::read::SyncScope;
use super::{joined, state, timeline};
use crate::rooms::event::client::{Unsigned, show};
use crate::rooms::read::visibility::Viewer;

fn stripped(tx: &mut dyn Tx, row: &MembershipRow) -> Result<Vec<Raw<AnyStrippedStateEvent>>> {
    let Some(json) = memberships::stripped(tx, row.room, row.user)? else { return Ok(Vec::new()) };
    // Most of it is from other servers. An invite that shows nothing can be accepted or refused; a sync that fails shows nothing.
    Ok(serde_json::from_slice(&json).unwrap_or_else(|error| {
        tracing::warn!(%error, "Failed to read an invite's stripped state.");
        Vec::new()
    }))
}

/// A room that the user is invited to.
pub(super) fn invited(tx: &mut dyn Tx, row: &MembershipRow) -> Result<InvitedRoom> {
    let mut invited = InvitedRoom::new();
    invited.invite_state.events = stripped(tx, row)?;
    Ok(invited)
}

/// A room that the user knocks at.
pub(super) fn knocked(tx: &mut dyn Tx, row: &MembershipRow) -> Result<KnockedRoom> {
    let mut state = KnockState::new();
    state.events = stripped(tx, row)?;
    Ok(state.into())
}

/// A room that the user has left, been banned from, or refused to enter: up to the moment when they left.
pub(super) fn left(scope: &SyncScope<'_>, tx: &mut dyn Tx, (row, room): (&MembershipRow, &Room)) -> Result<LeftRoom> {
    let core = &*scope.sync.core;
    let member = core.events.get(tx, row.event)?;
    if member.is_outlier() {
        // An invite or a knock that ended in a room of other servers: all that is known is how.
        let mut left = LeftRoom::new();
        left.timeline.events = vec![show(&member.pdu, None, &Unsigned::default())];
        return Ok(left);
    }
    let mut viewer = Viewer::of_member(core, tx, room.sn, scope.reader, Some(*row))?.ignoring(scope.ignored.clone());
    let end = scope.upto.min(row.position).as_i64();
    let piece = timeline::newest(scope, tx, &mut viewer, scope.since, end)?;
    // Only those who were in the room get its state; who refused an invite learns nothing more of it.
    let state = match viewer.departure() {
        Some(departure) => {
            let leave = core.events.get(tx, departure.event)?;
            let mut then = room.clone();
            then.snapshot = leave.snapshot;
            let after = scope.since.map(|since: Position| since.min(row.position));
            // What changed after they left is not for them.
            let upto = Position::from_i64(departure.ord).min(scope.upto);
            state::events(scope, tx, &then, &piece, (after, upto))?
        }
        None => Vec::new(),
    };
    let mut left = LeftRoom::new();
    left.timeline = joined::write_timeline(tx, &mut viewer, &piece)?;
    left.state = joined::write_state(scope, tx, &mut viewer, &state)?;
    Ok(left)
}
