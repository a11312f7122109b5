//! The state before each event of a piece of history, worked out over what is stored: from the events before it where those
//! are known, resolved where they disagree, and else from what another server says. Also judges each event by that state.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hearth_base::Result;
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, KeySn, SnapshotSn};
use hearth_store::tables::state_keys;
use ruma::OwnedEventId;
use ruma::room_version_rules::RoomVersionRules;

use crate::core::Core;
use crate::rooms::event::auth_rules;
use crate::rooms::load::Event;
use crate::rooms::persist;
use crate::rooms::state::resolve::resolve;
use crate::rooms::state::snapshot::{self, Changes, StateIds};

/// What a state is stored as the difference to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SnapshotBase {
    /// The empty state.
    Nothing,
    /// A stored one.
    Stored(SnapshotSn),
    /// The one before an earlier event of the piece.
    Before(usize),
}

/// An event with the state before it, ready to be given a place.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) event: Arc<Event>,
    pub(super) base: SnapshotBase,
    pub(super) changes: Changes,
    /// Whether the room's rules did not allow the event.
    pub(super) rejected: bool,
}

/// What came of planning.
#[derive(Debug, Default)]
pub(super) struct HistoryPlan {
    /// Oldest first. Events before which the state is not known are not among them.
    pub(super) planned: Vec<Planned>,
    /// Events before which another server has to say what the state was, as none of the events before them are known.
    pub(super) blind: Vec<OwnedEventId>,
    /// As those, but some of the events before them are known.
    pub(super) half_blind: Vec<OwnedEventId>,
}

/// What another server says of states, by the event that they were the state before.
pub(super) type ReportedStates = HashMap<OwnedEventId, Arc<StateIds>>;

/// What planning works with.
pub(super) struct HistoryPlanner<'a> {
    pub(super) core: &'a Core,
    pub(super) rules: &'static RoomVersionRules,
    /// The state right above the gap, near which the others will be; 0 when there is none.
    pub(super) near: SnapshotSn,
    /// What another server has said of the state before some events.
    pub(super) said: &'a ReportedStates,
}

/// A state while planning, and how to come to it.
#[derive(Clone)]
struct PlannedState {
    state: Arc<StateIds>,
    base: SnapshotBase,
    changes: Changes,
}

impl HistoryPlanner<'_> {
    /// Plans a piece, oldest event first, all of them stored.
    pub(super) fn plan(&self, tx: &mut dyn Tx, piece: &[Arc<Event>]) -> Result<HistoryPlan> {
        let mut plan = HistoryPlan { planned: Vec::new(), blind: Vec::new(), half_blind: Vec::new() };
        let members: HashSet<&OwnedEventId> = piece.iter().map(|event| &event.pdu.event_id).collect();
        let mut after: HashMap<OwnedEventId, PlannedState> = HashMap::new();
        for event in piece {
            let Some(before) = self.before(tx, event, &members, &after, &mut plan)? else { continue };
            let rejected = event.pdu.rejected || !self.is_allowed(tx, event, &before.state)?;
            let at = plan.planned.len();
            let own = event.state_key.filter(|_| !rejected).map(|key| (key, event.sn));
            after.insert(event.pdu.event_id.clone(), step(&before.state, SnapshotBase::Before(at), own));
            plan.planned.push(Planned { event: event.clone(), base: before.base, changes: before.changes, rejected });
        }
        Ok(plan)
    }

    /// The state before an event, if it can be told.
    fn before(
        &self,
        tx: &mut dyn Tx,
        event: &Event,
        members: &HashSet<&OwnedEventId>,
        after: &HashMap<OwnedEventId, PlannedState>,
        plan: &mut HistoryPlan,
    ) -> Result<Option<PlannedState>> {
        let id = &event.pdu.event_id;
        if event.pdu.prev_events.is_empty() {
            return Ok(Some(PlannedState {
                state: Arc::default(),
                base: SnapshotBase::Nothing,
                changes: Changes::new(),
            }));
        }
        if let Some(said) = self.said.get(id) {
            return self.near(tx, StateIds::clone(said)).map(Some);
        }
        let (mut known, mut unknown): (Vec<PlannedState>, bool) = (Vec::new(), false);
        for prev in &event.pdu.prev_events {
            let found = match after.get(prev) {
                Some(state) => Some(state.clone()),
                None if members.contains(prev) => None,
                None => self.after_stored(tx, prev)?,
            };
            match found {
                Some(found) if known.iter().all(|other| other.state != found.state) => known.push(found),
                Some(_) => {}
                None => unknown = true,
            }
        }
        match (known.is_empty(), unknown) {
            (true, _) => {
                plan.blind.push(id.clone());
                return Ok(None);
            }
            (false, true) => plan.half_blind.push(id.clone()),
            (false, false) => {}
        }
        if known.len() == 1 {
            return Ok(known.pop());
        }
        let states: Vec<StateIds> = known.iter().map(|known| StateIds::clone(&known.state)).collect();
        match resolve(self.core, tx, self.rules, &states, None) {
            Ok(resolved) => self.near(tx, resolved).map(Some),
            // A part of some auth chain is not here. Another server may know the outcome.
            Err(error) => {
                tracing::debug!(event = %id, %error, "Failed to resolve historical state.");
                plan.blind.push(id.clone());
                Ok(None)
            }
        }
    }

    /// The state after an event that is stored with its own.
    fn after_stored(&self, tx: &mut dyn Tx, id: &OwnedEventId) -> Result<Option<PlannedState>> {
        let Some(event) = self.core.events.find(tx, id)? else { return Ok(None) };
        let Some((snapshot, own)) = persist::state_after(&event) else { return Ok(None) };
        if snapshot.0 == 0 {
            return Ok(Some(step(&StateIds::new(), SnapshotBase::Nothing, own)));
        }
        Ok(Some(step(&snapshot::full(tx, snapshot)?, SnapshotBase::Stored(snapshot), own)))
    }

    /// A state as a difference to the one above the gap: mostly a small one.
    fn near(&self, tx: &mut dyn Tx, state: StateIds) -> Result<PlannedState> {
        let (base, other) = match self.near.0 {
            0 => (SnapshotBase::Nothing, StateIds::new()),
            _ => (SnapshotBase::Stored(self.near), snapshot::full(tx, self.near)?),
        };
        let mut changes: Changes =
            state.iter().filter(|(key, sn)| other.get(key) != Some(sn)).map(|(key, sn)| (*key, Some(*sn))).collect();
        changes.extend(other.keys().filter(|key| !state.contains_key(key)).map(|key| (*key, None)));
        Ok(PlannedState { state: Arc::new(state), base, changes })
    }

    /// Whether the room's rules allow an event by the state before it. (Whether what authorises it does was judged before.)
    fn is_allowed(&self, tx: &mut dyn Tx, event: &Event, state: &StateIds) -> Result<bool> {
        let Ok(wanted) = auth_rules::wanted(self.rules, &event.pdu) else { return Ok(false) };
        let mut parts = Vec::with_capacity(wanted.len());
        for (kind, key) in wanted {
            let key = state_keys::find(tx, &kind.to_string(), &key)?;
            if let Some(sn) = key.and_then(|key| state.get(&key)) {
                parts.push(self.core.events.get(tx, *sn)?);
            }
        }
        let parts: Vec<_> = parts.iter().map(|part| &part.pdu).collect();
        Ok(auth_rules::by_state(self.rules, &event.pdu, &parts).is_ok())
    }
}

/// The state that follows from one by what an event sets.
fn step(state: &StateIds, base: SnapshotBase, own: Option<(KeySn, EventSn)>) -> PlannedState {
    let mut next = state.clone();
    next.extend(own);
    PlannedState { state: Arc::new(next), base, changes: own.map(|(key, sn)| (key, Some(sn))).into_iter().collect() }
}
