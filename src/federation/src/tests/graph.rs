//! A reference model of a room: every event, and the state at each, resolved by ruma without the server's
//! optimisations. Tests compare a server's result for the same events with it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use hearth_core::keys::SigningKey;
use hearth_rooms::RoomCore;
use hearth_rooms::event::Pdu;
use hearth_rooms::event::version;
use ruma::canonical_json::CanonicalJsonObject;
use ruma::events::{StateEventType, TimelineEventType};
use ruma::room_version_rules::RoomVersionRules;
use ruma::signatures::{hash_and_sign_event, reference_hash};
use ruma::state_res::utils::event_id_set::EventIdSet;
use ruma::state_res::{StateMap, auth_types_for_event, check_state_dependent_auth_rules};
use ruma::{EventId, OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, UserId};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::pdu::parse;

/// A state, by type and key.
pub(crate) type State = BTreeMap<(String, String), OwnedEventId>;

/// The key of a server, derived from its name.
pub(crate) fn key_of(server: &str) -> SigningKey {
    let mut seed = [7; 32];
    seed.iter_mut().zip(server.bytes()).for_each(|(seed, byte)| *seed = byte);
    SigningKey::from_seed(&seed, "test".to_owned()).expect("a key")
}

/// An event of the model.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) pdu: Pdu,
    pub(crate) json: Box<RawValue>,
    /// The state before it.
    pub(crate) before: State,
    /// Whether the auth rules allow it by the state before it.
    pub(crate) allowed: bool,
}

/// The model of a room.
#[derive(Clone)]
pub(crate) struct Graph {
    pub(crate) rules: &'static RoomVersionRules,
    pub(crate) version: String,
    pub(crate) room_id: OwnedRoomId,
    pub(crate) events: HashMap<OwnedEventId, Made>,
    /// In order of creation.
    pub(crate) order: Vec<OwnedEventId>,
    /// The server under test, which signs the events of its own users.
    home: Arc<RoomCore>,
    clock_ms: u64,
}

/// The fields of an event to create.
pub(crate) struct Wish<'a> {
    pub(crate) sender: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) state_key: Option<&'a str>,
    pub(crate) content: Value,
}

impl Graph {
    /// A public room created by `@creator:far.example`, who is joined and has power.
    pub(crate) fn new(version: &str, home: &Arc<RoomCore>) -> Self {
        let rules = version::rules(version).expect("a version");
        let mut graph = Self {
            rules,
            version: version.to_owned(),
            room_id: RoomId::parse("!room:far.example").expect("an id"),
            events: HashMap::new(),
            order: Vec::new(),
            home: home.clone(),
            clock_ms: 1_700_000_000_000,
        };
        let creator = "@creator:far.example";
        let content = json!({ "creator": creator, "room_version": version });
        let create = graph.make(&Wish { sender: creator, kind: "m.room.create", state_key: Some(""), content }, &[]);
        if rules.authorization.room_create_event_id_as_room_id {
            graph.room_id = RoomId::parse(create.as_str().replacen('$', "!", 1)).expect("an id");
        }
        let mut last = create;
        let users = if version == "12" { json!({}) } else { json!({ creator: 100 }) };
        for (kind, key, content) in [
            ("m.room.member", creator, json!({ "membership": "join" })),
            ("m.room.power_levels", "", json!({ "users": users, "users_default": 0 })),
            ("m.room.join_rules", "", json!({ "join_rule": "public" })),
            ("m.room.history_visibility", "", json!({ "history_visibility": "shared" })),
        ] {
            last = graph.make(&Wish { sender: creator, kind, state_key: Some(key), content }, &[last]);
        }
        graph
    }

    pub(crate) fn newest(&self) -> OwnedEventId {
        self.order.last().expect("an event").clone()
    }

    pub(crate) fn made(&self, id: &EventId) -> &Made {
        &self.events[id]
    }

    /// Creates an event after others, signs it as its sender's server, and stores it in the model, allowed or not.
    pub(crate) fn make(&mut self, wish: &Wish<'_>, prev: &[OwnedEventId]) -> OwnedEventId {
        let object = self.object(wish, prev);
        self.finish(object)
    }

    /// The same without hash and signature, for tests that modify it.
    pub(crate) fn object(&mut self, wish: &Wish<'_>, prev: &[OwnedEventId]) -> CanonicalJsonObject {
        self.clock_ms += 1_000;
        let before = self.state_after_all(prev);
        let sender = UserId::parse(wish.sender).expect("a user");
        let content = serde_json::value::to_raw_value(&wish.content).expect("JSON");
        let kind = TimelineEventType::from(wish.kind);
        let wanted = auth_types_for_event(&kind, &sender, wish.state_key, &content, &self.rules.authorization);
        let auth: Vec<_> = wanted
            .unwrap_or_default()
            .into_iter()
            .filter_map(|(kind, key)| before.get(&(kind.to_string(), key)))
            .collect();
        let depth = prev.iter().map(|id| self.events[id].pdu.depth).max().unwrap_or(0) + 1;
        let mut event = json!({
            "type": wish.kind, "sender": wish.sender, "content": wish.content, "prev_events": prev, "auth_events": auth,
            "depth": depth, "origin_server_ts": self.clock_ms,
        });
        if let Some(key) = wish.state_key {
            event["state_key"] = key.into();
        }
        if wish.kind != "m.room.create" || !self.rules.authorization.room_create_event_id_as_room_id {
            event["room_id"] = self.room_id.as_str().into();
        }
        serde_json::from_value(event).expect("an object")
    }

    /// Hashes, signs and stores an event.
    pub(crate) fn finish(&mut self, mut object: CanonicalJsonObject) -> OwnedEventId {
        self.sign(&mut object);
        let json = serde_json::value::to_raw_value(&object).expect("JSON");
        let room_id = (!self.order.is_empty()).then(|| self.room_id.clone());
        let pdu = parse(self.rules, room_id.as_deref(), &json).expect("a sound event").pdu;
        let (id, before) = (pdu.event_id.clone(), self.state_after_all(&pdu.prev_events));
        let allowed = self.is_allowed(&pdu, &before);
        self.events.insert(id.clone(), Made { pdu, json, before, allowed });
        self.order.push(id.clone());
        id
    }

    pub(crate) fn sign(&self, object: &mut CanonicalJsonObject) {
        let sender: OwnedUserId = serde_json::from_value(Value::from(object["sender"].clone())).expect("a sender");
        let server = sender.server_name().as_str();
        let made_up = key_of(server);
        let pair = if server == self.home.server_name.as_str() { self.home.key.pair() } else { made_up.pair() };
        hash_and_sign_event(server, pair, object, &self.rules.redaction).expect("a signature");
    }

    /// The id of an object that may be an invalid event.
    pub(crate) fn id_of(&self, object: &CanonicalJsonObject) -> OwnedEventId {
        EventId::parse(format!("${}", reference_hash(object, self.rules).expect("a hash"))).expect("an id")
    }

    fn is_allowed(&self, pdu: &Pdu, before: &State) -> bool {
        if pdu.kind == TimelineEventType::RoomCreate {
            return true;
        }
        let in_auth = |kind: &StateEventType, key: &str| {
            let auth = pdu.auth_events.iter().map(|id| &self.events[id].pdu);
            auth.chain(self.create())
                .find(|auth| auth.kind.to_string() == kind.to_string() && auth.state_key.as_deref() == Some(key))
        };
        let in_state = |kind: &StateEventType, key: &str| {
            before.get(&(kind.to_string(), key.to_owned())).map(|id| &self.events[id].pdu)
        };
        let is_clean = pdu.auth_events.iter().all(|id| self.events[id].allowed);
        is_clean
            && check_state_dependent_auth_rules(&self.rules.authorization, pdu, in_auth).is_ok()
            && check_state_dependent_auth_rules(&self.rules.authorization, pdu, in_state).is_ok()
    }

    fn create(&self) -> Option<&Pdu> {
        self.order.first().map(|id| &self.events[id].pdu)
    }

    /// The state after one event.
    pub(crate) fn state_after(&self, id: &EventId) -> State {
        let made = self.made(id);
        let mut state = made.before.clone();
        if let Some(key) = made.pdu.state_key.as_ref().filter(|_| made.allowed) {
            state.insert((made.pdu.kind.to_string(), key.clone()), id.to_owned());
        }
        state
    }

    /// The resolved state after several events.
    pub(crate) fn state_after_all(&self, ids: &[OwnedEventId]) -> State {
        let states: Vec<State> = ids.iter().map(|id| self.state_after(id)).collect();
        match &states[..] {
            [] => State::new(),
            [one] => one.clone(),
            several if several.iter().all(|state| *state == states[0]) => states[0].clone(),
            several => self.resolve(several),
        }
    }

    /// The full auth chain of an event.
    pub(crate) fn auth_chain(&self, id: &EventId) -> HashSet<OwnedEventId> {
        let (mut chain, mut open) = (HashSet::new(), vec![id.to_owned()]);
        while let Some(id) = open.pop() {
            open.extend(self.events[&id].pdu.auth_events.iter().filter(|id| chain.insert((*id).clone())).cloned());
        }
        chain
    }

    fn resolve(&self, states: &[State]) -> State {
        let maps: Vec<StateMap<OwnedEventId>> = states
            .iter()
            .map(|state| {
                state.iter().map(|((kind, key), id)| ((kind.as_str().into(), key.clone()), id.clone())).collect()
            })
            .collect();
        let chains =
            states.iter().map(|state| state.values().flat_map(|id| self.auth_chain(id)).collect::<EventIdSet<_>>());
        let fetch = |id: &EventId| self.events.get(id).map(|made| Pdu { rejected: !made.allowed, ..made.pdu.clone() });
        let rules = self.rules.state_res.v2_rules().expect("version 2");
        let subgraph = |conflicted: &StateMap<Vec<OwnedEventId>>| {
            let ends: HashSet<_> = conflicted.values().flatten().cloned().collect();
            let below =
                |id: &OwnedEventId| ends.contains(id) || self.auth_chain(id).iter().any(|auth| ends.contains(auth));
            let above: HashSet<_> =
                ends.iter().flat_map(|id| self.auth_chain(id)).chain(ends.iter().cloned()).collect();
            Some(above.into_iter().filter(below).collect::<EventIdSet<_>>())
        };
        let resolved =
            ruma::state_res::resolve(&self.rules.authorization, rules, maps.iter(), chains.collect(), fetch, subgraph);
        resolved.expect("a state").into_iter().map(|((kind, key), id)| ((kind.to_string(), key), id)).collect()
    }
}
