//! The state block of a room: the state that a client needs in addition to the timeline.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use hearth_base::{Position, Result};
use hearth_rooms::load::Event;
use hearth_rooms::read::choice::EventChoice;
use hearth_rooms::state::snapshot::{self, StateIds};
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, KeySn, SnapshotSn};
use hearth_store::tables::rooms::Room;
use hearth_store::tables::{state, state_keys};
use ruma::OwnedUserId;

use super::read::SyncScope;
use super::timeline::TimelinePiece;

/// State events, by serial number: there may be more than fit into memory.
pub(super) type StateItems = Vec<(KeySn, EventSn)>;

/// Returns the state events for a room: the full state for a room that is new to the client (`after` is none),
/// otherwise the changes after one position and up to another.
pub(super) fn events(
    scope: &SyncScope<'_>,
    tx: &mut dyn Tx,
    room: &Room,
    piece: &TimelinePiece,
    (after, upto): (Option<Position>, Position),
) -> Result<StateItems> {
    let at = if scope.query.state_after {
        room.snapshot
    } else {
        piece.events.first().map_or(room.snapshot, |first| first.snapshot)
    };
    let mut ids = match after {
        None => whole(scope, tx, room, piece, at)?,
        Some(after) => changed(scope, tx, room, piece, (after, upto))?,
    };
    if scope.lazy() {
        let members = members_wanted(scope, tx, piece, after.is_none())?;
        if after.is_none() {
            ids.retain(|key, _| !key.is_member() || members.contains(key));
        }
        add_members(tx, at, &members, &mut ids)?;
    }
    let choice = EventChoice::from(&scope.query.filter.room.state);
    let in_timeline: HashSet<EventSn> = piece.events.iter().map(|event| event.sn).collect();
    let mut found = Vec::with_capacity(ids.len());
    for (key, sn) in ids {
        if !scope.query.state_after && in_timeline.contains(&sn) {
            continue;
        }
        if choice.is_open() || choice.wants(&scope.sync.core.events.get(tx, sn)?.pdu) {
            found.push((key, sn));
        }
    }
    // Clients display them in this order.
    found.sort_by_key(|(_, sn)| *sn);
    Ok(found)
}

/// Returns the state that together with the following timeline is the room's state.
fn whole(
    scope: &SyncScope<'_>,
    tx: &mut dyn Tx,
    room: &Room,
    piece: &TimelinePiece,
    at: Option<SnapshotSn>,
) -> Result<StateIds> {
    let mut ids = snapshot::full(tx, at)?;
    if at == room.snapshot || is_line(room, &piece.events) {
        return Ok(ids);
    }
    // After a fork, state from another branch is neither in the state before the timeline nor in the timeline.
    let in_timeline: HashSet<EventSn> = piece.events.iter().map(|event| event.sn).collect();
    let now = snapshot::full(tx, room.snapshot)?;
    ids.extend(now.into_iter().filter(|(_, sn)| !in_timeline.contains(sn) && sn.0 <= scope.upto.as_i64()));
    Ok(ids)
}

/// Returns whether each event directly follows the one before it, and the last is the only forward extremity.
fn is_line(room: &Room, events: &[Arc<Event>]) -> bool {
    let follows = |pair: &[Arc<Event>]| pair[1].pdu.prev_events.iter().eq([&pair[0].pdu.event_id]);
    let is_last = |last: &Arc<Event>| room.extremities == [last.sn];
    events.last().is_some_and(is_last) && events.windows(2).all(follows)
}

/// Returns the state changes of a window that are not in the timeline.
fn changed(
    scope: &SyncScope<'_>,
    tx: &mut dyn Tx,
    room: &Room,
    piece: &TimelinePiece,
    (after, upto): (Position, Position),
) -> Result<StateIds> {
    let mut newest: BTreeMap<KeySn, Option<EventSn>> = BTreeMap::new();
    let mut before: BTreeMap<KeySn, Option<EventSn>> = BTreeMap::new();
    let in_timeline: HashSet<EventSn> = piece.events.iter().map(|event| event.sn).collect();
    let told = |event: &Option<EventSn>| event.is_some_and(|event| in_timeline.contains(&event));
    for (key, event) in state::changes(tx, room.sn, after, upto)? {
        if !told(&event) {
            before.insert(key, event);
        }
        newest.insert(key, event);
    }
    if scope.query.state_after {
        return Ok(newest.into_iter().filter_map(|(key, event)| Some((key, event?))).collect());
    }
    // Where the timeline has the newest event of a key, the client needs the state before the timeline; where the
    // filter excluded it, the newest event itself.
    let wanted = newest.into_iter().map(|(key, event)| {
        let event = if told(&event) { before.get(&key).copied().flatten() } else { event };
        (key, event)
    });
    Ok(wanted.filter_map(|(key, event)| Some((key, event?))).collect())
}

/// Adds the member events of `heroes` that are neither in the timeline nor in `found`: a lazy-loading client may know
/// only their ids, and could not compute the room name.
pub(super) fn add_heroes(
    scope: &SyncScope<'_>,
    tx: &mut dyn Tx,
    room: &Room,
    piece: &TimelinePiece,
    heroes: &[OwnedUserId],
    found: &mut StateItems,
) -> Result<()> {
    if !scope.lazy() {
        return Ok(());
    }
    let choice = EventChoice::from(&scope.query.filter.room.state);
    for hero in heroes {
        let Some(sn) = state::current_named(tx, room.sn, "m.room.member", hero.as_str())? else { continue };
        let told = found.iter().any(|(_, known)| *known == sn) || piece.events.iter().any(|event| event.sn == sn);
        if told || sn.0 > scope.upto.as_i64() {
            continue;
        }
        let event = scope.sync.core.events.get(tx, sn)?;
        if choice.is_open() || choice.wants(&event.pdu) {
            found.extend(event.state_key.map(|key| (key, sn)));
        }
    }
    found.sort_by_key(|(_, sn)| *sn);
    Ok(())
}

/// With lazy loading: the members whose events the timeline needs, and the user's own for a room that is new.
fn members_wanted(
    scope: &SyncScope<'_>,
    tx: &mut dyn Tx,
    piece: &TimelinePiece,
    is_new: bool,
) -> Result<HashSet<KeySn>> {
    let mut users: HashSet<&str> = piece.events.iter().map(|event| event.pdu.sender.as_str()).collect();
    if is_new {
        users.insert(scope.reader.user_id.as_str());
    }
    let mut keys = HashSet::with_capacity(users.len());
    for user in users {
        keys.extend(state_keys::find(tx, "m.room.member", user)?);
    }
    Ok(keys)
}

fn add_members(tx: &mut dyn Tx, at: Option<SnapshotSn>, members: &HashSet<KeySn>, ids: &mut StateIds) -> Result<()> {
    for key in members.iter().filter(|key| !ids.contains_key(key)).copied().collect::<Vec<_>>() {
        if let Some(event) = snapshot::get(tx, at, key)? {
            ids.insert(key, event);
        }
    }
    Ok(())
}
