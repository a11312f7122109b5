//! The sums of one user's unread events in one room. Uses neither the database nor rules.
//!
//! Events are summed in blocks of a few hundred. A partly read block, or a block with a redacted event, is counted
//! again; so neither costs more than one block, however much is unread. Blocks without counted events are dropped.

use std::collections::BTreeMap;

use hearth_base::limits::COUNT_BLOCK_EVENTS_MAX;
use hearth_store::ids::EventSn;
use hearth_store::tables::receipts::Thread;
use hearth_store::varint;

use super::evaluate::PushOutcome;

/// Version of the [`Tally::encode`] format. Change it with the format, so that older tallies are counted again.
const FORM: i64 = 2;

/// A pair of counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Events that notify.
    pub notify: u64,
    /// Events that highlight; a subset of those that notify.
    pub highlight: u64,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.notify += other.notify;
        self.highlight += other.highlight;
    }

    fn is_zero(self) -> bool {
        self == Self::default()
    }
}

/// The unread counts of one user in one room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events outside of threads.
    pub main: Count,
    /// Events in each thread with unread ones, by thread root.
    pub threads: BTreeMap<EventSn, Count>,
}

impl Counts {
    /// Returns the sum, for clients that do not ask for separate thread counts.
    #[must_use]
    pub fn total(&self) -> Count {
        let mut total = self.main;
        self.threads.values().for_each(|count| total.add(*count));
        total
    }

    /// Adds the result of an event.
    pub(super) fn add(&mut self, root: Option<EventSn>, outcome: PushOutcome) {
        if outcome.notify || outcome.highlight {
            let count = root.map_or(&mut self.main, |root| self.threads.entry(root).or_default());
            count.add(Count { notify: 1, highlight: u64::from(outcome.highlight) });
        }
    }

    fn merge(&mut self, other: &Self) {
        self.main.add(other.main);
        for (root, count) in &other.threads {
            self.threads.entry(*root).or_default().add(*count);
        }
    }

    fn is_zero(&self) -> bool {
        self.main.is_zero() && self.threads.values().all(|count| count.is_zero())
    }
}

/// How far a user has read, by thread: places in the timeline.
pub(super) type ReadMarkers = BTreeMap<Thread, i64>;

/// Returns how far a thread is read; a receipt for the whole room covers each of its threads.
pub(super) fn read_upto(markers: &ReadMarkers, thread: Thread) -> i64 {
    markers.get(&thread).max(markers.get(&Thread::Unthreaded)).copied().unwrap_or(i64::MIN)
}

/// A range of the timeline: exclusive start, inclusive end.
pub(super) type Part = (i64, i64);

/// Counts of a range of the timeline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Block {
    after: i64,
    upto: i64,
    /// The number of examined events.
    events: u64,
    counts: Counts,
}

impl Block {
    fn part(&self) -> Part {
        (self.after, self.upto)
    }
}

/// The counts so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Everything up to this place is counted.
    upto: i64,
    /// Up to this place only threads had unread events when counting began.
    threads_upto: i64,
    /// How far the user has read, by receipts and by their own events.
    markers: ReadMarkers,
    blocks: Vec<Block>,
}

impl Tally {
    /// Starts after the place `since`, where the user joined the room, or after everything that is read in all
    /// threads.
    pub(super) fn new(since: i64, receipts: &ReadMarkers, newest: i64) -> Self {
        let upto = read_upto(receipts, Thread::Unthreaded).max(since);
        let threads_upto = read_upto(receipts, Thread::Main).min(newest);
        Self { upto, threads_upto, markers: receipts.clone(), blocks: Vec::new() }
    }

    pub(super) fn upto(&self) -> i64 {
        self.upto
    }

    /// Returns the range to count next in which only thread events can be unread.
    pub(super) fn only_threads(&self) -> Option<Part> {
        (self.upto < self.threads_upto).then_some((self.upto, self.threads_upto))
    }

    pub(super) fn markers(&self) -> &ReadMarkers {
        &self.markers
    }

    /// Returns whether an event at a place is unread.
    pub(super) fn is_unread(&self, ord: i64, thread: Thread) -> bool {
        ord > read_upto(&self.markers, thread)
    }

    /// Adds an examined event with its result.
    pub(super) fn look(&mut self, ord: i64, root: Option<EventSn>, outcome: PushOutcome) {
        if self.blocks.last().is_none_or(|block| block.events >= COUNT_BLOCK_EVENTS_MAX) {
            self.blocks.pop_if(|block| block.counts.is_zero());
            self.blocks.push(Block { after: self.upto, ..Block::default() });
        }
        if let Some(block) = self.blocks.last_mut() {
            block.upto = ord;
            block.events += 1;
            block.counts.add(root, outcome);
        }
        self.upto = ord;
    }

    /// Records that no more events follow up to a place.
    pub(super) fn pass(&mut self, upto: i64) {
        self.upto = self.upto.max(upto);
    }

    /// Records an event of the user's own, which marks everything before it as read.
    pub(super) fn own(&mut self, ord: i64, thread: Thread) {
        let _ = self.read(&ReadMarkers::from([(thread, ord)]));
    }

    /// Advances the markers. Returns the ranges to count again, because they are only partly read.
    pub(super) fn read(&mut self, receipts: &ReadMarkers) -> Vec<Part> {
        let before = self.markers.clone();
        for (thread, at) in receipts {
            let marker = self.markers.entry(*thread).or_insert(*at);
            *marker = *at.max(marker);
        }
        if self.markers == before {
            return Vec::new();
        }
        let (now, mut again) = (&self.markers, Vec::new());
        for block in &mut self.blocks {
            let (after, upto) = block.part();
            let mut is_split = false;
            // Whether this block has no unread events of a thread any more.
            let mut is_read = |thread, count: &Count| {
                let at = read_upto(now, thread);
                is_split |= !count.is_zero() && at > after && at < upto && at > read_upto(&before, thread);
                at >= upto
            };
            if is_read(Thread::Main, &block.counts.main) {
                block.counts.main = Count::default();
            }
            block.counts.threads.retain(|root, count| !is_read(Thread::Root(*root), count));
            if is_split {
                again.push((after, upto));
            }
        }
        self.blocks.retain(|block| !block.counts.is_zero());
        again
    }

    /// Returns the range to count again after the event at a place was redacted; none when the block had no counts.
    pub(super) fn part_with(&self, ord: i64) -> Option<Part> {
        self.blocks.iter().find(|block| ord > block.after && ord <= block.upto).map(Block::part)
    }

    /// Replaces the counts of a range that was counted again.
    pub(super) fn replace(&mut self, part: Part, counts: Counts) {
        if let Some(block) = self.blocks.iter_mut().find(|block| block.part() == part) {
            block.counts = counts;
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        self.blocks.iter().for_each(|block| counts.merge(&block.counts));
        counts.threads.retain(|_, count| !count.is_zero());
        counts
    }

    /// Encodes the tally, with `inputs` that must be equal when it is decoded.
    pub(super) fn encode(&self, inputs: &[i64]) -> Vec<u8> {
        let mut out = vec![FORM];
        out.extend(inputs);
        out.extend([self.upto, self.threads_upto, length(self.markers.len())]);
        out.extend(self.markers.iter().flat_map(|(thread, at)| [thread.as_int(), *at]));
        out.push(length(self.blocks.len()));
        let numbers = |count: &Count| [count.notify.cast_signed(), count.highlight.cast_signed()];
        for block in &self.blocks {
            out.extend([block.after, block.upto, block.events.cast_signed()]);
            out.extend(numbers(&block.counts.main));
            out.push(length(block.counts.threads.len()));
            for (root, count) in &block.counts.threads {
                out.push(root.0);
                out.extend(numbers(count));
            }
        }
        varint::write_list(out.into_iter())
    }

    /// Decodes a tally; none when `inputs` differ, or the bytes are malformed.
    pub(super) fn decode(bytes: &[u8], inputs: &[i64]) -> Option<Self> {
        let numbers = varint::read_list(bytes)?;
        let mut numbers = numbers.into_iter();
        let mut next = || numbers.next();
        if next()? != FORM {
            return None;
        }
        for input in inputs {
            if next()? != *input {
                return None;
            }
        }
        let mut tally = Self { upto: next()?, threads_upto: next()?, ..Self::default() };
        for _ in 0..next()? {
            tally.markers.insert(Thread::from_int(next()?), next()?);
        }
        for _ in 0..next()? {
            let mut block = Block { after: next()?, upto: next()?, events: next()?.unsigned_abs(), ..Block::default() };
            block.counts.main = Count { notify: next()?.unsigned_abs(), highlight: next()?.unsigned_abs() };
            for _ in 0..next()? {
                let root = EventSn(next()?);
                let count = Count { notify: next()?.unsigned_abs(), highlight: next()?.unsigned_abs() };
                block.counts.threads.insert(root, count);
            }
            tally.blocks.push(block);
        }
        Some(tally)
    }
}

fn length(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MENTION: PushOutcome = PushOutcome { notify: true, highlight: true };
    const ROOT: EventSn = EventSn(3);

    /// Messages of another user at the places 1 to `upto`, every tenth in a thread.
    fn tally(upto: i64) -> Tally {
        let mut tally = Tally::new(0, &ReadMarkers::new(), upto);
        for ord in 1..=upto {
            tally.look(ord, (ord % 10 == 0).then_some(ROOT), MENTION);
        }
        tally
    }

    fn sums(tally: &Tally) -> (u64, u64) {
        let counts = tally.counts();
        (counts.main.notify, counts.threads.get(&ROOT).map_or(0, |count| count.notify))
    }

    #[test]
    fn reading_drops_what_is_read_and_names_the_block_that_is_read_in_part() {
        let mut tally = tally(1_000);
        assert_eq!(sums(&tally), (900, 100));
        let again = tally.read(&ReadMarkers::from([(Thread::Main, 300)]));
        assert_eq!(again, [(256, 512)]);
        let mut counts = Counts::default();
        (301..=512).for_each(|ord| counts.add((ord % 10 == 0).then_some(ROOT), MENTION));
        // The thread is unread, so all of its events in the block count.
        (257..=300).filter(|ord| ord % 10 == 0).for_each(|_| counts.add(Some(ROOT), MENTION));
        tally.replace(again[0], counts);
        assert_eq!(sums(&tally), (630, 100));
        assert!(tally.read(&ReadMarkers::from([(Thread::Main, 300)])).is_empty(), "nothing new was read");
        assert!(tally.read(&ReadMarkers::from([(Thread::Main, 20)])).is_empty(), "nobody reads backwards");
        assert!(tally.read(&ReadMarkers::from([(Thread::Unthreaded, 1_000)])).is_empty());
        assert_eq!(sums(&tally), (0, 0));
        assert_eq!(tally.part_with(700), None);
    }

    #[test]
    fn own_words_read_their_thread_and_no_other() {
        let mut tally = tally(100);
        tally.own(101, Thread::Root(ROOT));
        assert_eq!(sums(&tally), (90, 0));
        tally.own(102, Thread::Main);
        assert_eq!(sums(&tally), (0, 0));
        tally.look(103, None, MENTION);
        assert_eq!(sums(&tally), (1, 0));
    }

    #[test]
    fn it_survives_the_disk_and_holds_for_nothing_else() {
        let mut tally = tally(700);
        tally.read(&ReadMarkers::from([(Thread::Root(ROOT), 700), (Thread::Main, 256)]));
        let bytes = tally.encode(&[7, -9]);
        assert_eq!(Tally::decode(&bytes, &[7, -9]), Some(tally));
        assert_eq!(Tally::decode(&bytes, &[7, 9]), None);
        assert_eq!(Tally::decode(&bytes[..bytes.len() - 1], &[7, -9]), None);
    }

    #[test]
    fn blocks_worth_nothing_are_dropped() {
        let mut tally = Tally::new(0, &ReadMarkers::new(), 0);
        (1..=5_000).for_each(|ord| tally.look(ord, None, PushOutcome::default()));
        assert!(tally.blocks.len() <= 1, "{} blocks", tally.blocks.len());
        assert_eq!(tally.upto(), 5_000);
    }
}
