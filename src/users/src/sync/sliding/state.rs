//! `required_state` of one room.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use hearth_base::Result;
use hearth_rooms::RoomCore;
use hearth_rooms::load::Event;
use hearth_rooms::state::snapshot;
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, KeySn, RoomSn, SnapshotSn};
use hearth_store::tables::{state, state_keys};

use super::required::RequiredState;

/// State events by key.
pub(super) type Chosen = BTreeMap<KeySn, EventSn>;

/// The state of a room for one user: the current one, or the one when they left.
#[derive(Debug, Clone, Copy)]
pub(super) enum StateAt {
    Now(RoomSn),
    Then(Option<SnapshotSn>),
}

impl StateAt {
    fn one(self, tx: &mut dyn Tx, key: KeySn) -> Result<Option<EventSn>> {
        match self {
            Self::Now(room) => state::current_one(tx, room, key),
            Self::Then(at) => snapshot::get(tx, at, key),
        }
    }

    /// The state event with a type and a state key.
    pub(super) fn named(self, tx: &mut dyn Tx, keys: &StateKeys, kind: &str, key: &str) -> Result<Option<EventSn>> {
        match keys.find(tx, kind, key)? {
            Some(key) => self.one(tx, key),
            None => Ok(None),
        }
    }

    fn all(self, tx: &mut dyn Tx, with_members: bool) -> Result<Vec<(KeySn, EventSn)>> {
        match self {
            Self::Now(room) if with_members => state::current(tx, room),
            Self::Now(room) => state::current_without_members(tx, room),
            Self::Then(at) => {
                let all = snapshot::full(tx, at)?;
                Ok(all.into_iter().filter(|(key, _)| with_members || !key.is_member()).collect())
            }
        }
    }
}

/// The serial numbers of state keys in one read: its rooms have the same ones.
#[derive(Debug, Default)]
pub(super) struct StateKeys(RefCell<HashMap<String, HashMap<String, Option<KeySn>>>>);

impl StateKeys {
    /// The serial number of an event type and a state key; none if no room has ever had such state.
    fn find(&self, tx: &mut dyn Tx, kind: &str, key: &str) -> Result<Option<KeySn>> {
        if let Some(known) = self.0.borrow().get(kind).and_then(|keys| keys.get(key)) {
            return Ok(*known);
        }
        let found = state_keys::find(tx, kind, key)?;
        self.0.borrow_mut().entry(kind.to_owned()).or_default().insert(key.to_owned(), found);
        Ok(found)
    }
}

/// Adds all state that is wanted, and of that only what `sent` lacks.
pub(super) fn add_wanted(
    (core, keys): (&RoomCore, &StateKeys),
    tx: &mut dyn Tx,
    at: StateAt,
    wanted: &RequiredState,
    sent: Option<&RequiredState>,
    chosen: &mut Chosen,
) -> Result<()> {
    for (kind, key) in wanted.exact() {
        if sent.is_some_and(|sent| sent.wants(kind, key)) {
            continue;
        }
        if let Some(key) = keys.find(tx, kind, key)?
            && let Some(event) = at.one(tx, key)?
        {
            chosen.insert(key, event);
        }
    }
    if wanted.needs_members() || wanted.needs_all_but_members() {
        for (key, event) in at.all(tx, wanted.needs_members())? {
            let found = core.events.get(tx, event)?;
            let (kind, state_key) = name(&found);
            if wanted.wants(&kind, state_key) && !sent.is_some_and(|sent| sent.wants(&kind, state_key)) {
                chosen.insert(key, event);
            }
        }
    }
    Ok(())
}

fn name(event: &Event) -> (String, &str) {
    (event.pdu.kind.to_string(), event.pdu.state_key.as_deref().unwrap_or_default())
}

/// What changed in the state of a room.
#[derive(Debug, Default)]
pub(super) struct StateChanges {
    newest: BTreeMap<KeySn, Option<EventSn>>,
}

impl StateChanges {
    pub(super) fn new(changes: Vec<(KeySn, Option<EventSn>)>) -> Self {
        Self { newest: changes.into_iter().collect() }
    }

    /// Whether a member changed.
    pub(super) fn has_member(&self) -> bool {
        self.newest.keys().any(|key| key.is_member())
    }

    /// Whether the state event with this type and an empty state key changed.
    pub(super) fn has(&self, tx: &mut dyn Tx, keys: &StateKeys, kind: &str) -> Result<bool> {
        if self.newest.is_empty() {
            return Ok(false);
        }
        Ok(keys.find(tx, kind, "")?.is_some_and(|key| self.newest.contains_key(&key)))
    }

    /// Adds the changes that are wanted. Returns whether others were left out that `sent` has.
    pub(super) fn add_wanted(
        &self,
        core: &RoomCore,
        tx: &mut dyn Tx,
        (wanted, sent): (&RequiredState, &RequiredState),
        with_members: bool,
        chosen: &mut Chosen,
    ) -> Result<bool> {
        let mut is_left_out = false;
        for (key, event) in self.newest.iter().filter_map(|(key, event)| Some((*key, (*event)?))) {
            let found = core.events.get(tx, event)?;
            let (kind, state_key) = name(&found);
            if wanted.wants(&kind, state_key) || (with_members && key.is_member()) {
                chosen.insert(key, event);
            } else {
                is_left_out |= sent.wants(&kind, state_key);
            }
        }
        Ok(is_left_out)
    }
}

/// Adds the members who sent the events of a timeline, and those whom its member events are about.
pub(super) fn add_lazy(
    tx: &mut dyn Tx,
    keys: &StateKeys,
    at: StateAt,
    timeline: &[Arc<Event>],
    chosen: &mut Chosen,
) -> Result<()> {
    let mut users: HashSet<&str> = timeline.iter().map(|event| event.pdu.sender.as_str()).collect();
    let members = timeline.iter().filter(|event| event.state_key.is_some_and(KeySn::is_member));
    users.extend(members.filter_map(|event| event.pdu.state_key.as_deref()));
    for user in users {
        let Some(key) = keys.find(tx, "m.room.member", user)? else { continue };
        if let std::collections::btree_map::Entry::Vacant(place) = chosen.entry(key)
            && let Some(event) = at.one(tx, key)?
        {
            place.insert(event);
        }
    }
    Ok(())
}
