//! The queue of one server: its outbox rows in order, and items in memory.
//!
//! It has no notion of time, of other servers, or of the content of rows.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use hearth_base::{Position, limits};
use hearth_store::ids::RoomSn;
use hearth_store::tables::outgoing::OutgoingKind;

use super::ephemeral::EphemeralQueue;

/// Superseded EDUs are dropped at this length, and again whenever the length has doubled.
const COALESCE_AT: usize = 64;

/// The queue of one server.
#[derive(Debug)]
pub(super) struct Queue {
    events: VecDeque<(Position, RoomSn)>,
    edus: VecDeque<(Position, Option<Arc<str>>)>,
    pub(super) ephemera: EphemeralQueue,
    coalesce_at: usize,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            events: VecDeque::new(),
            edus: VecDeque::new(),
            ephemera: EphemeralQueue::default(),
            coalesce_at: COALESCE_AT,
        }
    }
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.edus.is_empty() && self.ephemera.is_empty()
    }

    /// Whether an item should be sent at once; receipts and presence may wait for more.
    pub(super) fn is_urgent(&self) -> bool {
        !self.events.is_empty() || !self.edus.is_empty() || self.ephemera.is_urgent()
    }

    /// Number of waiting events and of other items.
    pub(super) fn lengths(&self) -> (usize, usize) {
        (self.events.len(), self.edus.len() + self.ephemera.len())
    }

    /// Appends a row, newer than all others. Returns the rows that it supersedes.
    pub(super) fn push(&mut self, at: Position, news: &OutgoingKind) -> Vec<Position> {
        match news {
            OutgoingKind::Event { room, .. } => {
                self.events.push_back((at, *room));
                Vec::new()
            }
            OutgoingKind::Edu { key } => {
                self.edus.push_back((at, key.as_deref().map(Into::into)));
                if self.edus.len() < self.coalesce_at { Vec::new() } else { self.coalesce() }
            }
        }
    }

    /// Above `events_max` waiting events, drops all but the newest of each room and returns them: from that one the
    /// server fetches the missing events (server-server API, "get_missing_events").
    pub(super) fn thin(&mut self, events_max: usize) -> Vec<Position> {
        if self.events.len() <= events_max {
            return Vec::new();
        }
        let mut rooms = HashSet::new();
        let newest: HashSet<Position> =
            self.events.iter().rev().filter(|(_, room)| rooms.insert(*room)).map(|(at, _)| *at).collect();
        let dropped = self.events.iter().map(|(at, _)| *at).filter(|at| !newest.contains(at)).collect();
        self.events.retain(|(at, _)| newest.contains(at));
        dropped
    }

    /// Drops EDUs that a newer one supersedes, and the oldest above the limit; returns them.
    pub(super) fn coalesce(&mut self) -> Vec<Position> {
        let mut keys = HashSet::new();
        let is_needed =
            |(_, key): &&(Position, Option<Arc<str>>)| key.as_ref().is_none_or(|key| keys.insert(key.clone()));
        // Drops more than required, so that the next EDU does not start this again.
        let most = limits::OUTGOING_EDUS_MAX;
        let most = if self.edus.len() > most { most - most / 10 } else { most };
        let kept: HashSet<Position> = self.edus.iter().rev().filter(is_needed).map(|(at, _)| *at).take(most).collect();
        let dropped = self.edus.iter().map(|(at, _)| *at).filter(|at| !kept.contains(at)).collect();
        self.edus.retain(|(at, _)| kept.contains(at));
        self.coalesce_at = (self.edus.len() * 2).clamp(COALESCE_AT, limits::OUTGOING_EDUS_MAX + 1);
        dropped
    }

    /// The first events and EDUs, up to these limits.
    pub(super) fn first(&self, events_max: usize, edus_max: usize) -> (Vec<Position>, Vec<Position>) {
        let events = self.events.iter().take(events_max).map(|(at, _)| *at).collect();
        (events, self.edus.iter().take(edus_max).map(|(at, _)| *at).collect())
    }

    /// Removes delivered rows.
    pub(super) fn remove(&mut self, sent: &[Position]) {
        // Delivered rows are at the front, unless the queue was thinned meanwhile.
        let sent: HashSet<&Position> = sent.iter().collect();
        self.events.retain(|(at, _)| !sent.contains(at));
        self.edus.retain(|(at, _)| !sent.contains(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_store::ids::EventSn;

    fn event(queue: &mut Queue, at: u64, room: i64) {
        assert!(queue.push(Position(at), &OutgoingKind::Event { event: EventSn(1), room: RoomSn(room) }).is_empty());
    }

    fn edu(queue: &mut Queue, at: u64, key: Option<&str>) -> Vec<Position> {
        queue.push(Position(at), &OutgoingKind::Edu { key: key.map(str::to_owned) })
    }

    fn positions(of: &[u64]) -> Vec<Position> {
        of.iter().copied().map(Position).collect()
    }

    #[test]
    fn a_long_queue_keeps_the_newest_event_of_each_room_in_order() {
        let mut queue = Queue::default();
        for (at, room) in [(1, 7), (2, 8), (3, 7), (4, 9), (5, 8)] {
            event(&mut queue, at, room);
        }
        assert!(queue.thin(5).is_empty());
        assert_eq!(queue.thin(4), positions(&[1, 2]));
        assert_eq!(queue.first(50, 50).0, positions(&[3, 4, 5]));
        queue.remove(&positions(&[1, 3]));
        assert_eq!(queue.first(1, 50).0, positions(&[4]));
    }

    #[test]
    fn a_newer_edu_replaces_the_older_one_of_its_key_only() {
        let mut queue = Queue::default();
        for (at, key) in [(1, Some("a")), (2, None), (3, Some("b")), (4, Some("a")), (5, None)] {
            assert!(edu(&mut queue, at, key).is_empty());
        }
        assert_eq!(queue.coalesce(), positions(&[1]));
        assert_eq!(queue.first(50, 3).1, positions(&[2, 3, 4]));
    }

    #[test]
    fn of_too_many_edus_the_oldest_go() {
        let mut queue = Queue::default();
        let most = limits::OUTGOING_EDUS_MAX as u64;
        let dropped: Vec<_> = (1..=most + 100).flat_map(|at| edu(&mut queue, at, None)).collect();
        assert!(queue.lengths().1 <= limits::OUTGOING_EDUS_MAX + 1);
        assert_eq!(dropped.first(), Some(&Position(1)));
    }
}
