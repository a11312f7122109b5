//! Plans where an event goes and its status: all checks between signature and row, on one database snapshot
//! (server-server API, "Checks performed on receipt of a PDU", steps 4 to 6). It writes nothing. The plan assumes that
//! the forward extremities stay the same, and `persist.rs` verifies that before it writes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hearth_base::limits::federation::HIDDEN_GENERATIONS_MAX;
use hearth_base::limits::{EXTREMITIES_MAX, EXTREMITY_STATES_MAX};
use hearth_base::{Error, Result};
use hearth_rooms::RoomCore;
use hearth_rooms::event::{auth_rules, version};
use hearth_rooms::load::Event;
use hearth_rooms::persist::{HeadChange, StateAfter, state_after};
use hearth_rooms::policy;
use hearth_rooms::state::resolve::{UnstoredEvent, resolve};
use hearth_rooms::state::snapshot::{self, Changes, StateIds};
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, KeySn, SnapshotSn};
use hearth_store::tables::rooms::Room;
use hearth_store::tables::{awaited_events, events, state, state_keys};
use ruma::events::TimelineEventType;
use ruma::room_version_rules::RoomVersionRules;
use ruma::{OwnedEventId, OwnedServerName};

use super::ancestry;
use super::parse::IncomingPdu;

/// The status of a handled event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PduOutcome {
    /// Accepted into the room.
    Accepted,
    /// Already stored.
    Known,
    /// Soft-failed: valid, but not allowed by the room's current state. Stored and not shown.
    SoftFailed(String),
    /// Rejected by the auth rules; stored only so that it is not fetched again.
    Rejected(String),
}

/// Data missing for the checks of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MissingEvents {
    /// Missing auth events.
    pub(super) auth: Vec<OwnedEventId>,
    /// Missing prev events: not stored here, or without their state.
    pub(super) prev: Vec<OwnedEventId>,
    /// The room's policy server, when its signature is missing.
    pub(super) policy: Option<OwnedServerName>,
}

/// The result of planning.
#[derive(Debug)]
pub(super) enum PlanResult {
    /// Already stored.
    Known(PduOutcome),
    /// Something must be fetched first.
    Lacks(MissingEvents),
    /// State resolution or comparison is needed, which a quick plan does not do.
    Hard,
    /// The plan is complete.
    Planned(Box<PduPlan>),
}

/// How to add an event to its room.
#[derive(Debug)]
pub(super) struct PduPlan {
    /// The room's snapshot for which the plan is valid.
    pub(super) snapshot: Option<SnapshotSn>,
    /// The forward extremities for which the plan is valid.
    pub(super) extremities: Vec<EventSn>,
    /// The event's serial number, if it is an outlier or soft-failed so far.
    pub(super) known: Option<EventSn>,
    /// The state before it.
    pub(super) before: StateBefore,
    /// Prev events that are not stored here.
    pub(super) missing: Vec<OwnedEventId>,
    /// Soft-failed prev events: if one of them is accepted later, the room has already continued from it.
    pub(super) hidden: Vec<OwnedEventId>,
    /// Auth events that have no place in the room yet: with one of them the event may be allowed.
    pub(super) unplaced: Vec<OwnedEventId>,
    /// Its status.
    pub(super) status: AuthStatus,
}

/// A state, as a stored snapshot and its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StateBefore {
    /// The stored snapshot; `None` for the empty state.
    pub(super) base: Option<SnapshotSn>,
    /// Changes to the snapshot.
    pub(super) changes: Changes,
}

impl StateBefore {
    fn at(base: Option<SnapshotSn>) -> Self {
        Self { base, changes: Changes::new() }
    }

    fn after((base, own): (Option<SnapshotSn>, Option<(KeySn, EventSn)>)) -> Self {
        Self { base, changes: own.into_iter().map(|(key, sn)| (key, Some(sn))).collect() }
    }

    fn full(&self, tx: &mut dyn Tx) -> Result<StateIds> {
        let mut ids = snapshot::full(tx, self.base)?;
        for (key, sn) in &self.changes {
            match sn {
                Some(sn) => _ = ids.insert(*key, *sn),
                None => _ = ids.remove(key),
            }
        }
        Ok(ids)
    }
}

/// An event's status after the checks.
#[derive(Debug)]
pub(super) enum AuthStatus {
    /// Accepted, with this change of the forward extremities.
    In(HeadChange),
    /// See [`PduOutcome::SoftFailed`].
    SoftFail(String),
    /// See [`PduOutcome::Rejected`].
    Reject(String),
}

/// Allowed work: little in the write transaction, any amount on a reader thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Budget {
    /// Nothing that grows with the room's size.
    Quick,
    /// State resolution as well.
    Full,
}

/// Plans an event. `given` is the state before it as reported by another server, for an event after a gap.
pub(super) fn look(
    core: &RoomCore,
    tx: &mut dyn Tx,
    room: &Room,
    candidate: &IncomingPdu,
    effort: Budget,
    given: Option<&StateIds>,
) -> Result<PlanResult> {
    let mut stored = None;
    let known = match core.events.find(tx, &candidate.pdu.event_id)? {
        // It soft-failed by a state that may have been outdated; a second delivery checks it again.
        Some(event) if event.is_soft_failed() && event.room == room.sn && event.snapshot.is_some() => {
            stored = event.snapshot;
            Some(event.sn)
        }
        Some(event) if !event.is_outlier() => return Ok(PlanResult::Known(verdict_of(&event))),
        // The room's own create event, which came with its state: it needs no place, and must keep its status.
        Some(event) if candidate.is_create() && event.room == room.sn => {
            return Ok(PlanResult::Known(PduOutcome::Known));
        }
        // It is part of the state of every event here, so a second delivery changes nothing.
        Some(event) if candidate.is_create() => return Ok(PlanResult::Known(verdict_of(&event))),
        known => known.map(|event| event.sn),
    };
    if room.extremities.is_empty() {
        return Err(Error::forbidden("This server is not in that room."));
    }
    let rules = version::stored_rules(&room.version)?;
    let (auth, prev, hidden) = (Vec::new(), Vec::new(), Vec::new());
    let mut view = PlanView { core, tx, room, rules, candidate, effort, auth, prev, hidden };
    let mut missing = view.gather(given.is_some())?;
    if !(missing.auth.is_empty() && (missing.prev.is_empty() || given.is_some() || stored.is_some())) {
        return Ok(PlanResult::Lacks(missing));
    }
    let is_behind = !missing.prev.is_empty();
    if stored.is_some() {
        // Its first delivery already opened the gap before it.
        missing.prev.clear();
    }
    let Some(before) = view.state_before(given, stored)? else { return Ok(PlanResult::Hard) };
    let Some(mut status) = view.check_auth(&before, is_behind)? else { return Ok(PlanResult::Hard) };
    if matches!(status, AuthStatus::In(_)) {
        match policy::policy_status(core, view.tx, room, &candidate.pdu, &candidate.json)? {
            policy::PolicyStatus::Fine => {}
            policy::PolicyStatus::Refused(why) => status = AuthStatus::SoftFail(why.to_string()),
            policy::PolicyStatus::Unasked(via) => {
                return Ok(PlanResult::Lacks(MissingEvents { policy: Some(via), ..MissingEvents::default() }));
            }
        }
    }
    let (snapshot, extremities) = (room.snapshot, room.extremities.clone());
    let unplaced = view.auth.iter().filter(|event| event.is_outlier() && !event.pdu.rejected);
    let unplaced = unplaced.map(|event| event.pdu.event_id.clone()).collect();
    let (missing, hidden) = (missing.prev, view.hidden);
    let plan = PduPlan { snapshot, extremities, known, before, missing, hidden, unplaced, status };
    Ok(PlanResult::Planned(Box::new(plan)))
}

fn verdict_of(event: &Event) -> PduOutcome {
    match event.flags {
        flags if flags & events::REJECTED != 0 => PduOutcome::Rejected("It was rejected before.".to_owned()),
        _ => PduOutcome::Known,
    }
}

/// The planning of one event over one snapshot.
struct PlanView<'a> {
    core: &'a RoomCore,
    tx: &'a mut dyn Tx,
    room: &'a Room,
    rules: &'a RoomVersionRules,
    candidate: &'a IncomingPdu,
    effort: Budget,
    /// Its auth events, and the create event.
    auth: Vec<Arc<Event>>,
    /// Prev events that are stored here with their state.
    prev: Vec<Arc<Event>>,
    /// Soft-failed prev events.
    hidden: Vec<OwnedEventId>,
}

impl PlanView<'_> {
    /// Finds the events that this one refers to.
    fn gather(&mut self, state_is_given: bool) -> Result<MissingEvents> {
        let (pdu, mut missing) = (&self.candidate.pdu, MissingEvents::default());
        for id in pdu.auth_events.iter().cloned().chain(auth_rules::create_id(self.rules, pdu)) {
            match self.core.events.find(self.tx, &id)? {
                Some(event) => self.auth.push(event),
                None => missing.auth.push(id),
            }
        }
        let mut seen = BTreeSet::new();
        for id in pdu.prev_events.iter().filter(|id| seen.insert(*id)) {
            let event = self.core.events.find(self.tx, id)?.filter(|event| event.room == self.room.sn);
            match event {
                // With a given state the prev event only has to be stored.
                Some(event) if state_is_given && !event.is_outlier() => self.prev.push(event),
                Some(event) if state_after(&event).is_some() => self.prev.push(event),
                _ => missing.prev.push(id.clone()),
            }
        }
        Ok(missing)
    }

    /// The state before the event, also for a rejected one, because its successors need it. `stored` is the state of
    /// an event that was checked before. `None` when it needs more than the quick budget.
    fn state_before(&mut self, given: Option<&StateIds>, stored: Option<SnapshotSn>) -> Result<Option<StateBefore>> {
        match stored {
            None => self.before(given),
            Some(_) if self.effort == Budget::Quick => Ok(None),
            Some(snapshot) => {
                let state = StateBefore::at(Some(snapshot)).full(self.tx)?;
                self.relative(&state).map(Some)
            }
        }
    }

    /// A state as a delta of the room's current one.
    fn relative(&mut self, state: &StateIds) -> Result<StateBefore> {
        let changes = snapshot::difference(&StateBefore::at(self.room.snapshot).full(self.tx)?, state);
        Ok(StateBefore { base: self.room.snapshot, changes })
    }

    /// Checks the auth rules; `None` when that needs more than the quick budget. With `is_behind`, events before it
    /// are missing here.
    fn check_auth(&mut self, before: &StateBefore, is_behind: bool) -> Result<Option<AuthStatus>> {
        if let Err(why) = self.by_auth_events() {
            return Ok(Some(AuthStatus::Reject(why)));
        }
        if let Err(why) = self.by_state(before)? {
            return Ok(Some(AuthStatus::Reject(why)));
        }
        let current = StateBefore::at(self.room.snapshot);
        if *before != current
            && let Err(why) = self.by_state(&current)?
        {
            // After an outage the current state is older than the event: its sender may have joined or gained power in
            // the missing events. So the check uses the resolution of both states.
            if !is_behind {
                return Ok(Some(AuthStatus::SoftFail(why)));
            }
            if self.effort == Budget::Quick {
                return Ok(None);
            }
            let states = [current.full(self.tx)?, before.full(self.tx)?];
            let joint = resolve(self.core, self.tx, self.rules, &states, None)?;
            let joint = self.relative(&joint)?;
            if let Err(why) = self.by_state(&joint)? {
                return Ok(Some(AuthStatus::SoftFail(why)));
            }
        }
        Ok(self.step(before)?.map(AuthStatus::In))
    }

    fn by_auth_events(&self) -> auth_rules::AuthResult {
        let pdu = &self.candidate.pdu;
        if pdu.kind == TimelineEventType::RoomCreate {
            return Err("The room has a create event, and only one.".to_owned());
        }
        if self.auth.iter().any(|event| event.room != self.room.sn) {
            return Err("One of its auth events is of another room.".to_owned());
        }
        let auth: Vec<_> = self.auth.iter().map(|event| &event.pdu).collect();
        auth_rules::by_auth_events(self.rules, pdu, &auth)
    }

    /// Checks the auth rules against a state; reads only the state events that they use.
    fn by_state(&mut self, state: &StateBefore) -> Result<auth_rules::AuthResult> {
        let wanted = match auth_rules::wanted(self.rules, &self.candidate.pdu) {
            Ok(wanted) => wanted,
            Err(why) => return Ok(Err(why)),
        };
        let mut keys = Vec::with_capacity(wanted.len());
        for (kind, key) in wanted {
            keys.extend(state_keys::find(self.tx, &kind.to_string(), &key)?);
        }
        let mut found = Vec::with_capacity(keys.len());
        let mut in_base = Vec::with_capacity(keys.len());
        for key in keys {
            match state.changes.get(&key) {
                Some(changed) => found.extend(*changed),
                None => in_base.push(key),
            }
        }
        if state.base == self.room.snapshot {
            for key in in_base {
                found.extend(state::current_one(self.tx, self.room.sn, key)?);
            }
        } else {
            found.extend(snapshot::get_many(self.tx, state.base, &in_base)?.into_iter().flatten());
        }
        let mut events = Vec::with_capacity(found.len());
        for sn in found {
            events.push(self.core.events.get(self.tx, sn)?);
        }
        let pdus: Vec<_> = events.iter().map(|event| &event.pdu).collect();
        Ok(auth_rules::by_state(self.rules, &self.candidate.pdu, &pdus))
    }

    /// The state before the event where it is known: after all extremities, or after prev events that agree.
    fn easy_before(&self) -> Option<StateBefore> {
        let (prev, ends): (BTreeSet<_>, BTreeSet<_>) =
            (self.prev.iter().map(|event| event.sn).collect(), self.room.extremities.iter().copied().collect());
        if prev == ends {
            return Some(StateBefore::at(self.room.snapshot));
        }
        let mut after = self.prev.iter().map(|event| state_after(event));
        let first = after.next()??;
        after.all(|other| other == Some(first)).then(|| StateBefore::after(first))
    }

    /// The state before the event; `None` when it needs more than the quick budget.
    fn before(&mut self, given: Option<&StateIds>) -> Result<Option<StateBefore>> {
        let target = match (given, self.easy_before()) {
            (None, Some(before)) => return Ok(Some(before)),
            (None, None) if self.prev.is_empty() => return Ok(Some(StateBefore::at(None))),
            _ if self.effort == Budget::Quick => return Ok(None),
            (Some(given), _) => given.clone(),
            (None, None) => {
                let after: BTreeSet<_> = self.prev.iter().filter_map(|event| state_after(event)).collect();
                let mut states = Vec::with_capacity(after.len());
                for one in after {
                    states.push(StateBefore::after(one).full(self.tx)?);
                }
                resolve(self.core, self.tx, self.rules, &states, None)?
            }
        };
        self.relative(&target).map(Some)
    }

    /// The change of the forward extremities; `None` when it needs more than the quick budget.
    fn step(&mut self, before: &StateBefore) -> Result<Option<HeadChange>> {
        // For a linear graph no event can wait for this one: any successor also follows the extremities.
        let is_straight = before.base == self.room.snapshot && before.changes.is_empty();
        let covered = self.covered()?;
        let mut others: Vec<_> = self.room.extremities.iter().filter(|end| !covered.contains(end)).copied().collect();
        let id = self.candidate.pdu.event_id.as_str();
        if !(is_straight && others.is_empty()) && awaited_events::has(self.tx, self.room.sn, id)? {
            return Ok(Some(HeadChange::default()));
        }
        let is_current = self.candidate.pdu.state_key.is_some();
        if others.is_empty() && before.base == self.room.snapshot {
            return Ok(Some(HeadChange { others, is_end: true, flips: before.changes.clone(), is_current }));
        }
        if self.effort == Budget::Full {
            others = ancestry::without_ancestors(self.core, self.tx, &self.prev, &others)?;
        }
        let mut ends = BTreeMap::new();
        for end in &others {
            let after = state_after(&*self.core.events.get(self.tx, *end)?);
            ends.insert(*end, after.ok_or_else(|| Error::broken("an extremity has no state"))?);
        }
        // Keeps the number of forward extremities bounded, because later events resolve all their states.
        if others.len() >= EXTREMITIES_MAX {
            drop_twin(&mut others, &mut ends);
        }
        let agrees = |after: &(Option<SnapshotSn>, Option<_>)| *after == (self.room.snapshot, None);
        if is_straight && !is_current && ends.values().all(agrees) {
            return Ok(Some(HeadChange { others, is_end: true, flips: Changes::new(), is_current: false }));
        }
        if self.effort == Budget::Quick {
            return Ok(None);
        }
        let (flips, is_current) = self.resolve_ends(before, &ends)?;
        Ok(Some(HeadChange { others, is_end: true, flips, is_current }))
    }

    /// The events that this one follows: its prev events, and through those without a place in the timeline, theirs.
    fn covered(&mut self) -> Result<BTreeSet<EventSn>> {
        let mut covered: BTreeSet<EventSn> = self.prev.iter().map(|event| event.sn).collect();
        let mut hidden: Vec<_> = self.prev.iter().filter(|event| event.ord.is_none()).cloned().collect();
        for _ in 0..HIDDEN_GENERATIONS_MAX {
            let soft_failed = hidden.iter().filter(|event| event.is_soft_failed());
            self.hidden.extend(soft_failed.map(|event| event.pdu.event_id.clone()));
            let mut next = Vec::new();
            for id in hidden.iter().flat_map(|event| &event.pdu.prev_events) {
                if let Some(event) = self.core.events.find(self.tx, id)?
                    && covered.insert(event.sn)
                    && event.ord.is_none()
                {
                    next.push(event);
                }
            }
            if next.is_empty() {
                break;
            }
            hidden = next;
        }
        Ok(covered)
    }

    /// Resolves the states after all forward extremities, including this event: returns the changes to the current
    /// state besides the event itself, and whether the event is part of it.
    fn resolve_ends(&mut self, before: &StateBefore, ends: &BTreeMap<EventSn, StateAfter>) -> Result<(Changes, bool)> {
        let core = self.core;
        let find = |tx: &mut dyn Tx, id: &ruma::EventId| core.events.find(tx, id);
        let newcomer = UnstoredEvent::new(self.tx, self.room.sn, &self.candidate.pdu, find)?;
        let mut mine = before.full(self.tx)?;
        mine.extend(newcomer.event.state_key.map(|key| (key, newcomer.event.sn)));
        let mut states = vec![mine];
        let ends: BTreeSet<_> = ends.values().collect();
        // Too many states to resolve: the current state stands for them.
        if ends.len() > EXTREMITY_STATES_MAX {
            states.push(StateBefore::at(self.room.snapshot).full(self.tx)?);
        } else {
            for after in ends {
                states.push(StateBefore::after(*after).full(self.tx)?);
            }
        }
        let target = resolve(self.core, self.tx, self.rules, &states, Some(&newcomer))?;
        let current = StateBefore::at(self.room.snapshot).full(self.tx)?;
        Ok(newcomer.changes(&current, target))
    }
}

/// Removes an extremity whose state equals that of another, if there is one: the room's state stays the same.
fn drop_twin(others: &mut Vec<EventSn>, ends: &mut BTreeMap<EventSn, StateAfter>) {
    let mut seen = BTreeSet::new();
    // The newest of equal ones stays: events are most likely to build on it.
    let twin = others.iter().rev().find(|end| ends.get(end).is_some_and(|after| !seen.insert(*after))).copied();
    if let Some(twin) = twin {
        others.retain(|end| *end != twin);
        ends.remove(&twin);
    }
}
