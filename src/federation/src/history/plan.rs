//! Computes the state before each event of a batch from the stored graph: from its prev events where they are known,
//! with state resolution where they disagree, otherwise from another server's `/state_ids`. Also checks each event
//! against that state.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hearth_base::Result;
use hearth_rooms::RoomCore;
use hearth_rooms::event::auth_rules;
use hearth_rooms::load::Event;
use hearth_rooms::persist;
use hearth_rooms::state::resolve::resolve;
use hearth_rooms::state::snapshot::{self, Changes, StateIds};
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, KeySn, SnapshotSn};
use hearth_store::tables::state_keys;
use ruma::OwnedEventId;
use ruma::room_version_rules::RoomVersionRules;

use crate::pdu::{ReportedState, StateParts};

/// The base that a state snapshot is stored as a delta of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SnapshotBase {
    /// The empty state.
    Nothing,
    /// A stored snapshot.
    Stored(SnapshotSn),
    /// The state before an earlier event of the batch.
    Before(usize),
}

/// An event with the state before it, ready to be placed.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) event: Arc<Event>,
    pub(super) base: SnapshotBase,
    pub(super) changes: Changes,
    /// Whether the auth rules reject the event.
    pub(super) rejected: bool,
    /// Whether the state before it may lack parts, because it depends on events or states that could not be had. It
    /// serves readers, but nothing is derived from it.
    pub(super) is_unsure: bool,
}

/// The result of planning.
#[derive(Debug, Default)]
pub(super) struct HistoryPlan {
    /// Oldest first. Excludes events with unknown state before them.
    pub(super) planned: Vec<Planned>,
    /// Events whose state must come from another server, because none of their prev events is known.
    pub(super) blind: Vec<OwnedEventId>,
    /// The same, but some of their prev events are known.
    pub(super) half_blind: Vec<OwnedEventId>,
}

/// States reported by another server, by the event that they precede.
pub(super) type ReportedStates = HashMap<OwnedEventId, ReportedState>;

/// The inputs of planning.
pub(super) struct HistoryPlanner<'a> {
    pub(super) core: &'a RoomCore,
    pub(super) rules: &'static RoomVersionRules,
    /// The state directly above the gap, which other states are stored as a delta of; 0 for none.
    pub(super) near: Option<SnapshotSn>,
    /// States that another server reported.
    pub(super) said: &'a ReportedStates,
}

/// A state during planning, with its base.
#[derive(Clone)]
struct PlannedState {
    state: Arc<StateIds>,
    base: SnapshotBase,
    changes: Changes,
    is_unsure: bool,
}

impl HistoryPlanner<'_> {
    /// Plans a batch, oldest event first; all its events are stored.
    pub(super) fn plan(&self, tx: &mut dyn Tx, piece: &[Arc<Event>]) -> Result<HistoryPlan> {
        let mut plan = HistoryPlan { planned: Vec::new(), blind: Vec::new(), half_blind: Vec::new() };
        let members: HashSet<&OwnedEventId> = piece.iter().map(|event| &event.pdu.event_id).collect();
        let mut after: HashMap<OwnedEventId, PlannedState> = HashMap::new();
        for event in piece {
            let Some(before) = self.before(tx, event, &members, &after, &mut plan)? else { continue };
            let PlannedState { state, base, changes, is_unsure } = before;
            // A rejection is for good, so it needs a state that is certain.
            let rejected = event.pdu.rejected || !(is_unsure || self.is_allowed(tx, event, &state)?);
            let at = plan.planned.len();
            let own = event.state_key.filter(|_| !rejected).map(|key| (key, event.sn));
            let next = PlannedState { is_unsure, ..step(&state, SnapshotBase::Before(at), own) };
            after.insert(event.pdu.event_id.clone(), next);
            plan.planned.push(Planned { event: event.clone(), base, changes, rejected, is_unsure });
        }
        Ok(plan)
    }

    /// The state before an event; `None` when it is unknown.
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
                is_unsure: false,
            }));
        }
        if let Some(ReportedState { state, parts }) = self.said.get(id) {
            let near = self.near(tx, state.clone())?;
            return Ok(Some(PlannedState { is_unsure: *parts != StateParts::All, ..near }));
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
        let is_unsure = unknown || known.iter().any(|known| known.is_unsure);
        if known.len() == 1 {
            return Ok(known.pop().map(|known| PlannedState { is_unsure, ..known }));
        }
        let states: Vec<StateIds> = known.iter().map(|known| StateIds::clone(&known.state)).collect();
        match resolve(self.core, tx, self.rules, &states, None) {
            Ok(resolved) => Ok(Some(PlannedState { is_unsure, ..self.near(tx, resolved)? })),
            // Part of an auth chain is missing here, so that state resolution fails. Another server may report the
            // result.
            Err(error) => {
                tracing::debug!(event = %id, %error, "Failed to resolve historical state.");
                plan.blind.push(id.clone());
                Ok(None)
            }
        }
    }

    /// The state after an event whose state before it is stored.
    fn after_stored(&self, tx: &mut dyn Tx, id: &OwnedEventId) -> Result<Option<PlannedState>> {
        let Some(event) = self.core.events.find(tx, id)? else { return Ok(None) };
        let Some((snapshot, own)) = persist::state_after(&event) else { return Ok(None) };
        let base = snapshot.map_or(SnapshotBase::Nothing, SnapshotBase::Stored);
        Ok(Some(step(&snapshot::full(tx, snapshot)?, base, own)))
    }

    /// A state as a delta of the one above the gap: mostly a small one.
    fn near(&self, tx: &mut dyn Tx, state: StateIds) -> Result<PlannedState> {
        let base = self.near.map_or(SnapshotBase::Nothing, SnapshotBase::Stored);
        let other = snapshot::full(tx, self.near)?;
        let mut changes: Changes =
            state.iter().filter(|(key, sn)| other.get(key) != Some(sn)).map(|(key, sn)| (*key, Some(*sn))).collect();
        changes.extend(other.keys().filter(|key| !state.contains_key(key)).map(|key| (*key, None)));
        Ok(PlannedState { state: Arc::new(state), base, changes, is_unsure: false })
    }

    /// Whether the auth rules allow an event by the state before it. (The check against its auth events ran before.)
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

/// The state after an event sets its state key.
fn step(state: &StateIds, base: SnapshotBase, own: Option<(KeySn, EventSn)>) -> PlannedState {
    let mut next = state.clone();
    next.extend(own);
    let changes = own.map(|(key, sn)| (key, Some(sn))).into_iter().collect();
    PlannedState { state: Arc::new(next), base, changes, is_unsure: false }
}
