//! Which rooms the lists and subscriptions of a request show.
//!
//! Rooms are in the order of their last event, not of their `bump_stamp` (MSC4186, "Activity ordering"): so every change brings
//! its room into the window, and a client with a small window misses nothing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use hearth_base::limits::users::{SLIDING_LISTS_MAX, SLIDING_ROOMS_MAX};
use hearth_base::{Position, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::account_data::AccountDataRow;
use hearth_store::tables::memberships::{Membership, MembershipRow};
use ruma::OwnedRoomId;

use super::answer::ListAnswer;
use super::extensions;
use super::facts::{self, RoomFacts};
use super::filters::Filters;
use super::order::{self, OrderedRoom};
use super::read::SlidingScope;
use super::required::RequiredState;

/// A room of the user.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) row: MembershipRow,
    pub(super) facts: Arc<RoomFacts>,
    /// When something last happened in it.
    activity: i64,
    /// Whether it can be in a list; rooms that the user left long ago cannot.
    is_listed: bool,
    /// Whether the client shows it as a room that the user is in, and must learn that this has ended.
    is_owed: bool,
}

/// Some of the lists of a request, by their numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Lists(u128);

const _: () = assert!(SLIDING_LISTS_MAX <= 128, "each list of a request needs a bit");

impl Lists {
    fn add(&mut self, number: usize) {
        self.0 |= 1 << number;
    }

    pub(super) fn has(self, number: usize) -> bool {
        self.0 & (1 << number) != 0
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// A room that the request shows.
#[derive(Debug, Clone)]
pub(super) struct ShownRoom {
    pub(super) row: MembershipRow,
    pub(super) facts: Arc<RoomFacts>,
    pub(super) limit: usize,
    pub(super) required: Arc<RequiredState>,
    /// The lists it is in.
    pub(super) lists: Lists,
    pub(super) is_subscribed: bool,
}

impl ShownRoom {
    pub(super) fn id(&self) -> &OwnedRoomId {
        &self.facts.id
    }

    pub(super) fn is_joined(&self) -> bool {
        self.row.membership == Membership::Join
    }
}

/// What a request shows.
#[derive(Debug)]
pub(super) struct Shown {
    /// The sizes of the lists.
    pub(super) counts: BTreeMap<String, ListAnswer>,
    /// The rooms of which something may be new to the client.
    pub(super) rooms: Vec<ShownRoom>,
    /// All rooms.
    pub(super) all: Vec<RoomSn>,
}

/// Returns the rooms of the user, the most recently active first.
pub(super) fn candidates(scope: &SlidingScope<'_>, tx: &mut dyn Tx) -> Result<Vec<Candidate>> {
    let order = order::of_user(scope, tx)?;
    let mut found = Vec::with_capacity(order.rooms().len());
    for room in order.rooms() {
        found.extend(candidate(scope, tx, room)?);
    }
    let forgotten = order::forgotten(scope, tx)?;
    if !forgotten.is_empty() {
        for room in &forgotten {
            found.extend(candidate(scope, tx, room)?);
        }
        found.sort_by_key(|room| std::cmp::Reverse((room.activity, room.row.room)));
    }
    Ok(found)
}

fn candidate(scope: &SlidingScope<'_>, tx: &mut dyn Tx, room: &OrderedRoom) -> Result<Option<Candidate>> {
    let OrderedRoom { activity, row, facts } = room;
    if row.since > scope.upto {
        return Ok(None);
    }
    let (is_listed, is_owed) = match row.membership {
        Membership::Join => (!row.forgotten, false),
        Membership::Knock => (true, false),
        Membership::Invite => (!scope.hidden_invites.hides(&scope.sync.core, tx, row)?, false),
        Membership::Leave | Membership::Ban => {
            let is_owed = scope.sent_upto(row.room).is_some_and(|sent| row.position > sent);
            (is_owed || (!row.forgotten && facts::is_removal(scope, tx, row)?), is_owed)
        }
    };
    let is_hidden = row.membership == Membership::Invite && !is_listed;
    if is_hidden || (row.forgotten && !is_owed) {
        return Ok(None);
    }
    Ok(Some(Candidate { row: *row, facts: facts.clone(), activity: *activity, is_listed, is_owed }))
}

/// Returns what the request shows. `data` is changed account data.
pub(super) fn shown(
    scope: &SlidingScope<'_>,
    tx: &mut dyn Tx,
    candidates: &[Candidate],
    data: &HashMap<RoomSn, Vec<AccountDataRow>>,
) -> Result<Shown> {
    let mut counts = BTreeMap::new();
    let mut wanted = vec![(Lists::default(), false); candidates.len()];
    let mut filters = Filters::default();
    for (number, (name, list)) in scope.query.lists.iter().enumerate() {
        let mut passing = Vec::with_capacity(candidates.len());
        for (index, room) in candidates.iter().enumerate().filter(|(_, room)| room.is_listed) {
            if filters.passes(scope, tx, &list.filters, room)? {
                passing.push(index);
            }
        }
        counts.insert(name.clone(), ListAnswer { count: passing.len() });
        for index in within(&passing, list.ranges.as_deref()) {
            wanted[index].0.add(number);
        }
    }
    if !scope.query.subscriptions.is_empty() {
        for (room, (_, is_subscribed)) in candidates.iter().zip(&mut wanted) {
            *is_subscribed = scope.query.subscriptions.contains_key(&room.facts.id) && may_subscribe(scope, tx, room)?;
        }
    }
    let is_shown =
        |room: &Candidate, (lists, is_subscribed): (Lists, bool)| !lists.is_empty() || is_subscribed || room.is_owed;
    let mut shown = Shown { counts, rooms: Vec::new(), all: Vec::with_capacity(candidates.len()) };
    let mut configs = Configs::new();
    let rooms = candidates.iter().zip(wanted).filter(|(room, wanted)| is_shown(room, *wanted));
    for (room, (lists, is_subscribed)) in rooms.take(SLIDING_ROOMS_MAX) {
        let Candidate { row, facts, .. } = room.clone();
        let (limit, required) = config(scope, &mut configs, lists, is_subscribed.then_some(&facts.id));
        let room = ShownRoom { row, facts, limit, required, lists, is_subscribed };
        shown.all.push(row.room);
        if !is_settled(scope, &room, data) {
            shown.rooms.push(room);
        }
    }
    Ok(shown)
}

/// Whether the client has all that it wants of a room, and nothing has happened in it: there is nothing to read, and nothing
/// to note of it. This is so of nearly all rooms in nearly all requests.
fn is_settled(scope: &SlidingScope<'_>, room: &ShownRoom, data: &HashMap<RoomSn, Vec<AccountDataRow>>) -> bool {
    let Some((from, known)) = scope.from.zip(scope.sent.rooms.get(&room.row.room)) else { return false };
    let (parts, of) = extensions::parts(scope, room);
    known.upto.is_none()
        && room.is_joined()
        && room.row.position <= from
        && scope.is_quiet(room.row.room, from)
        && room.limit <= known.limit
        && known.parts & of == parts
        && !data.contains_key(&room.row.room)
        && !scope.comparisons.exceeds(&room.required, &known.required)
}

/// A room that the user left, and never was in, shows nothing.
fn may_subscribe(scope: &SlidingScope<'_>, tx: &mut dyn Tx, room: &Candidate) -> Result<bool> {
    if room.is_listed {
        return Ok(true);
    }
    let core = &*scope.sync.core;
    let viewer = hearth_rooms::read::Viewer::of_member(core, tx, room.row.room, scope.reader, Some(room.row))?;
    Ok(viewer.departure().is_some())
}

/// The elements of a list within its ranges.
fn within(passing: &[usize], ranges: Option<&[(usize, usize)]>) -> Vec<usize> {
    let Some(ranges) = ranges else { return passing.to_vec() };
    let mut within: Vec<usize> = Vec::new();
    for (first, last) in ranges {
        let end = last.saturating_add(1).min(passing.len());
        within.extend(passing.get(*first..end.max(*first)).unwrap_or_default());
    }
    within.sort_unstable();
    within.dedup();
    within
}

/// The union of configurations by lists; most rooms are in the same lists.
type Configs = HashMap<Lists, (usize, Arc<RequiredState>)>;

/// Combines the configurations of the lists and the subscription of a room (MSC4186, "Combining room configs").
fn config(
    scope: &SlidingScope<'_>,
    known: &mut Configs,
    lists: Lists,
    subscribed: Option<&OwnedRoomId>,
) -> (usize, Arc<RequiredState>) {
    let (limit, required) = known.entry(lists).or_insert_with(|| {
        let (mut limit, mut required) = (0, RequiredState::default());
        for (_, list) in scope.query.lists.values().enumerate().filter(|(number, _)| lists.has(*number)) {
            limit = limit.max(list.config.timeline_limit);
            required.add(&list.config.required);
        }
        (limit, Arc::new(required))
    });
    let Some(config) = subscribed.and_then(|id| scope.query.subscriptions.get(id)) else {
        return (*limit, required.clone());
    };
    let mut both = RequiredState::clone(required);
    both.add(&config.required);
    ((*limit).max(config.timeline_limit), Arc::new(both))
}

/// The rooms of which the user's membership has changed since a position, for what is noted about them.
pub(super) fn moved_since(candidates: &[Candidate], from: Position) -> HashSet<RoomSn> {
    candidates.iter().map(|room| &room.row).filter(|row| row.position > from).map(|row| row.room).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_inclusive_and_may_lie_outside() {
        let passing = [3, 5, 7, 9];
        assert_eq!(within(&passing, None), passing);
        assert_eq!(within(&passing, Some(&[(0, 1)])), [3, 5]);
        assert_eq!(within(&passing, Some(&[(1, 99), (0, 1)])), passing);
        assert!(within(&passing, Some(&[(4, 9), (9, 2), (usize::MAX, usize::MAX)])).is_empty());
        assert!(within(&passing, Some(&[])).is_empty());
    }
}
