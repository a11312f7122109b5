//! Checks the auth rules for the state of a room that is joined, as `pdu::check_auth` does, with the events on disk: what a
//! resident server sends may be larger than the memory that a join may take.
//!
//! In memory is the graph: a few numbers for each event. An event is read when its turn comes, and its auth events are
//! mostly in a small cache, because a room's events name the same few.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hearth_base::limits::federation::JOIN_AUTH_CACHE_BYTES_MAX;
use hearth_base::{Error, Result};
use hearth_rooms::event::{Pdu, auth_rules};
use quick_cache::Weighter;
use quick_cache::unsync::Cache;
use ruma::canonical_json::CanonicalJsonObject;
use ruma::events::TimelineEventType;
use ruma::room_version_rules::RoomVersionRules;
use ruma::{EventId, OwnedEventId};
use serde::Deserialize;

use super::spool::SpoolPlace;
use crate::pdu::{self, IncomingPdu};

/// An event of a room's state or of its auth chain, with valid signatures.
#[derive(Debug, Clone)]
pub(super) struct StateEvent {
    pub(super) id: OwnedEventId,
    /// Where its JSON is.
    pub(super) place: SpoolPlace,
    /// Whether it is part of the state before the join.
    pub(super) is_state: bool,
    /// Whether it is the power levels event.
    pub(super) is_levels: bool,
    /// Whether its auth events do not allow it.
    pub(super) is_rejected: bool,
    /// The short names of its auth events, and of the create event.
    auth: Box<[ShortName]>,
}

/// A hash of an event id, with a key that no other server knows: eight bytes instead of 44 for each mention of an event.
type ShortName = u64;

/// The `room_version` of the create events in the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CreateVersion {
    /// There is no create event.
    None,
    /// There are several.
    Many,
    /// Its content is malformed.
    Unreadable,
    /// The version; `1` if it names none.
    One(String),
}

/// The events of a response, without duplicates.
#[derive(Debug, Default)]
pub(super) struct StateEvents {
    events: Vec<StateEvent>,
    places: HashMap<ShortName, usize>,
    names: RandomState,
    creates: Vec<Option<String>>,
}

impl StateEvent {
    /// Reads the event.
    pub(super) fn read(&self, json: impl FnOnce(SpoolPlace) -> Result<Vec<u8>>) -> Result<IncomingPdu> {
        let json = json(self.place)?;
        let pdu = Pdu::parse(self.id.clone(), &json).map_err(|error| Error::fault("reading a checked event", error))?;
        Ok(IncomingPdu { pdu: Pdu { rejected: self.is_rejected, ..pdu }, json, object: CanonicalJsonObject::new() })
    }
}

impl StateEvents {
    /// Adds an event, unless it is there already.
    pub(super) fn add(&mut self, rules: &RoomVersionRules, (pdu, place): (Pdu, SpoolPlace), is_state: bool) {
        let short = |id: &EventId| self.names.hash_one(id.as_bytes());
        let name = short(&pdu.event_id);
        if self.places.contains_key(&name) {
            return;
        }
        // From version 12 on other events need the create event without listing it.
        let create = auth_rules::create_id(rules, &pdu);
        let auth = pdu.auth_events.iter().chain(&create).map(|id| short(id)).collect();
        if is_state && pdu.is_state(&TimelineEventType::RoomCreate, "") {
            self.creates.push(version_of(&pdu));
        }
        let is_levels = pdu.is_state(&TimelineEventType::RoomPowerLevels, "");
        self.places.insert(name, self.events.len());
        self.events.push(StateEvent { id: pdu.event_id, place, is_state, is_levels, is_rejected: false, auth });
    }

    /// The room version that the state's create event names.
    pub(super) fn create_version(&self) -> CreateVersion {
        match self.creates.as_slice() {
            [] => CreateVersion::None,
            [None] => CreateVersion::Unreadable,
            [Some(version)] => CreateVersion::One(version.clone()),
            _ => CreateVersion::Many,
        }
    }

    /// Sorts the events topologically, and marks those that their auth events do not allow. Blocks. `json` reads an event.
    ///
    /// An event with an auth event that is not in the list is left out: it cannot be checked.
    pub(super) fn check_auth(
        self,
        rules: &RoomVersionRules,
        json: impl Fn(SpoolPlace) -> Result<Vec<u8>>,
    ) -> Result<Vec<StateEvent>> {
        let Self { events, places, .. } = self;
        let order = pdu::order(
            events.len(),
            |_| true,
            |at, each| events[at].auth.iter().filter_map(|name| places.get(name)).for_each(|parent| each(*parent)),
        );
        let mut cache = Cache::with_weighter(CACHED_EVENTS, JOIN_AUTH_CACHE_BYTES_MAX, Bytes);
        let (mut events, mut checked) = (events, vec![false; places.len()]);
        for at in &order {
            let auth: Option<Vec<usize>> =
                events[*at].auth.iter().map(|name| places.get(name).copied().filter(|at| checked[*at])).collect();
            let Some(auth) = auth else {
                tracing::debug!(event.id = %events[*at].id, "Event lacks its auth events.");
                continue;
            };
            let pdu = events[*at].read(&json)?.pdu;
            let mut known: Vec<Arc<Pdu>> = Vec::with_capacity(auth.len());
            for at in auth {
                let cached = cache.get(&at).cloned();
                let pdu = match cached {
                    Some(pdu) => pdu,
                    None => {
                        let pdu = Arc::new(events[at].read(&json)?.pdu);
                        cache.insert(at, Arc::clone(&pdu));
                        pdu
                    }
                };
                known.push(pdu);
            }
            let known: Vec<&Pdu> = known.iter().map(|pdu| &**pdu).collect();
            if let Err(why) = auth_rules::by_auth_events(rules, &pdu, &known) {
                tracing::debug!(event.id = %pdu.event_id, why, "Rejected a PDU.");
                events[*at].is_rejected = true;
            }
            checked[*at] = true;
        }
        let mut events: Vec<Option<StateEvent>> = events.into_iter().map(Some).collect();
        Ok(order.into_iter().filter(|at| checked[*at]).filter_map(|at| events[at].take()).collect())
    }
}

/// Events of which the cache makes its first estimate.
const CACHED_EVENTS: usize = 1_000;

#[derive(Clone)]
struct Bytes;

impl Weighter<usize, Arc<Pdu>> for Bytes {
    fn weight(&self, _: &usize, pdu: &Arc<Pdu>) -> u64 {
        1_000 + pdu.content.get().len() as u64
    }
}

fn version_of(create: &Pdu) -> Option<String> {
    #[derive(Deserialize)]
    struct Create {
        room_version: Option<String>,
    }
    let content = create.content_as::<Create>().ok()?;
    Some(content.room_version.unwrap_or_else(|| "1".to_owned()))
}
