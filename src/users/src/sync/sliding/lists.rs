//! Which rooms the lists and subscriptions of a request show.
//!
//! Rooms are in the order of their last event, not of their `bump_stamp` (MSC4186, "Activity ordering"): so every change brings
//! its room into the window, and a client with a small window misses nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hearth_base::Result;
use hearth_base::limits::users::SLIDING_ROOMS_MAX;
use hearth_store::engine::Tx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::memberships::{self, Membership, MembershipRow};
use ruma::OwnedRoomId;

use super::answer::ListAnswer;
use super::facts::{self, RoomFacts};
use super::filters::Filters;
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

/// A room that the request shows.
#[derive(Debug, Clone)]
pub(super) struct ShownRoom {
    pub(super) row: MembershipRow,
    pub(super) facts: Arc<RoomFacts>,
    pub(super) limit: usize,
    pub(super) required: Arc<RequiredState>,
    /// The lists it is in, by their index.
    pub(super) lists: Vec<usize>,
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

/// Returns the rooms of the user, the most recently active first.
pub(super) fn candidates(scope: &SlidingScope<'_>, tx: &mut dyn Tx) -> Result<Vec<Candidate>> {
    let rows = match scope.from {
        None => memberships::of_user(tx, scope.reader.user)?,
        Some(from) => memberships::of_user_since(tx, scope.reader.user, from)?,
    };
    let mut found = Vec::with_capacity(rows.len());
    for row in rows.into_iter().filter(|row| row.since <= scope.upto) {
        let sent = scope.sent_upto(row.room);
        let (is_listed, is_owed) = match row.membership {
            Membership::Join => (!row.forgotten, false),
            Membership::Knock => (true, false),
            Membership::Invite => (!scope.hidden_invites.hides(&scope.sync.core, tx, &row)?, false),
            Membership::Leave | Membership::Ban => {
                let is_owed = sent.is_some_and(|sent| row.position > sent);
                (is_owed || (!row.forgotten && facts::is_removal(scope, tx, &row)?), is_owed)
            }
        };
        let hidden = row.membership == Membership::Invite && !is_listed;
        if hidden || (row.forgotten && !is_owed) {
            continue;
        }
        let Some(facts) = facts::of(scope, tx, row.room)? else { continue };
        let activity = match row.membership {
            Membership::Join => facts.newest.max(row.since.as_i64()),
            _ => row.position.as_i64(),
        };
        found.push(Candidate { row, facts, activity, is_listed, is_owed });
    }
    found.sort_unstable_by_key(|room| std::cmp::Reverse((room.activity, room.row.room)));
    Ok(found)
}

/// Returns the sizes of the lists, and the rooms that the request shows.
pub(super) fn shown(
    scope: &SlidingScope<'_>,
    tx: &mut dyn Tx,
    candidates: &[Candidate],
) -> Result<(BTreeMap<String, ListAnswer>, Vec<ShownRoom>)> {
    let mut counts = BTreeMap::new();
    let mut wanted: BTreeMap<usize, (Vec<usize>, bool)> = BTreeMap::new();
    let mut filters = Filters::default();
    for (number, (name, list)) in scope.query.lists.iter().enumerate() {
        let mut passing = Vec::new();
        for (index, room) in candidates.iter().enumerate().filter(|(_, room)| room.is_listed) {
            if filters.passes(scope, tx, &list.filters, room)? {
                passing.push(index);
            }
        }
        counts.insert(name.clone(), ListAnswer { count: passing.len() });
        for index in within(&passing, list.ranges.as_deref()) {
            wanted.entry(index).or_default().0.push(number);
        }
    }
    let by_id: HashMap<&OwnedRoomId, usize> =
        candidates.iter().enumerate().map(|(index, room)| (&room.facts.id, index)).collect();
    for id in scope.query.subscriptions.keys() {
        let Some(&index) = by_id.get(id) else { continue };
        if may_subscribe(scope, tx, &candidates[index])? {
            wanted.entry(index).or_default().1 = true;
        }
    }
    for (index, _) in candidates.iter().enumerate().filter(|(_, room)| room.is_owed) {
        wanted.entry(index).or_default();
    }
    let mut configs = Configs::new();
    let rooms = wanted.into_iter().take(SLIDING_ROOMS_MAX).map(|(index, (lists, is_subscribed))| {
        let Candidate { row, facts, .. } = candidates[index].clone();
        let (limit, required) = config(scope, &mut configs, &lists, is_subscribed.then_some(&facts.id));
        ShownRoom { row, facts, limit, required, lists, is_subscribed }
    });
    let rooms = rooms.collect();
    Ok((counts, rooms))
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
type Configs = HashMap<Vec<usize>, (usize, Arc<RequiredState>)>;

/// Combines the configurations of the lists and the subscription of a room (MSC4186, "Combining room configs").
fn config(
    scope: &SlidingScope<'_>,
    known: &mut Configs,
    lists: &[usize],
    subscribed: Option<&OwnedRoomId>,
) -> (usize, Arc<RequiredState>) {
    let (limit, required) = known.entry(lists.to_vec()).or_insert_with(|| {
        let (mut limit, mut required) = (0, RequiredState::default());
        for list in scope.query.lists.values().enumerate().filter(|(number, _)| lists.contains(number)) {
            limit = limit.max(list.1.config.timeline_limit);
            required.add(&list.1.config.required);
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

/// Returns the memberships of rooms that the request does not show, for what is noted about them.
pub(super) fn not_shown<'a>(candidates: &'a [Candidate], shown: &[ShownRoom]) -> HashMap<RoomSn, &'a Candidate> {
    let shown: std::collections::HashSet<RoomSn> = shown.iter().map(|room| room.row.room).collect();
    candidates.iter().map(|room| (room.row.room, room)).filter(|(room, _)| !shown.contains(room)).collect()
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
