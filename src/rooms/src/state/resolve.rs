//! State resolution, version 2 and 2.1 (room versions, "State resolution"): ruma's algorithm on the part of the
//! states that can affect the result. In a room of ten thousand members, the thousands of unconflicted members are
//! left out.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, KeySn, RoomSn, UserSn};
use hearth_store::tables::state_keys;
use ruma::events::{StateEventType, TimelineEventType};
use ruma::room_version_rules::RoomVersionRules;
use ruma::state_res::StateMap;
use ruma::state_res::utils::event_id_set::EventIdSet;
use ruma::{EventId, OwnedEventId};

use super::auth_chain::Graph;
use super::snapshot::{self, Changes, StateIds};
use crate::RoomCore;
use crate::event::{Pdu, auth_rules};
use crate::load::Event;

/// An event in one of the states that is not stored yet, with its auth events. Its serial number, and its key's if
/// that is new, are unused in the database.
#[derive(Debug, Clone)]
pub struct UnstoredEvent {
    /// The event.
    pub event: Arc<Event>,
    /// Serial numbers of its auth events.
    pub auth: Arc<[EventSn]>,
}

/// The serial number of an event that is not stored yet.
const NEW: EventSn = EventSn(i64::MAX);

impl UnstoredEvent {
    /// Prepares an event for state resolution before it is stored. `find` finds stored events.
    pub fn new(
        tx: &mut dyn Tx,
        room: RoomSn,
        pdu: &Pdu,
        mut find: impl FnMut(&mut dyn Tx, &EventId) -> Result<Option<Arc<Event>>>,
    ) -> Result<Self> {
        let state_key = match &pdu.state_key {
            // A key number that no stored key has, on the side of members or of other state.
            Some(name) => Some(state_keys::find(tx, &pdu.kind.to_string(), name)?.unwrap_or({
                let is_member = pdu.kind == TimelineEventType::RoomMember;
                KeySn(if is_member { -i64::MAX } else { i64::MAX })
            })),
            None => None,
        };
        let mut auth = Vec::with_capacity(pdu.auth_events.len());
        for id in &pdu.auth_events {
            auth.extend(find(tx, id)?.map(|event| event.sn));
        }
        let event = Event {
            sn: NEW,
            room,
            ord: None,
            sender: UserSn(0),
            state_key,
            snapshot: None,
            flags: 0,
            redacted_by: None,
            thread: None,
            txn: None,
            pdu: pdu.clone(),
        };
        Ok(Self { event: Arc::new(event), auth: auth.into() })
    }

    /// The changes from the `current` state to the resolved one besides the event itself, and whether the event is part
    /// of the resolved one.
    #[must_use]
    pub fn changes(&self, current: &StateIds, mut resolved: StateIds) -> (Changes, bool) {
        let own_key = self.event.state_key;
        let is_current = own_key.is_some_and(|key| resolved.get(&key) == Some(&self.event.sn));
        if let Some(key) = own_key.filter(|_| is_current) {
            // The change of the event's own state key is recorded with the event itself.
            match current.get(&key) {
                Some(sn) => _ = resolved.insert(key, *sn),
                None => _ = resolved.remove(&key),
            }
        }
        (snapshot::difference(current, &resolved), is_current)
    }
}

/// Resolves states of one room, for room versions with state resolution 2 and later.
pub fn resolve(
    core: &RoomCore,
    tx: &mut dyn Tx,
    rules: &RoomVersionRules,
    states: &[StateIds],
    newcomer: Option<&UnstoredEvent>,
) -> Result<StateIds> {
    let Some(first) = states.first() else { return Ok(StateIds::new()) };
    let (common, conflicted) = split(first, &states[1..]);
    if conflicted.is_empty() {
        return Ok(common);
    }
    let graph = Graph::new(core, newcomer.map(|newcomer| (newcomer.event.sn, newcomer.auth.clone())));
    let disputed = disputed_by_state(states, &conflicted);
    // Start with the events that authorise many others: mostly they suffice.
    let (face, members): (Vec<_>, Vec<_>) = common.iter().partition(|(key, _)| !key.is_member());
    let in_common = face.into_iter().chain(members).map(|(_, sn)| *sn);
    let difference = graph.difference(tx, &disputed, in_common)?;
    let all: HashSet<EventSn> = disputed.iter().flatten().copied().collect();
    let rules2 =
        rules.state_res.v2_rules().ok_or_else(|| Error::broken("state resolution version 1 is not known here"))?;
    let subgraph = if rules2.consider_conflicted_state_subgraph { graph.between(tx, &all)? } else { HashSet::new() };

    let lookup = EventLookup::new(core, tx, newcomer);
    let full: BTreeSet<EventSn> = all.iter().chain(&difference).chain(&subgraph).copied().collect();
    let relevant = lookup.relevant(rules, &full, &common)?;
    let maps = states
        .iter()
        .map(|state| lookup.map(state, |key| conflicted.contains(&key) || relevant.contains(&key)))
        .collect::<Result<Vec<_>>>()?;
    let subgraph: EventIdSet<OwnedEventId> = lookup.ids(&subgraph)?.into_iter().collect();
    // ruma derives the difference from two chains: give one chain the known difference and leave the other empty.
    let chains = vec![lookup.ids(&difference)?.into_iter().collect(), EventIdSet::new()];
    let resolved = ruma::state_res::resolve(
        &rules.authorization,
        rules2,
        maps.iter(),
        chains,
        |id| lookup.find(id),
        |_| Some(subgraph.clone()),
    );
    lookup.check()?;
    let resolved = resolved.map_err(|error| Error::fault("resolving the state of a room", error))?;
    let mut state = common;
    for id in resolved.values() {
        let event = lookup.find(id).ok_or_else(|| Error::broken(format!("{id} was resolved and is missing")))?;
        state.extend(event.state_key.map(|key| (key, event.sn)));
    }
    Ok(state)
}

/// Returns the state that all states share, and the keys on which they differ.
fn split(first: &StateIds, others: &[StateIds]) -> (StateIds, BTreeSet<KeySn>) {
    let (mut common, mut conflicted) = (first.clone(), BTreeSet::new());
    for other in others {
        conflicted.extend(other.keys().filter(|key| !first.contains_key(key)));
        common.retain(|key, sn| {
            let is_same = other.get(key) == Some(sn);
            if !is_same {
                conflicted.insert(*key);
            }
            is_same
        });
    }
    (common, conflicted)
}

fn disputed_by_state(states: &[StateIds], conflicted: &BTreeSet<KeySn>) -> Vec<Vec<EventSn>> {
    states.iter().map(|state| conflicted.iter().filter_map(|key| state.get(key)).copied().collect()).collect()
}

/// Events by id and by serial number during one resolution.
struct EventLookup<'a> {
    core: &'a RoomCore,
    inner: RefCell<Inner<'a>>,
}

struct Inner<'a> {
    tx: &'a mut dyn Tx,
    by_sn: HashMap<EventSn, Arc<Event>>,
    by_id: HashMap<OwnedEventId, Option<Arc<Event>>>,
    failed: Option<Error>,
}

impl<'a> EventLookup<'a> {
    fn new(core: &'a RoomCore, tx: &'a mut dyn Tx, newcomer: Option<&UnstoredEvent>) -> Self {
        let mut inner = Inner { tx, by_sn: HashMap::new(), by_id: HashMap::new(), failed: None };
        if let Some(UnstoredEvent { event, .. }) = newcomer {
            inner.by_sn.insert(event.sn, event.clone());
            inner.by_id.insert(event.pdu.event_id.clone(), Some(event.clone()));
        }
        Self { core, inner: RefCell::new(inner) }
    }

    fn get(&self, sn: EventSn) -> Result<Arc<Event>> {
        let inner = &mut *self.inner.borrow_mut();
        if let Some(event) = inner.by_sn.get(&sn) {
            return Ok(event.clone());
        }
        let event = self.core.events.get(inner.tx, sn)?;
        inner.by_sn.insert(sn, event.clone());
        inner.by_id.insert(event.pdu.event_id.clone(), Some(event.clone()));
        Ok(event)
    }

    /// ruma's callback cannot return an error; [`Self::check`] reports it afterwards.
    fn find(&self, id: &EventId) -> Option<Arc<Event>> {
        let inner = &mut *self.inner.borrow_mut();
        if let Some(event) = inner.by_id.get(id) {
            return event.clone();
        }
        let event = self.core.events.find(inner.tx, id).unwrap_or_else(|error| {
            inner.failed.get_or_insert(error);
            None
        });
        inner.by_id.insert(id.to_owned(), event.clone());
        event
    }

    fn check(&self) -> Result<()> {
        self.inner.borrow_mut().failed.take().map_or(Ok(()), Err)
    }

    fn ids(&self, events: &HashSet<EventSn>) -> Result<Vec<OwnedEventId>> {
        events.iter().map(|sn| Ok(self.get(*sn)?.pdu.event_id.clone())).collect()
    }

    /// Returns the selected keys of a state in ruma's form.
    fn map(&self, state: &StateIds, wants: impl Fn(KeySn) -> bool) -> Result<StateMap<OwnedEventId>> {
        let mut map = StateMap::new();
        for (_, sn) in state.iter().filter(|(key, _)| wants(**key)) {
            let event = self.get(*sn)?;
            let Some(state_key) = &event.pdu.state_key else { continue };
            map.insert(
                (StateEventType::from(event.pdu.kind.to_string()), state_key.clone()),
                event.pdu.event_id.clone(),
            );
        }
        Ok(map)
    }

    /// Returns the unconflicted keys that the resolution may read: all but the members, and the members that the auth
    /// rules read for an event of the full conflicted set, or that such an event sets.
    fn relevant(
        &self,
        rules: &RoomVersionRules,
        full: &BTreeSet<EventSn>,
        common: &StateIds,
    ) -> Result<HashSet<KeySn>> {
        let mut relevant: HashSet<KeySn> = common.keys().filter(|key| !key.is_member()).copied().collect();
        let mut names: BTreeMap<String, Option<KeySn>> = BTreeMap::new();
        for sn in full {
            let event = self.get(*sn)?;
            relevant.extend(event.state_key);
            let pdu = &event.pdu;
            let wanted = auth_rules::wanted(rules, pdu);
            // A malformed event is not allowed in any state, so it needs no keys.
            for (kind, key) in wanted.unwrap_or_default() {
                if TimelineEventType::from(kind) == TimelineEventType::RoomMember {
                    names.entry(key).or_default();
                }
            }
        }
        let inner = &mut *self.inner.borrow_mut();
        for (name, key) in &mut names {
            *key = state_keys::find(inner.tx, "m.room.member", name)?;
        }
        relevant.extend(names.into_values().flatten());
        Ok(relevant)
    }
}
