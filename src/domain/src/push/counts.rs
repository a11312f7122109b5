//! Unread counts, as `/sync` shows them: a pure function of how far a user has read, the events after that, and the push
//! rules. Nothing is written when a message arrives, so a message costs the same in a room of two and of two hundred; a
//! crash can't leave a wrong count; and each event is evaluated once for each user who looks.

use std::collections::BTreeMap;
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
use ruma::push::PushConditionRoomCtx;

use super::evaluate::{Evaluator, context};
use super::rules::RuleCache;
use crate::core::Core;

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
pub(super) type Marks = BTreeMap<Thread, i64>;

#[derive(Debug)]
struct Kept {
    /// Everything up to this place in the timeline is counted.
    upto: i64,
    marks: Marks,
    counts: Arc<Counts>,
    /// The context, and the room's state that it was read from.
    context: Arc<PushConditionRoomCtx>,
    snapshot: SnapshotSn,
}

/// Counts unread events.
#[derive(Debug)]
pub struct Counter {
    kept: Cache<(UserSn, RoomSn), Arc<Kept>>,
    evaluator: Evaluator,
    rules: RuleCache,
}

impl Default for Counter {
    fn default() -> Self {
        Self { kept: Cache::new(KEPT_MAX), evaluator: Evaluator::default(), rules: RuleCache::default() }
    }
}

impl Counter {
    /// The unread counts of a joined user in a room, of events up to `upto`.
    ///
    /// Looks at no more than the newest [`limits::UNREAD_EVENTS_MAX`] events.
    pub fn count(
        &self,
        core: &Core,
        tx: &mut dyn Tx,
        room: &Room,
        (member, user_id): (&MembershipRow, &UserId),
        upto: Position,
    ) -> Result<Arc<Counts>> {
        let key = (member.user, room.sn);
        let upto = upto.as_i64();
        let marks = marks(tx, room.sn, member.user)?;
        let known = self.kept.get(&key).filter(|kept| kept.marks == marks);
        if let Some(known) = &known
            && known.upto >= upto
        {
            return Ok(known.counts.clone());
        }
        let context = match &known {
            Some(known) if known.snapshot == room.snapshot => known.context.clone(),
            _ => Arc::new(context(core, tx, room, (member.user, user_id))?),
        };
        let read_upto = marks.get(&Thread::Unthreaded).copied().unwrap_or(i64::MIN).max(member.since.as_i64());
        let after = known.as_ref().map_or(read_upto, |known| known.upto.max(read_upto));
        let mut counts = known.map_or_else(Counts::default, |known| Counts::clone(&known.counts));
        let rules = self.rules.get(tx, member.user, user_id)?;
        let mut unread = Vec::new();
        events::timeline(tx, room.sn, (after, upto), Direction::Backward, limits::UNREAD_EVENTS_MAX, &mut |row| {
            unread.push(core.events.keep_stored(&row)?);
            Ok(true)
        })?;
        for event in unread.iter().filter(|event| event.flags & events::SOFT_FAILED == 0 && !event.is_redacted()) {
            let thread = event.thread.map_or(Thread::Main, Thread::Root);
            if event.ord <= marks.get(&thread).copied() {
                continue;
            }
            let outcome = self.evaluator.outcome(&rules, event, &context);
            if outcome.notify || outcome.highlight {
                let count = event.thread.map_or(&mut counts.main, |root| counts.threads.entry(root).or_default());
                count.notify += 1;
                count.highlight += u64::from(outcome.highlight);
            }
        }
        let counts = Arc::new(counts);
        let kept = Kept { upto, marks, counts: counts.clone(), context, snapshot: room.snapshot };
        self.kept.insert(key, Arc::new(kept));
        Ok(counts)
    }
}

/// How far a user has read in a room.
pub(super) fn marks(tx: &mut dyn Tx, room: RoomSn, user: UserSn) -> Result<Marks> {
    let mut marks = Marks::new();
    for receipt in receipts::of_user(tx, room, user)? {
        let mark = marks.entry(receipt.thread).or_insert(receipt.ord);
        *mark = receipt.ord.max(*mark);
    }
    Ok(marks)
}
