//! Unread counts in `/sync`: a pure function of the user's read receipts, the later events, and the push rules. An
//! arriving message writes no counts, so it costs the same in a room of two and of two hundred members; a crash
//! cannot leave a wrong count; and each event is evaluated once for each user who syncs.
//!
//! Every unread event counts. To hold no snapshot and no reader thread for long, one read counts a bounded number of
//! events and spends a bounded number of steps on rules ([`CountBudget`]); it reports the rooms that it did not finish.
//! The caller has the rest counted in pieces (`pieces.rs`) and reads again. The progress is cached, and after many
//! events saved in the database.

use hearth_base::boxed;
use std::collections::HashSet;
use std::sync::Arc;

use hearth_base::{Position, Result, limits};
use hearth_core::turns::KeyedLocks;
use hearth_rooms::RoomCore;
use hearth_store::engine::Tx;
use hearth_store::ids::{RoomSn, UserSn};
use hearth_store::tables::memberships::MembershipRow;
use hearth_store::tables::rooms::Room;
use hearth_store::tables::{history_gaps, receipts, unread_counts};
use hearth_store::{WriteTx, hash64};
use quick_cache::sync::Cache;
use ruma::UserId;
use tokio::sync::Semaphore;

pub use super::budget::CountBudget;
use super::context::{Contexts, KnownContext};
use super::evaluate::Evaluator;
use super::rules::RuleCache;
use super::tally::Tally;
pub use super::tally::{Count, Counts};
pub(super) use super::tally::{ReadMarkers, read_upto};
use super::threads::ThreadLookup;
use super::walk::Walk;

/// Events counted before a tally is saved in the database again.
const SAVED_EVERY_EVENTS: usize = 1_000;

/// Parameters of a count.
#[derive(Debug, Clone, Copy)]
pub struct CountQuery<'a> {
    /// The room.
    pub room: &'a Room,
    /// The user's membership in it.
    pub member: &'a MembershipRow,
    /// The user.
    pub user_id: &'a UserId,
    /// Ignored senders, whose events do not count.
    pub ignored: &'a Arc<HashSet<UserSn>>,
    /// Later events do not count yet.
    pub upto: Position,
}

/// The inputs of a tally in addition to events: the time of the join, the rules, the ignored users, the gaps, and the
/// subscriptions to threads. A tally with other inputs is discarded.
type Inputs = [i64; 5];

#[derive(Debug, Clone)]
struct CachedCount {
    inputs: Inputs,
    /// The user's receipts. The tally's markers are ahead of them where the user has sent an event.
    receipts: ReadMarkers,
    tally: Tally,
    /// None while the count is unfinished.
    counts: Option<Arc<Counts>>,
    /// Events counted since the tally was last saved.
    unsaved: usize,
    context: Option<KnownContext>,
}

/// The service for unread counts.
#[derive(Debug)]
pub struct Counter {
    cache: Cache<(UserSn, RoomSn), Arc<CachedCount>>,
    pub(super) evaluator: Arc<Evaluator>,
    pub(super) rules: RuleCache,
    /// One lock for each user who is counting in pieces, so that a user never has more than one reader for that.
    pub(super) users: KeyedLocks<UserSn>,
    /// The permits for expensive evaluations, which take a whole core.
    pub(super) evaluations: Arc<Semaphore>,
}

impl Default for Counter {
    fn default() -> Self {
        Self {
            cache: Cache::new(limits::COUNTS_CACHED_MAX),
            evaluator: Arc::default(),
            rules: RuleCache::default(),
            users: KeyedLocks::default(),
            evaluations: Arc::new(Semaphore::new(limits::PUSH_EVALUATIONS_AT_ONCE_MAX)),
        }
    }
}

impl Counter {
    /// Returns the unread counts of a member in a room. None when `budget` does not suffice; it then records the
    /// room, and the next call continues.
    pub fn count(
        &self,
        core: &RoomCore,
        tx: &mut dyn Tx,
        query: CountQuery<'_>,
        budget: &CountBudget,
    ) -> Result<Option<Arc<Counts>>> {
        let CountQuery { room, member, user_id, ignored, upto } = query;
        let key = (member.user, room.sn);
        let rules = self.rules.get(core, tx, member.user, user_id)?;
        let threads = ThreadLookup::new(tx, &rules, member.user, room.sn)?;
        let (gaps, subscriptions) = (gaps(tx, room.sn)?, threads.version(tx)?);
        let inputs = [member.since.as_i64(), rules.hash(), hash_of(ignored), gaps, subscriptions];
        let receipts = markers(tx, room.sn, member.user)?;
        let upto = upto.as_i64();
        let known = self.cache.get(&key).filter(|known| known.inputs == inputs);
        if let Some(known) = &known
            && let Some(counts) = known.counts.as_ref().filter(|_| known.tally.upto() >= upto)
            && known.receipts == receipts
        {
            return Ok(Some(counts.clone()));
        }
        let mut contexts = Contexts::new(core, room.clone(), user_id);
        contexts.remember(known.as_ref().and_then(|known| known.context.clone()));
        // A cached tally has the same inputs, so only later events are counted. Without one, continue from the saved
        // tally.
        let (tally, unsaved) = match known {
            Some(known) => (Some(known.tally.clone()), known.unsaved),
            None => (stored(tx, key, &inputs)?, 0),
        };
        let tally = tally.unwrap_or_else(|| Tally::new(member.since.as_i64(), &receipts, upto));
        let outcome = |event: &_, context: &_| budget.outcome((&self.evaluator, &rules), event, context);
        let mut walk = Walk::new(core, member, ignored, (contexts, threads), tally, &outcome);
        let is_done = walk.read(tx, &receipts, budget)? && walk.go(tx, upto, budget)?;
        let (tally, counted, context) = walk.end();
        let unsaved = unsaved + counted;
        let counts = is_done.then(|| Arc::new(tally.counts()));
        if !is_done {
            budget.is_behind(room.sn);
        }
        if unsaved >= SAVED_EVERY_EVENTS {
            budget.is_unsaved(room.sn);
        }
        // Cache an unfinished tally, too: the next piece continues from it.
        let cached = CachedCount { inputs, receipts, tally, counts: counts.clone(), unsaved, context };
        self.cache.insert(key, Arc::new(cached));
        Ok(counts)
    }

    /// Returns how far a member has read by receipts and by events of their own, as of the last count in this room.
    pub(super) fn read_markers(&self, user: UserSn, room: RoomSn) -> Option<ReadMarkers> {
        self.cache.get(&(user, room)).map(|known| known.tally.markers().clone())
    }

    /// Saves the tallies of a user in some rooms.
    #[boxed]
    pub async fn save(&self, core: &RoomCore, user: UserSn, rooms: Vec<RoomSn>) -> Result<()> {
        let mut tallies = Vec::with_capacity(rooms.len());
        for room in rooms {
            let Some(known) = self.cache.get(&(user, room)) else { continue };
            tallies.push((room, known.tally.encode(&known.inputs)));
            // Reset before the write. If the write fails, the tally is saved after the next `SAVED_EVERY_EVENTS`
            // events.
            self.cache.insert((user, room), Arc::new(CachedCount { unsaved: 0, ..CachedCount::clone(&known) }));
        }
        let write = move |tx: &mut WriteTx<'_>| {
            tallies.iter().try_for_each(|(room, tally)| unread_counts::set(tx.tx(), user, *room, tally))
        };
        core.store.write("unread_counts_set", write).await
    }
}

fn stored(tx: &mut dyn Tx, (user, room): (UserSn, RoomSn), inputs: &Inputs) -> Result<Option<Tally>> {
    Ok(unread_counts::get(tx, user, room)?.and_then(|bytes| Tally::decode(&bytes, inputs)))
}

fn hash_of(users: &HashSet<UserSn>) -> i64 {
    if users.is_empty() {
        return 0;
    }
    let mut sorted: Vec<i64> = users.iter().map(|user| user.0).collect();
    sorted.sort_unstable();
    let bytes: Vec<u8> = sorted.into_iter().flat_map(i64::to_le_bytes).collect();
    hash64(&[&bytes])
}

/// Returns a hash that changes when events are inserted between existing ones: backfill places events in a gap, and
/// moves the gap's end or closes it.
fn gaps(tx: &mut dyn Tx, room: RoomSn) -> Result<i64> {
    let gaps = history_gaps::of_room(tx, room)?;
    // Events below everything else are older than any local membership, so they never count.
    let gaps = gaps.iter().filter(|gap| gap.floor >= 0);
    let bytes: Vec<u8> = gaps.flat_map(|gap| [gap.floor, gap.next]).flat_map(i64::to_le_bytes).collect();
    Ok(if bytes.is_empty() { 0 } else { hash64(&[&bytes]) })
}

/// Returns how far a user has read in a room by their receipts.
pub(super) fn markers(tx: &mut dyn Tx, room: RoomSn, user: UserSn) -> Result<ReadMarkers> {
    let mut markers = ReadMarkers::new();
    for receipt in receipts::of_user(tx, room, user)? {
        let marker = markers.entry(receipt.thread).or_insert(receipt.ord);
        *marker = receipt.ord.max(*marker);
    }
    Ok(markers)
}
