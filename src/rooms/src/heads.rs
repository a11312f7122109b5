//! The forward extremities that an event of this server follows, and the state after them.
//!
//! Mostly these are all extremities, and the state is the room's current one. When a room has more extremities than an
//! event may name, the state before the event is that of the named ones alone: all other servers compute it from them.

use std::collections::BTreeSet;
use std::sync::Arc;

use hearth_base::Result;
use hearth_base::limits::{AUTHORED_STATES_MAX, PREV_EVENTS_AUTHORED_MAX};
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, SnapshotSn};
use hearth_store::tables::rooms::Room;
use hearth_store::tables::{state, state_keys};
use ruma::OwnedEventId;
use ruma::room_version_rules::RoomVersionRules;

use super::event::Pdu;
use super::load::Event;
use super::persist::{HeadChange, StateAfter, state_after};
use super::state::resolve::{UnstoredEvent, resolve};
use super::state::snapshot::{self, Changes, StateIds};
use crate::RoomCore;

/// What an event of this server follows.
#[derive(Debug)]
pub(super) struct Heads {
    /// The extremities to name as prev events, newest first.
    named: Vec<EventSn>,
    /// The extremities that remain beside the event, oldest first.
    others: Vec<EventSn>,
    /// The state after the named extremities; none when it is the room's current state.
    state: Option<StateIds>,
}

impl Heads {
    /// Chooses the extremities for an event. Resolves states only if there are too many of them, and at most
    /// [`PREV_EVENTS_AUTHORED_MAX`]: this may run in a write transaction.
    pub(super) fn choose(core: &RoomCore, tx: &mut dyn Tx, room: &Room, rules: &RoomVersionRules) -> Result<Self> {
        let mut named: Vec<EventSn> = room.extremities.iter().rev().copied().collect();
        if named.len() <= PREV_EVENTS_AUTHORED_MAX {
            return Ok(Self { named, others: Vec::new(), state: None });
        }
        let mut events = Vec::with_capacity(named.len());
        for sn in named {
            events.push(core.events.get(tx, sn)?);
        }
        // Those of this server first: among them may be the join of the sender, which has to be in the state.
        events.sort_by_key(|event| !core.is_local(&event.pdu.sender));
        let mut others = events.split_off(PREV_EVENTS_AUTHORED_MAX);
        others.sort_by_key(|event| room.extremities.iter().position(|end| *end == event.sn));
        let agrees = |event: &Arc<Event>| state_after(event) == Some((room.snapshot, None));
        let state = if events.iter().chain(&others).all(agrees) {
            None
        } else {
            let after = events.iter().filter_map(|event| state_after(event)).collect();
            let states = full(tx, &after)?;
            Some(resolve(core, tx, rules, &states, None)?)
        };
        named = events.iter().map(|event| event.sn).collect();
        Ok(Self { named, others: others.iter().map(|event| event.sn).collect(), state })
    }

    /// The ids of the named extremities.
    pub(super) fn ids(&self, core: &RoomCore, tx: &mut dyn Tx) -> Result<Vec<OwnedEventId>> {
        self.named.iter().map(|sn| Ok(core.events.get(tx, *sn)?.pdu.event_id.clone())).collect()
    }

    /// Whether the state before the event is another one than the room's current state.
    pub(super) fn is_apart(&self) -> bool {
        self.state.is_some()
    }

    /// The event for a type and state key in the state before the event.
    pub(super) fn event_for(&self, tx: &mut dyn Tx, room: &Room, kind: &str, key: &str) -> Result<Option<EventSn>> {
        match &self.state {
            None => state::current_named(tx, room.sn, kind, key),
            Some(state) => Ok(state_keys::find(tx, kind, key)?.and_then(|key| state.get(&key).copied())),
        }
    }

    /// The snapshot of the state before the event. Stores it if it is not the current one.
    pub(super) fn snapshot(&self, tx: &mut WriteTx<'_>, room: &Room) -> Result<Option<SnapshotSn>> {
        let Some(state) = &self.state else { return Ok(room.snapshot) };
        let changes = snapshot::difference(&snapshot::full(tx.tx(), room.snapshot)?, state);
        match changes.is_empty() {
            true => Ok(room.snapshot),
            false => snapshot::store(tx, room.snapshot, changes).map(Some),
        }
    }

    /// How the event changes the room's head.
    pub(super) fn step(
        self,
        core: &RoomCore,
        tx: &mut dyn Tx,
        room: &Room,
        rules: &RoomVersionRules,
        pdu: &Pdu,
    ) -> Result<HeadChange> {
        let Self { others, state, .. } = self;
        let plain =
            |others| HeadChange { others, is_end: true, flips: Changes::new(), is_current: pdu.state_key.is_some() };
        let Some(mut before) = state else { return Ok(plain(others)) };
        let mut after = BTreeSet::new();
        for end in &others {
            after.extend(state_after(&*core.events.get(tx, *end)?));
        }
        if after.len() > AUTHORED_STATES_MAX {
            // Too much for a write transaction. The current state contains all of them; the next event of another
            // server resolves them again.
            return Ok(plain(others));
        }
        let newcomer = UnstoredEvent::new(tx, room.sn, pdu, |tx, id| core.events.find(tx, id))?;
        before.extend(newcomer.event.state_key.map(|key| (key, newcomer.event.sn)));
        let mut states = full(tx, &after)?;
        states.push(before);
        let target = resolve(core, tx, rules, &states, Some(&newcomer))?;
        let current = snapshot::full(tx, room.snapshot)?;
        let (flips, is_current) = newcomer.changes(&current, target);
        Ok(HeadChange { others, is_end: true, flips, is_current })
    }
}

fn full(tx: &mut dyn Tx, after: &BTreeSet<StateAfter>) -> Result<Vec<StateIds>> {
    let mut states = Vec::with_capacity(after.len());
    for (base, own) in after {
        let mut state = snapshot::full(tx, *base)?;
        state.extend(*own);
        states.push(state);
    }
    Ok(states)
}
