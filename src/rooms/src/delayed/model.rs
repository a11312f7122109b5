//! The scheduled events with their timers, in memory and without contents. Uses neither the database nor rooms.
//!
//! A restart changes only memory. From time to time it must also be written to the database: [`Restart::Note`] tells
//! the caller when.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use hearth_base::Millis;
pub(super) use hearth_base::limits::rooms::DELAYED_NOTE_EVERY;
use hearth_store::ids::{RoomSn, UserSn};
use tokio::time::Instant;

/// The id by which clients address a delayed event.
pub type DelayId = Arc<str>;

/// Hashes a state event's type and key into a number.
pub(super) fn state_name(kind: &str, state_key: &str) -> i64 {
    hearth_store::hash64(&[kind.as_bytes(), state_key.as_bytes()])
}

/// An event to schedule.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewDelayed {
    pub(super) user: UserSn,
    pub(super) room: RoomSn,
    /// The state that it sets, if any: see [`state_name`].
    pub(super) state: Option<i64>,
    pub(super) delay: Duration,
    pub(super) since_ms: Millis,
}

#[derive(Debug)]
struct DelayedEntry {
    new: NewDelayed,
    /// Its place in the queue; none while it is being sent.
    turn: Option<(Instant, u64)>,
    /// It does not become due before this time, whatever its delay.
    leased_until: Option<Instant>,
    /// When its restart was last written to the database.
    noted_at: Option<Instant>,
    /// Whether it was restarted since then.
    moved: bool,
    /// How many attempts to send it have failed.
    tries: u32,
}

/// The result of a restart.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Restart {
    /// No event with this id is scheduled.
    Gone,
    /// Restarted.
    Done,
    /// Restarted; in addition, the caller must write these restart times to the database.
    Note(Vec<(DelayId, Millis)>),
}

/// All scheduled events.
#[derive(Debug, Default)]
pub(super) struct DelayedModel {
    entries: HashMap<DelayId, DelayedEntry>,
    queue: BTreeMap<(Instant, u64), DelayId>,
    by_user: HashMap<UserSn, usize>,
    /// The state events among them, by room and state.
    by_state: HashMap<(RoomSn, i64), Vec<DelayId>>,
    last_turn: u64,
}

impl DelayedModel {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn count_of(&self, user: UserSn) -> usize {
        self.by_user.get(&user).copied().unwrap_or(0)
    }

    /// Returns when the first of a user's events is due.
    pub(super) fn first_of(&self, user: UserSn) -> Option<Instant> {
        // Linear in all events, but needed only for a refusal.
        let own = self.entries.values().filter(|entry| entry.new.user == user);
        own.filter_map(|entry| Some(entry.turn?.0)).min()
    }

    pub(super) fn add(&mut self, id: DelayId, new: NewDelayed, due: Instant) {
        self.remove(&id);
        *self.by_user.entry(new.user).or_default() += 1;
        if let Some(state) = new.state {
            self.by_state.entry((new.room, state)).or_default().push(id.clone());
        }
        let entry = DelayedEntry { new, turn: None, leased_until: None, noted_at: None, moved: false, tries: 0 };
        self.entries.insert(id.clone(), entry);
        self.queue_up(&id, due);
    }

    pub(super) fn remove(&mut self, id: &str) {
        let Some(entry) = self.entries.remove(id) else { return };
        if let Some(turn) = entry.turn {
            self.queue.remove(&turn);
        }
        if let Some(count) = self.by_user.get_mut(&entry.new.user) {
            *count -= 1;
            if *count == 0 {
                self.by_user.remove(&entry.new.user);
            }
        }
        if let Some(state) = entry.new.state
            && let Some(ids) = self.by_state.get_mut(&(entry.new.room, state))
        {
            ids.retain(|known| **known != *id);
            if ids.is_empty() {
                self.by_state.remove(&(entry.new.room, state));
            }
        }
    }

    pub(super) fn remove_user(&mut self, user: UserSn) {
        let of = |(id, entry): (&DelayId, &DelayedEntry)| (entry.new.user == user).then(|| id.clone());
        let gone: Vec<DelayId> = self.entries.iter().filter_map(of).collect();
        for id in gone {
            self.remove(&id);
        }
    }

    /// Returns the owner of an event; none when it is not scheduled.
    pub(super) fn owner(&self, id: &str) -> Option<UserSn> {
        self.entries.get(id).map(|entry| entry.new.user)
    }

    /// Returns the owner and the room of an event.
    pub(super) fn place(&self, id: &str) -> Option<(UserSn, RoomSn)> {
        self.entries.get(id).map(|entry| (entry.new.user, entry.new.room))
    }

    /// Returns the delay of an event, and when it started.
    pub(super) fn times(&self, id: &str) -> Option<(Duration, Millis)> {
        self.entries.get(id).map(|entry| (entry.new.delay, entry.new.since_ms))
    }

    /// Restarts the delay of an event.
    pub(super) fn restart(&mut self, id: &str, now: Instant, now_ms: Millis) -> Restart {
        let Some(entry) = self.entries.get_mut(id).filter(|entry| entry.turn.is_some()) else { return Restart::Gone };
        (entry.new.since_ms, entry.moved) = (now_ms, true);
        let due = (now + entry.new.delay).max(entry.leased_until.unwrap_or(now));
        let is_noted = entry.noted_at.is_some_and(|at| now < at + DELAYED_NOTE_EVERY);
        self.queue_up(id, due);
        if is_noted { Restart::Done } else { Restart::Note(self.take_moved(now)) }
    }

    /// As [`DelayedModel::restart`]. In addition, the event does not become due before `lease` has passed.
    pub(super) fn lease(&mut self, id: &str, lease: Duration, now: Instant, now_ms: Millis) -> Restart {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.leased_until = Some(now + lease);
        }
        self.restart(id, now, now_ms)
    }

    /// Returns the restarts that are not in the database yet, and marks them as written.
    fn take_moved(&mut self, now: Instant) -> Vec<(DelayId, Millis)> {
        // All of them, because one transaction writes them with one disk sync.
        let moved = self.entries.iter_mut().filter(|(_, entry)| entry.moved);
        let take = |(id, entry): (&DelayId, &mut DelayedEntry)| {
            (entry.moved, entry.noted_at) = (false, Some(now));
            (id.clone(), entry.new.since_ms)
        };
        moved.map(take).collect()
    }

    /// Marks restarts as not written again, after their write failed.
    pub(super) fn not_noted(&mut self, ids: &[(DelayId, Millis)]) {
        for (id, _) in ids {
            if let Some(entry) = self.entries.get_mut(id) {
                (entry.moved, entry.noted_at) = (true, None);
            }
        }
    }

    /// Returns all events that were restarted since the start, with the last restart time: for a clean stop.
    pub(super) fn restarted(&self) -> Vec<(DelayId, Millis)> {
        let was = |entry: &DelayedEntry| entry.moved || entry.noted_at.is_some();
        let of = |(id, entry): (&DelayId, &DelayedEntry)| was(entry).then(|| (id.clone(), entry.new.since_ms));
        self.entries.iter().filter_map(of).collect()
    }

    /// Returns when the next event is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.queue.keys().next().map(|(due, _)| *due)
    }

    /// Takes at most `max` due events out of the queue. They stay in the model until they are sent.
    pub(super) fn take_due(&mut self, now: Instant, max: usize) -> Vec<DelayId> {
        let mut due = Vec::new();
        while due.len() < max && self.next_due().is_some_and(|next| next <= now) {
            let Some((_, id)) = self.queue.pop_first() else { break };
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.turn = None;
            }
            due.push(id);
        }
        due
    }

    /// Puts an event that could not be sent back into the queue. Returns the number of failed attempts.
    pub(super) fn put_back(&mut self, id: &str, wait: impl FnOnce(u32) -> Duration, now: Instant) -> u32 {
        let Some(entry) = self.entries.get_mut(id) else { return 0 };
        entry.tries = entry.tries.saturating_add(1);
        let tries = entry.tries;
        self.queue_up(id, now + wait(tries));
        tries
    }

    /// Returns whether any scheduled event sets state.
    pub(super) fn has_state(&self) -> bool {
        !self.by_state.is_empty()
    }

    /// Returns the events of users other than `sender` that would set this state of a room.
    pub(super) fn rivals(&self, room: RoomSn, state: i64, sender: UserSn) -> Vec<DelayId> {
        let known = self.by_state.get(&(room, state)).into_iter().flatten();
        known.filter(|id| self.owner(id).is_some_and(|owner| owner != sender)).cloned().collect()
    }

    fn queue_up(&mut self, id: &str, due: Instant) {
        let Some((id, entry)) = self.entries.get_key_value(id).map(|(id, _)| id.clone()).zip(self.entries.get_mut(id))
        else {
            return;
        };
        self.last_turn += 1;
        let turn = (due, self.last_turn);
        if let Some(before) = entry.turn.replace(turn) {
            self.queue.remove(&before);
        }
        self.queue.insert(turn, id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: UserSn = UserSn(1);
    const BOB: UserSn = UserSn(2);
    const ROOM: RoomSn = RoomSn(7);
    const SECOND: Duration = Duration::from_secs(1);

    fn book(events: &[(&str, UserSn, Option<i64>, u32)]) -> (DelayedModel, Instant) {
        let (mut book, now) = (DelayedModel::default(), Instant::now());
        for (id, user, state, seconds) in events {
            let delay = SECOND * *seconds;
            let new = NewDelayed { user: *user, room: ROOM, state: *state, delay, since_ms: 0 };
            book.add((*id).into(), new, now + delay);
        }
        (book, now)
    }

    fn names(ids: &[DelayId]) -> Vec<&str> {
        ids.iter().map(|id| &**id).collect()
    }

    #[test]
    fn what_is_due_comes_in_order_and_once() {
        let (mut book, now) = book(&[("b", ALICE, None, 2), ("a", ALICE, None, 1), ("c", BOB, None, 9)]);
        assert_eq!((book.count_of(ALICE), book.first_of(BOB)), (2, Some(now + SECOND * 9)));
        assert!(book.take_due(now, 9).is_empty());
        assert_eq!(names(&book.take_due(now + SECOND * 3, 1)), ["a"]);
        assert_eq!(names(&book.take_due(now + SECOND * 3, 9)), ["b"]);
        assert_eq!(book.next_due(), Some(now + SECOND * 9));
        // An event cannot be restarted while it is being sent; after it is put back, it can.
        assert_eq!(book.restart("a", now, 1), Restart::Gone);
        assert_eq!(book.put_back("a", |_| SECOND * 20, now), 1);
        assert_eq!(book.restart("a", now, 1), Restart::Note(vec![("a".into(), 1)]));
        assert_eq!(book.next_due(), Some(now + SECOND));
        book.remove_user(ALICE);
        assert_eq!((book.len(), book.count_of(ALICE), book.next_due()), (1, 0, Some(now + SECOND * 9)));
    }

    #[test]
    fn only_few_restarts_are_written_down_and_then_all_at_once() {
        let (mut book, now) = book(&[("a", ALICE, None, 10), ("b", BOB, None, 10)]);
        assert_eq!(book.restart("a", now, 5), Restart::Note(vec![("a".into(), 5)]));
        assert_eq!(book.restart("b", now, 6), Restart::Note(vec![("b".into(), 6)]));
        let mut at = now;
        for n in 0..50 {
            at += SECOND * 5;
            assert_eq!((book.restart("a", at, 10 + n), book.restart("b", at, 10 + n)), (Restart::Done, Restart::Done));
        }
        let Restart::Note(mut both) = book.restart("a", now + DELAYED_NOTE_EVERY, 99) else { panic!("it is time") };
        both.sort();
        let wanted: Vec<(DelayId, Millis)> = vec![("a".into(), 99), ("b".into(), 59)];
        assert_eq!(both, wanted);
        assert_eq!(book.restart("b", now + DELAYED_NOTE_EVERY, 99), Restart::Done);
        book.not_noted(&both);
        assert!(matches!(book.restart("b", now + DELAYED_NOTE_EVERY, 99), Restart::Note(all) if all.len() == 2));
        assert_eq!(book.restarted().len(), 2);
        assert_eq!(book.restart("c", now, 0), Restart::Gone);
    }

    #[test]
    fn a_lease_outlasts_the_delay() {
        let (mut book, now) = book(&[("a", ALICE, None, 10)]);
        book.lease("a", SECOND * 90, now, 0);
        book.restart("a", now + SECOND, 0);
        assert_eq!(book.next_due(), Some(now + SECOND * 90));
        book.restart("a", now + SECOND * 85, 0);
        assert_eq!(book.next_due(), Some(now + SECOND * 95));
    }

    #[test]
    fn rivals_are_those_of_others_for_the_same_state() {
        let name = state_name("m.call", "@alice");
        let (mut book, _) = book(&[("a", ALICE, Some(name), 1), ("b", BOB, Some(name), 1), ("c", BOB, None, 1)]);
        assert_eq!(names(&book.rivals(ROOM, name, ALICE)), ["b"]);
        assert!(book.rivals(RoomSn(8), name, ALICE).is_empty());
        book.remove("b");
        book.remove("a");
        assert!(!book.has_state());
    }
}
