//! Unread counts, as `/sync` shows them: a pure function of how far a user has read, the events after that, and the push
//! rules. Nothing is written when a message arrives, so a message costs the same in a room of two and of two hundred; a
//! crash can't leave a wrong count; and each event is evaluated once for each user who looks.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use hearth_base::{Position, Result, limits};
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, RoomSn, SnapshotSn, UserSn};
use hearth_store::tables::events::{self, Direction};
use hearth_store::tables::memberships::MembershipRow;
use hearth_store::tables::receipts::{self, Thread};
use hearth_store::tables::rooms::Room;
use quick_cache::sync::Cache;
use ruma::UserId;
use ruma::events::TimelineEventType;
use ruma::push::PushConditionRoomCtx;

use super::evaluate::{Evaluator, PushOutcome, context};
use super::rules::RuleCache;
use crate::core::Core;
use crate::rooms::load::Event;

/// Pairs of user and room whose counts are remembered.
const KEPT_MAX: usize = 5_000;

/// One pair of numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Events that notify.
    pub notify: u64,
    /// Events that highlight; a part of those that notify.
    pub highlight: u64,
}

/// The unread counts of one user in one room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Outside of threads.
    pub main: Count,
    /// In each thread that has any, by its root.
    pub threads: BTreeMap<EventSn, Count>,
}

impl Counts {
    /// All together, for clients that do not ask for threads apart.
    #[must_use]
    pub fn total(&self) -> Count {
        self.threads.values().fold(self.main, |sum, count| Count {
            notify: sum.notify + count.notify,
            highlight: sum.highlight + count.highlight,
        })
    }
}

/// How far a user has read, by thread: places in the timeline.
pub(super) type ReadMarkers = BTreeMap<Thread, i64>;

#[derive(Debug)]
struct CachedCount {
    /// Everything up to this place in the timeline is counted.
    upto: i64,
    /// Since when the user has been in the room.
    since: Position,
    marks: ReadMarkers,
    /// Whose events do not count.
    ignored: Arc<HashSet<UserSn>>,
    counts: Arc<Counts>,
    /// The context, and the room's state that it was read from.
    context: Arc<PushConditionRoomCtx>,
    snapshot: SnapshotSn,
}

/// Where counting begins.
#[derive(Debug, Default, PartialEq, Eq)]
struct CountStart {
    counts: Counts,
    /// The place after which events are looked at.
    after: i64,
    /// Up to this place `counts` is right, but for the threads in `again`.
    counted_upto: Option<i64>,
    /// What is counted again, because more of it has been read.
    again: BTreeSet<Thread>,
}

impl CountStart {
    /// From the beginning: from where everything is read.
    fn anew(marks: &ReadMarkers, since: Position) -> Self {
        let after = marks.get(&Thread::Unthreaded).copied().unwrap_or(i64::MIN).max(since.as_i64());
        Self { after, ..Self::default() }
    }

    /// From what is remembered, as far as that still holds: mostly the user has read one thread, to its end.
    fn from(known: &CachedCount, marks: &ReadMarkers) -> Self {
        let went_on = |(thread, at): (&Thread, &i64)| marks.get(thread).is_some_and(|now| now >= at);
        if !known.marks.iter().all(went_on) {
            return Self::anew(marks, known.since);
        }
        let mut counts = Counts::clone(&known.counts);
        let mut again = BTreeSet::new();
        let mut is_read_on = |thread| {
            let moved = read_upto(marks, thread) > read_upto(&known.marks, thread);
            moved && again.insert(thread)
        };
        if counts.main != Count::default() && is_read_on(Thread::Main) {
            counts.main = Count::default();
        }
        counts.threads.retain(|root, _| !is_read_on(Thread::Root(*root)));
        let first = again.iter().map(|thread| read_upto(marks, *thread)).min();
        let after = first.map_or(known.upto, |first| first.min(known.upto)).max(Self::anew(marks, known.since).after);
        Self { counts, after, counted_upto: Some(known.upto), again }
    }

    /// Whether an event still has to be counted.
    fn wants(&self, ord: i64, thread: Thread) -> bool {
        self.counted_upto.is_none_or(|upto| ord > upto) || self.again.contains(&thread)
    }
}

/// How far a thread is read; what is read of the whole room is read of each of its threads.
fn read_upto(marks: &ReadMarkers, thread: Thread) -> i64 {
    marks.get(&thread).max(marks.get(&Thread::Unthreaded)).copied().unwrap_or(i64::MIN)
}

/// Counts unread events.
#[derive(Debug)]
pub struct Counter {
    kept: Cache<(UserSn, RoomSn), Arc<CachedCount>>,
    evaluator: Evaluator,
    rules: RuleCache,
}

impl Default for Counter {
    fn default() -> Self {
        Self { kept: Cache::new(KEPT_MAX), evaluator: Evaluator::default(), rules: RuleCache::default() }
    }
}

impl Counter {
    /// The unread counts of a joined user in a room, of events up to `upto`; what `ignored` users sent does not count.
    ///
    /// Looks at no more than the newest [`limits::UNREAD_EVENTS_MAX`] events.
    pub fn count(
        &self,
        core: &Core,
        tx: &mut dyn Tx,
        room: &Room,
        (member, user_id): (&MembershipRow, &UserId),
        ignored: &Arc<HashSet<UserSn>>,
        upto: Position,
    ) -> Result<Arc<Counts>> {
        let key = (member.user, room.sn);
        let upto = upto.as_i64();
        let marks = marks(tx, room.sn, member.user)?;
        let known = self.kept.get(&key).filter(|kept| kept.since == member.since && kept.ignored == *ignored);
        if let Some(known) = known.as_ref().filter(|known| known.upto >= upto && known.marks == marks) {
            return Ok(known.counts.clone());
        }
        let context = match &known {
            Some(known) if known.snapshot == room.snapshot => known.context.clone(),
            _ => Arc::new(context(core, tx, room, (member.user, user_id))?),
        };
        let start = known.as_ref().map(|known| CountStart::from(known, &marks));
        let start = start.unwrap_or_else(|| CountStart::anew(&marks, member.since));
        let upto = upto.max(start.counted_upto.unwrap_or(i64::MIN));
        let mut unread = unread(core, tx, room.sn, (start.after, upto))?;
        // What a redaction took away may have been counted.
        let is_redaction = |event: &Arc<Event>| event.pdu.kind == TimelineEventType::RoomRedaction;
        let start = match unread.iter().any(is_redaction) && start.counted_upto.is_some() {
            false => start,
            true => {
                let anew = CountStart::anew(&marks, member.since);
                unread = self::unread(core, tx, room.sn, (anew.after, upto))?;
                anew
            }
        };
        let rules = self.rules.get(tx, member.user, user_id)?;
        let evaluate = |event: &Event| self.evaluator.outcome(&rules, event, &context);
        let counts = Arc::new(tally(start, &unread, &marks, ignored, &evaluate));
        let (since, ignored) = (member.since, ignored.clone());
        let kept =
            CachedCount { upto, since, marks, ignored, counts: counts.clone(), context, snapshot: room.snapshot };
        self.kept.insert(key, Arc::new(kept));
        Ok(counts)
    }
}

/// The newest events of a part of the timeline.
fn unread(core: &Core, tx: &mut dyn Tx, room: RoomSn, part: (i64, i64)) -> Result<Vec<Arc<Event>>> {
    let mut unread = Vec::new();
    events::timeline(tx, room, part, Direction::Backward, limits::UNREAD_EVENTS_MAX, &mut |row| {
        unread.push(core.events.keep_stored(&row)?);
        Ok(true)
    })?;
    Ok(unread)
}

/// Adds up what `unread` is worth, from `start` on.
fn tally(
    mut start: CountStart,
    unread: &[Arc<Event>],
    marks: &ReadMarkers,
    ignored: &HashSet<UserSn>,
    evaluate: &dyn Fn(&Event) -> PushOutcome,
) -> Counts {
    for event in unread.iter().filter(|event| event.flags & events::SOFT_FAILED == 0 && !event.is_redacted()) {
        let thread = event.thread.map_or(Thread::Main, Thread::Root);
        let is_unread = |ord: &i64| *ord > read_upto(marks, thread) && start.wants(*ord, thread);
        if event.ord.filter(is_unread).is_none() || ignored.contains(&event.sender) {
            continue;
        }
        let outcome = evaluate(event);
        if outcome.notify || outcome.highlight {
            let counts = &mut start.counts;
            let count = event.thread.map_or(&mut counts.main, |root| counts.threads.entry(root).or_default());
            count.notify += 1;
            count.highlight += u64::from(outcome.highlight);
        }
    }
    start.counts
}

/// How far a user has read in a room.
pub(super) fn marks(tx: &mut dyn Tx, room: RoomSn, user: UserSn) -> Result<ReadMarkers> {
    let mut marks = ReadMarkers::new();
    for receipt in receipts::of_user(tx, room, user)? {
        let mark = marks.entry(receipt.thread).or_insert(receipt.ord);
        *mark = receipt.ord.max(*mark);
    }
    Ok(marks)
}

#[cfg(test)]
mod tests {
    use ruma::{RoomId, UInt, UserId};

    use super::*;

    const ONE: Count = Count { notify: 1, highlight: 0 };

    fn kept(marks: &[(Thread, i64)], main: Count, threads: &[i64]) -> CachedCount {
        let room = RoomId::parse("!a:home.example").expect("an id");
        let user = UserId::parse("@alice:home.example").expect("an id");
        let threads = threads.iter().map(|root| (EventSn(*root), ONE)).collect();
        CachedCount {
            upto: 100,
            since: Position(5),
            marks: marks.iter().copied().collect(),
            ignored: Arc::default(),
            counts: Arc::new(Counts { main, threads }),
            context: Arc::new(PushConditionRoomCtx::new(room, UInt::from(2_u32), user, "Alice".to_owned())),
            snapshot: SnapshotSn(1),
        }
    }

    fn start(known: &CachedCount, marks: &[(Thread, i64)]) -> CountStart {
        CountStart::from(known, &marks.iter().copied().collect())
    }

    #[test]
    fn reading_on_counts_again_only_what_was_read() {
        let known = kept(&[(Thread::Main, 40)], ONE, &[50, 60]);
        let read = start(&known, &[(Thread::Main, 90)]);
        assert_eq!((read.after, read.counted_upto, read.counts.main), (90, Some(100), Count::default()));
        assert_eq!(read.counts.threads.len(), 2);
        assert!(read.wants(95, Thread::Main) && read.wants(101, Thread::Root(EventSn(50))));
        assert!(!read.wants(95, Thread::Root(EventSn(50))));
        let read = start(&known, &[(Thread::Main, 40), (Thread::Root(EventSn(60)), 80)]);
        assert_eq!((read.after, read.counts.main, read.counts.threads.len()), (80, ONE, 1));
        let all = start(&known, &[(Thread::Main, 40), (Thread::Unthreaded, 100)]);
        assert_eq!((all.after, all.counts), (100, Counts::default()));
    }

    #[test]
    fn nothing_unread_needs_no_second_look() {
        let known = kept(&[(Thread::Main, 40)], Count::default(), &[]);
        assert_eq!(start(&known, &[(Thread::Main, 70)]).after, 100);
    }

    #[test]
    fn what_is_not_remembered_is_counted_anew() {
        let known = kept(&[(Thread::Main, 40)], ONE, &[]);
        let anew = start(&known, &[(Thread::Unthreaded, 20)]);
        assert_eq!(anew, CountStart { after: 20, ..CountStart::default() });
        assert_eq!(CountStart::anew(&ReadMarkers::new(), Position(5)).after, 5);
    }
}
