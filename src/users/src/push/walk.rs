//! Walks the unread part of a room's timeline and sums it up.

use std::collections::HashSet;
use std::sync::Arc;

use hearth_base::{Result, limits};
use hearth_rooms::RoomCore;
use hearth_rooms::delayed::NO_DEVICE;
use hearth_rooms::load::Event;
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, RoomSn, UserSn};
use hearth_store::tables::events::{self, Direction};
use hearth_store::tables::memberships::MembershipRow;
use hearth_store::tables::receipts::Thread;
use hearth_store::tables::relations;
use ruma::events::TimelineEventType;

use super::context::{Contexts, KnownContext};
use super::counts::CountBudget;
use super::evaluate::{PushOutcome, size};
use super::tally::{Counts, Part, ReadMarkers, Tally, read_upto};
use super::threads::{RuleContext, ThreadLookup};

/// Events per query.
const STEP_EVENTS: usize = 256;
/// Bytes of events after which a query ends.
const STEP_BYTES: usize = limits::PUSH_LOAD_BYTES_MAX;
/// Events that are never shown.
pub(super) const HIDDEN: i64 = events::REJECTED | events::SOFT_FAILED | events::OUTLIER | events::REDACTED;

/// Evaluates the rules for an event in a context; none when that is too expensive for this read.
type Evaluate<'a> = &'a dyn Fn(&Arc<Event>, &RuleContext) -> Option<PushOutcome>;

/// Returns the next event.
type Next<'a> = &'a mut dyn FnMut(&mut dyn Tx) -> Result<Option<Arc<Event>>>;

/// One user's walk through one room.
pub(super) struct Walk<'a> {
    core: &'a RoomCore,
    member: &'a MembershipRow,
    ignored: &'a HashSet<UserSn>,
    contexts: Contexts<'a>,
    threads: ThreadLookup,
    tally: Tally,
    evaluate: Evaluate<'a>,
    looked_at: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        core: &'a RoomCore,
        member: &'a MembershipRow,
        ignored: &'a HashSet<UserSn>,
        (contexts, threads): (Contexts<'a>, ThreadLookup),
        tally: Tally,
        evaluate: Evaluate<'a>,
    ) -> Self {
        Self { core, member, ignored, contexts, threads, tally, evaluate, looked_at: 0 }
    }

    /// Returns the tally, the number of examined events, and the context of the room's current state.
    pub(super) fn end(self) -> (Tally, usize, Option<KnownContext>) {
        let context = self.contexts.current();
        (self.tally, self.looked_at, context)
    }

    /// Applies the user's read receipts; returns whether the budget sufficed. If not, the tally is as before.
    pub(super) fn read(&mut self, tx: &mut dyn Tx, receipts: &ReadMarkers, budget: &CountBudget) -> Result<bool> {
        let before = self.tally.clone();
        for part in self.tally.read(receipts) {
            if !self.recount(tx, part, budget)? {
                // Its markers are already ahead, so the parts that are not counted again would be lost.
                self.tally = before;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Continues to the place `upto`, within the budget; returns whether it got there.
    pub(super) fn go(&mut self, tx: &mut dyn Tx, upto: i64, budget: &CountBudget) -> Result<bool> {
        while let Some((after, until)) = self.tally.only_threads() {
            let limit = budget.events_left().min(STEP_EVENTS);
            if limit == 0 {
                return Ok(false);
            }
            let (found, reached) = in_threads(tx, self.member.room, (after, until), limit, self.tally.markers())?;
            // At least one, because a step without results costs queries, too.
            budget.spend_events(found.len().max(1));
            let core = self.core;
            let mut events = found.iter().map(|(_, sn)| *sn);
            if !self.take_all(tx, &mut |tx| events.next().map(|sn| core.events.get(tx, sn)).transpose(), budget)? {
                return Ok(false);
            }
            self.tally.pass(reached);
        }
        while self.tally.upto() < upto {
            let limit = budget.events_left().min(STEP_EVENTS);
            if limit == 0 {
                return Ok(false);
            }
            let (events, is_all) = timeline(self.core, tx, self.member.room, (self.tally.upto(), upto), limit)?;
            budget.spend_events(events.len());
            let mut events = events.into_iter();
            if !self.take_all(tx, &mut |_| Ok(events.next()), budget)? {
                return Ok(false);
            }
            if is_all {
                self.tally.pass(upto);
            }
        }
        Ok(true)
    }

    /// Takes events in order; returns whether the budget sufficed for all. If not, those behind are put off together
    /// with the one that is too expensive, so that they are evaluated at once.
    fn take_all(&mut self, tx: &mut dyn Tx, next: Next<'_>, budget: &CountBudget) -> Result<bool> {
        let mut is_done = true;
        while let Some(event) = next(tx)? {
            if is_done {
                is_done = self.take(tx, &event, budget)?;
            } else if budget.is_loaded() {
                break;
            } else {
                self.outcome(tx, &event)?;
            }
        }
        Ok(is_done)
    }

    /// Adds the next event to the tally; returns false, and can be repeated, if that is too expensive for this read.
    fn take(&mut self, tx: &mut dyn Tx, event: &Arc<Event>, budget: &CountBudget) -> Result<bool> {
        let Some(ord) = event.ord else { return Ok(true) };
        if event.pdu.kind == TimelineEventType::RoomRedaction && !self.redact(tx, event, budget)? {
            return Ok(false);
        }
        if event.sender == self.member.user && is_said(event) {
            self.tally.own(ord, thread_of(event));
        }
        let Some(outcome) = self.outcome(tx, event)? else { return Ok(false) };
        self.looked_at += 1;
        self.tally.look(ord, event.thread, outcome);
        Ok(true)
    }

    /// Returns what an event adds to the counts; none if that is too expensive for this read.
    fn outcome(&mut self, tx: &mut dyn Tx, event: &Arc<Event>) -> Result<Option<PushOutcome>> {
        let is_unread = event.ord.is_some_and(|ord| self.tally.is_unread(ord, thread_of(event)));
        let counts =
            event.flags & HIDDEN == 0 && event.sender != self.member.user && !self.ignored.contains(&event.sender);
        if !is_unread || !counts {
            return Ok(Some(PushOutcome::default()));
        }
        let context = self.contexts.at(tx, event.snapshot)?;
        let context = self.threads.at(tx, event, context)?;
        Ok((self.evaluate)(event, &context))
    }

    /// The redacted event may have been counted, so its block is counted again.
    fn redact(&mut self, tx: &mut dyn Tx, redaction: &Event, budget: &CountBudget) -> Result<bool> {
        let Some(target) = &redaction.pdu.redacts else { return Ok(true) };
        let target = self.core.events.find(tx, target)?.filter(|target| target.room == redaction.room);
        match target.and_then(|target| self.tally.part_with(target.ord?)) {
            Some(part) => self.recount(tx, part, budget),
            None => Ok(true),
        }
    }

    /// Counts a block again; returns false, and changes nothing, if that is too expensive for this read.
    fn recount(&mut self, tx: &mut dyn Tx, part: Part, budget: &CountBudget) -> Result<bool> {
        let (room, (after, upto), mut counts) = (self.member.room, part, Counts::default());
        // Below this place only threads have unread events, possibly far apart: read just those.
        let middle = read_upto(self.tally.markers(), Thread::Main).clamp(after, upto);
        let (in_threads, _) = in_threads(tx, room, (after, middle), usize::MAX >> 1, self.tally.markers())?;
        let mut is_done = true;
        for (_, sn) in in_threads {
            let event = self.core.events.get(tx, sn)?;
            match self.outcome(tx, &event)? {
                Some(outcome) => counts.add(event.thread, outcome),
                None => is_done = false,
            }
        }
        let mut after = middle;
        while after < upto && (is_done || !budget.is_loaded()) {
            let (events, is_all) = timeline(self.core, tx, room, (after, upto), STEP_EVENTS)?;
            after = if is_all { upto } else { events.last().and_then(|event| event.ord).unwrap_or(upto) };
            for event in events {
                match self.outcome(tx, &event)? {
                    Some(outcome) => counts.add(event.thread, outcome),
                    None => is_done = false,
                }
            }
        }
        if is_done {
            self.tally.replace(part, counts);
        }
        Ok(is_done)
    }
}

pub(super) fn thread_of(event: &Event) -> Thread {
    event.thread.map_or(Thread::Main, Thread::Root)
}

/// Returns whether sending this event shows that the user has read what came before it. Not so for profile changes,
/// which go to all rooms, for delayed events, which the server sends, and for redactions, which may be done in bulk.
pub(super) fn is_said(event: &Event) -> bool {
    let is_delayed = event.txn.as_ref().is_some_and(|(device, _)| *device == NO_DEVICE);
    !is_delayed && !matches!(event.pdu.kind, TimelineEventType::RoomMember | TimelineEventType::RoomRedaction)
}

/// Returns events of a part of the timeline, oldest first, and whether they are all: at most `limit`, and not many
/// bytes, because they are in memory together.
fn timeline(
    core: &RoomCore,
    tx: &mut dyn Tx,
    room: RoomSn,
    part: Part,
    limit: usize,
) -> Result<(Vec<Arc<Event>>, bool)> {
    let (mut found, mut bytes, mut is_all) = (Vec::new(), 0, true);
    events::timeline(tx, room, part, Direction::Forward, limit, &mut |row| {
        let event = core.events.keep_stored(&row)?;
        bytes += size(&event);
        found.push(event);
        is_all = bytes < STEP_BYTES;
        Ok(is_all)
    })?;
    is_all &= found.len() < limit;
    Ok((found, is_all))
}

/// Returns unread events in the threads of a room, oldest first, about `limit`, and the place up to which they are
/// complete.
fn in_threads(
    tx: &mut dyn Tx,
    room: RoomSn,
    (after, mut upto): Part,
    limit: usize,
    markers: &ReadMarkers,
) -> Result<(Vec<(i64, EventSn)>, i64)> {
    let mut found = Vec::new();
    if after >= upto {
        return Ok((found, upto));
    }
    for root in relations::roots(tx, room)? {
        let after = read_upto(markers, Thread::Root(root)).max(after);
        let of_thread = events::in_thread(tx, root, (after, upto), limit)?;
        // A full result may hide later events of this thread, so the list is complete only up to its last event.
        if let Some((last, _)) = of_thread.last().filter(|_| of_thread.len() == limit) {
            upto = *last;
        }
        found.extend(of_thread);
    }
    found.retain(|(ord, _)| *ord <= upto);
    found.sort_unstable();
    Ok((found, upto))
}
