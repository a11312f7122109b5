//! What explains that two servers disagree about a room's state: where in the graph it began.

use std::collections::{BTreeSet, HashMap};

use hearth_domain::rooms::state::snapshot;
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::{events, history_gaps, rooms, state_keys};
use serde_json::Value;

use crate::harness::World;

/// Events looked at, from the forward extremities down.
const EVENTS_MAX: usize = 3_000;
/// Events shown.
const SHOWN_MAX: usize = 12;

/// An event as one server has it.
struct Held {
    depth: i64,
    /// The status, the place, and what the event is.
    what: String,
    prev: Vec<String>,
    /// For each disputed state key, the event that holds it before this one.
    before: Vec<Option<String>>,
}

/// A room on one server.
struct Graph {
    extremities: Vec<String>,
    gaps: String,
    events: HashMap<String, Held>,
}

/// Compares a room on two servers: their extremities and gaps, and the lowest events whose status or state before them
/// differs, with the holders of the disputed state keys.
pub(super) async fn explain(one: &World, other: &World, room: &str, keys: &BTreeSet<(String, String)>) -> String {
    let [ours, theirs] = [graph(one, room, keys).await, graph(other, room, keys).await];
    let mut text = format!("disputed: {keys:?}\n");
    for graph in [&ours, &theirs] {
        text += &format!("  extremities {:?}, gaps {}\n", graph.extremities, graph.gaps);
    }
    let ids: BTreeSet<&String> = ours.events.keys().chain(theirs.events.keys()).collect();
    let mut differing: Vec<(i64, &String)> = Vec::new();
    for id in ids {
        let pair = (ours.events.get(id), theirs.events.get(id));
        let differs = match pair {
            (Some(ours), Some(theirs)) => {
                // An event without a place on one of the servers has no state there.
                let has_states = !(ours.before.is_empty() || theirs.before.is_empty());
                has_states && ours.before != theirs.before || status(&ours.what) != status(&theirs.what)
            }
            _ => true,
        };
        let depth = pair.0.or(pair.1).map_or(0, |held| held.depth);
        differing.extend(differs.then_some((depth, id)));
    }
    differing.sort();
    text += &format!("{} of their events differ; the lowest:\n", differing.len());
    for (depth, id) in differing.into_iter().take(SHOWN_MAX) {
        text += &format!("  {id} at depth {depth}\n");
        for (name, graph) in [("here ", &ours), ("there", &theirs)] {
            let Some(held) = graph.events.get(id) else {
                text += &format!("    {name}: unknown\n");
                continue;
            };
            text += &format!("    {name}: {}; before it {:?}; prev {:?}\n", held.what, held.before, held.prev);
        }
    }
    text
}

/// The first word, by which two servers may differ.
fn status(what: &str) -> &str {
    what.split(' ').next().unwrap_or_default()
}

async fn graph(world: &World, room: &str, keys: &BTreeSet<(String, String)>) -> Graph {
    let (room, keys) = (room.to_owned(), keys.clone());
    let read = move |tx: &mut hearth_store::ReadTx<'_>| Ok(of_room(tx.tx(), &room, &keys));
    world.server().domain.core.store.read("test_graph", read).await.expect("read")
}

fn of_room(tx: &mut dyn Tx, room: &str, keys: &BTreeSet<(String, String)>) -> Graph {
    let room = rooms::by_id(tx, room).expect("read").expect("a room");
    let id = |tx: &mut dyn Tx, sn: EventSn| events::id(tx, sn).expect("read").unwrap_or_default();
    let extremities: Vec<String> = room.extremities.iter().map(|sn| id(tx, *sn)).collect();
    let gaps = history_gaps::of_room(tx, room.sn).expect("read");
    let keys: Vec<_> = keys.iter().map(|(kind, key)| state_keys::find(tx, kind, key).expect("read")).collect();
    let (mut open, mut held) = (extremities.clone(), HashMap::new());
    // Also what a state alone led to, and what a gap leads to.
    open.extend(gaps.iter().flat_map(|gap| gap.missing.iter().cloned()));
    while let Some(event_id) = open.pop().filter(|_| held.len() < EVENTS_MAX) {
        if held.contains_key(&event_id) {
            continue;
        }
        let Some(row) = events::by_id(tx, &event_id).expect("read") else { continue };
        let json: Value = serde_json::from_slice(&row.json).expect("an event");
        let list = |field: &str| -> Vec<String> { serde_json::from_value(json[field].clone()).unwrap_or_default() };
        let state = snapshot::full(tx, row.snapshot).expect("a state");
        let before = match state.is_empty() {
            true => Vec::new(),
            false => keys.iter().map(|key| Some(id(tx, *state.get(&(*key)?)?))).collect(),
        };
        let status = match row.flags & !events::REDACTED {
            0 => "accepted".to_owned(),
            flags => format!("flags-{flags}"),
        };
        let (kind, key, sender) = (&json["type"], &json["state_key"], &json["sender"]);
        let what = format!("{status} ord {:?}, {kind} {key} by {sender} at {}", row.ord, json["origin_server_ts"]);
        let (prev, auth) = (list("prev_events"), list("auth_events"));
        let what = format!("{what}, auth {auth:?}");
        open.extend(prev.iter().cloned());
        held.insert(event_id, Held { depth: row.depth, what, prev, before });
    }
    Graph { extremities, gaps: format!("{gaps:?}"), events: held }
}
