//! The queue of one server: its outbox rows in order, and items in memory.
//!
//! It has no notion of time, of other servers, or of the content of rows.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use hearth_base::{Millis, Position, limits};
use hearth_store::ids::RoomSn;
use hearth_store::tables::outgoing::OutgoingKind;

use super::ephemeral::EphemeralQueue;

/// Superseded EDUs are dropped at this length, and again whenever the length has doubled, or grown by the second number.
const COALESCE_AT: usize = 64;
const COALESCE_STEP: usize = 4_096;

/// The queue of one server.
#[derive(Debug)]
pub(super) struct Queue {
    events: VecDeque<(Position, RoomSn)>,
    edus: VecDeque<QueuedEdu>,
    pub(super) ephemera: EphemeralQueue,
    coalesce_at: usize,
}

/// A durable EDU.
#[derive(Debug, Clone)]
struct QueuedEdu {
    at: Position,
    /// What a newer one replaces it by; to-device messages have none.
    key: Option<Arc<str>>,
    queued_ms: Option<Millis>,
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
            OutgoingKind::Edu { key, queued_ms } => {
                let key = key.as_deref().map(Into::into);
                self.edus.push_back(QueuedEdu { at, key, queued_ms: *queued_ms });
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

    /// Drops EDUs that a newer one supersedes, and returns them: those with the same key, and of more than
    /// [`limits::OUTGOING_DEVICE_UPDATES_MAX`] updates of one user's devices all but the newest. Others are never
    /// dropped; their senders have shares of the queue (`hearth_rooms::outgoing`).
    pub(super) fn coalesce(&mut self) -> Vec<Position> {
        let (mut keys, mut updates) = (HashSet::new(), HashMap::<String, usize>::new());
        // Newest first.
        let mut kept: Vec<&QueuedEdu> = self.edus.iter().rev().collect();
        kept.retain(|edu| edu.key.as_ref().is_none_or(|key| keys.insert(Arc::clone(key))));
        for user in kept.iter().filter_map(|edu| edu.key.as_deref().map(user_part)) {
            *updates.entry(user.to_owned()).or_default() += 1;
        }
        updates.retain(|_, count| *count > limits::OUTGOING_DEVICE_UPDATES_MAX);
        kept.retain(|edu| {
            let Some(count) = edu.key.as_deref().and_then(|key| updates.get_mut(user_part(key))) else { return true };
            // The first one met is the newest.
            std::mem::take(count) > 0
        });
        let kept: HashSet<Position> = kept.into_iter().map(|edu| edu.at).collect();
        let dropped = self.edus.iter().map(|edu| edu.at).filter(|at| !kept.contains(at)).collect();
        self.edus.retain(|edu| kept.contains(&edu.at));
        self.coalesce_at = self.edus.len() + self.edus.len().clamp(COALESCE_AT, COALESCE_STEP);
        dropped
    }

    /// Drops to-device messages that have waited since before `before_ms`, and returns them. `away_since_ms` stands in
    /// for the time of those that an older version queued, or that were queued before the clock was set.
    pub(super) fn expire(&mut self, before_ms: Millis, away_since_ms: Millis) -> Vec<Position> {
        let since =
            |edu: &QueuedEdu| edu.queued_ms.filter(|at_ms| *at_ms >= limits::CLOCK_MS_MIN).unwrap_or(away_since_ms);
        let is_old = |edu: &QueuedEdu| edu.key.is_none() && since(edu) < before_ms;
        let dropped = self.edus.iter().filter(|edu| is_old(edu)).map(|edu| edu.at).collect();
        self.edus.retain(|edu| !is_old(edu));
        dropped
    }

    /// The first events and EDUs, up to these limits.
    pub(super) fn first(&self, events_max: usize, edus_max: usize) -> (Vec<Position>, Vec<Position>) {
        let events = self.events.iter().take(events_max).map(|(at, _)| *at).collect();
        (events, self.edus.iter().take(edus_max).map(|edu| edu.at).collect())
    }

    /// Removes delivered rows.
    pub(super) fn remove(&mut self, sent: &[Position]) {
        // Delivered rows are at the front, unless the queue was thinned meanwhile.
        let sent: HashSet<&Position> = sent.iter().collect();
        self.events.retain(|(at, _)| !sent.contains(at));
        self.edus.retain(|edu| !sent.contains(&edu.at));
    }
}

/// The kind and the user of a key: all of it but the device.
fn user_part(key: &str) -> &str {
    key.match_indices(' ').nth(1).map_or(key, |(end, _)| &key[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_store::ids::EventSn;

    fn event(queue: &mut Queue, at: u64, room: i64) {
        assert!(queue.push(Position(at), &OutgoingKind::Event { event: EventSn(1), room: RoomSn(room) }).is_empty());
    }

    fn edu(queue: &mut Queue, at: u64, key: Option<&str>) -> Vec<Position> {
        queue.push(Position(at), &OutgoingKind::Edu { key: key.map(str::to_owned), queued_ms: None })
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
    fn to_device_messages_that_waited_too_long_expire_and_nothing_else() {
        let (mut queue, clock) = (Queue::default(), limits::CLOCK_MS_MIN);
        event(&mut queue, 1, 7);
        edu(&mut queue, 2, Some("keys @a:x"));
        for (at, queued_ms) in [(3, Some(clock + 10)), (4, None), (5, Some(0)), (6, Some(clock + 20))] {
            queue.push(Position(at), &OutgoingKind::Edu { key: None, queued_ms });
        }
        assert!(queue.expire(clock + 10, clock + 10).is_empty());
        assert_eq!(queue.expire(clock + 20, clock + 20), positions(&[3]), "the time of two is not known");
        assert_eq!(queue.expire(clock + 20, clock + 19), positions(&[4, 5]));
        assert_eq!(queue.first(9, 9), (positions(&[1]), positions(&[2, 6])));
    }

    #[test]
    fn many_device_updates_of_a_user_are_merged_and_to_device_messages_never_go() {
        let mut queue = Queue::default();
        let most = limits::OUTGOING_DEVICE_UPDATES_MAX as u64;
        for at in 1..=20_000 {
            assert!(edu(&mut queue, at, None).is_empty());
        }
        for at in 20_001..=20_000 + most {
            assert!(edu(&mut queue, at, Some(&format!("device @a:x {at}"))).is_empty());
        }
        edu(&mut queue, 30_000, Some("device @b:x PHONE"));
        edu(&mut queue, 30_001, Some("keys @a:x"));
        assert!(queue.coalesce().is_empty());
        edu(&mut queue, 30_002, Some("device @a:x PHONE"));
        assert_eq!(queue.coalesce(), (20_001..=20_000 + most).map(Position).collect::<Vec<_>>());
        let (_, left) = queue.first(0, usize::MAX);
        assert_eq!(left[..20_000], (1..=20_000).map(Position).collect::<Vec<_>>());
        assert_eq!(left[20_000..], positions(&[30_000, 30_001, 30_002]));
    }
}
