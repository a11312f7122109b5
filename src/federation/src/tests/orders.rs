//! The state at each event is independent of the order of arrival, and equal to that of the reference model. The
//! message of a failure contains its seed.

use std::collections::{BTreeMap, HashSet};

use hearth_store::tables::events;
use ruma::OwnedEventId;
use serde_json::{Value, json};

use super::graph::{Graph, Wish};
use super::world::{ALICE, Home, World};

const CREATOR: &str = "@creator:far.example";
pub(super) const PEOPLE: [&str; 4] = ["@ann:one.example", "@ben:two.example", "@cat:one.example", "@dan:far.example"];
const EVENTS: usize = 36;
/// Maximum of leaf events that the last event follows.
const LEAVES_MAX: usize = 12;

/// A seeded random generator.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % bound as u64).expect("small")
    }

    fn one_of<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// A room with joins, leaves, bans and power level changes on several concurrent branches. The last event follows all
/// others.
pub(super) fn quarrel(graph: &mut Graph, dice: &mut Dice, joined: &OwnedEventId) -> OwnedEventId {
    let mut heads = vec![joined.clone()];
    let mut made = vec![joined.clone()];
    for person in PEOPLE {
        let last = made.last().expect("one").clone();
        let wish = Wish {
            sender: person,
            kind: "m.room.member",
            state_key: Some(person),
            content: json!({"membership": "join"}),
        };
        made.push(graph.make(&wish, &[last]));
        heads = vec![made.last().expect("one").clone()];
    }
    let settled = made.last().expect("one").clone();
    for _ in 0..EVENTS {
        let mut prev = HashSet::new();
        for _ in 0..=dice.below(2) {
            let from_heads = heads.len() >= LEAVES_MAX || dice.below(4) > 0;
            prev.insert(if from_heads {
                dice.one_of(&heads).clone()
            } else {
                dice.one_of(&made[PEOPLE.len()..]).clone()
            });
        }
        let mut prev: Vec<_> = prev.into_iter().collect();
        prev.sort();
        let sender = if dice.below(3) == 0 { CREATOR } else { dice.one_of(&PEOPLE) };
        let target = dice.one_of(&PEOPLE);
        let number = dice.below(1_000);
        let (kind, key, content): (&str, Option<&str>, Value) = match dice.below(12) {
            0 | 1 => ("m.room.topic", Some(""), json!({ "topic": number })),
            2 => ("m.room.name", Some(""), json!({ "name": number })),
            3 | 4 => ("m.room.power_levels", Some(""), levels(graph, &prev, target, [0, 50, 75, 99][dice.below(4)])),
            5 => ("m.room.join_rules", Some(""), json!({ "join_rule": (["public", "invite"][dice.below(2)]) })),
            6 => ("m.room.member", Some(*target), json!({ "membership": "ban", "reason": number })),
            7 => ("m.room.member", Some(*target), json!({ "membership": "leave", "reason": number })),
            8 => ("m.room.member", Some(sender), json!({ "membership": "join", "displayname": number })),
            9 if sender != CREATOR => ("m.room.member", Some(sender), json!({ "membership": "leave" })),
            _ => ("m.room.message", None, json!({ "body": number })),
        };
        let id = graph.make(&Wish { sender, kind, state_key: key, content }, &prev);
        heads.retain(|head| !prev.contains(head));
        heads.push(id.clone());
        made.push(id);
    }
    heads.retain(|head| *head != settled || made.len() == PEOPLE.len() + 1);
    graph.make(
        &Wish { sender: CREATOR, kind: "m.room.message", state_key: None, content: json!({"body": "peace"}) },
        &heads,
    )
}

fn levels(graph: &Graph, prev: &[OwnedEventId], user: &str, level: i64) -> Value {
    let state = graph.state_after_all(prev);
    let now = &state[&("m.room.power_levels".to_owned(), String::new())];
    let mut content: Value = serde_json::from_str(graph.made(now).pdu.content.get()).expect("JSON");
    content["users"][user] = level.into();
    content
}

/// A random topological order.
fn shuffled(graph: &Graph, known: &[OwnedEventId], dice: &mut Dice) -> Vec<OwnedEventId> {
    let mut known: HashSet<_> = known.iter().cloned().collect();
    let mut rest: Vec<_> = graph.order.iter().filter(|id| !known.contains(*id)).cloned().collect();
    let mut order = Vec::new();
    while !rest.is_empty() {
        let ready: Vec<_> = (0..rest.len())
            .filter(|at| graph.made(&rest[*at]).pdu.prev_events.iter().all(|id| known.contains(id)))
            .collect();
        let id = rest.remove(*dice.one_of(&ready));
        known.insert(id.clone());
        order.push(id);
    }
    order
}

async fn check(world: &World, last: &OwnedEventId, what: &str) {
    for id in world.graph(|graph| graph.order.clone()) {
        assert!(world.event(&id).await.is_some(), "{what}: {id} is missing");
    }
    check_states(world, what).await;
    let expected = world.graph(|graph| graph.state_after(last));
    assert_eq!(world.current_state().await, expected, "{what}: the state in the end");
    let timeline = world.timeline().await;
    assert_eq!(timeline.iter().collect::<HashSet<_>>().len(), timeline.len(), "{what}: shown twice");
}

/// Compares the status of every stored event with a place, and the state before it, with the model.
pub(super) async fn check_states(world: &World, what: &str) {
    let expected: BTreeMap<_, _> = world.graph(|graph| {
        graph.order.iter().map(|id| (id.clone(), (graph.made(id).before.clone(), graph.made(id).allowed))).collect()
    });
    for (id, (before, allowed)) in expected {
        let found = world.event(&id).await.filter(|found| !found.is_outlier() && id != world.joined);
        // A state that is known to lack parts counts for nothing.
        let Some(found) = found.filter(|found| found.flags & events::UNSURE_STATE == 0) else { continue };
        assert_eq!(found.flags & events::REJECTED == 0, allowed, "{what}: {id} {}", found.pdu.kind);
        // The state at a rejected event is only stored where it is free.
        if found.snapshot.is_none() && (!allowed || before.is_empty()) {
            continue;
        }
        let stored = world.state_before(&found).await;
        assert_eq!(stored, before, "{what}: the state before {id} ({})", found.pdu.kind);
    }
}

async fn in_any_order(version: &str, seed: u64) {
    let home = Home::open();
    let mut graph = Graph::new(version, &home.core);
    let newest = graph.newest();
    let wish =
        Wish { sender: ALICE, kind: "m.room.member", state_key: Some(ALICE), content: json!({"membership": "join"}) };
    let join = graph.make(&wish, &[newest]);
    let known = graph.order.clone();
    let last = quarrel(&mut graph, &mut Dice(seed), &join);
    for (nth, home) in [home, Home::open(), Home::open()].into_iter().enumerate() {
        let mut dice = Dice(seed + 1 + nth as u64);
        let mut order = shuffled(&graph, &known, &mut dice);
        if nth == 2 {
            // Any order: missing events have to be fetched.
            for at in (1..order.len()).rev() {
                order.swap(at, dice.below(at + 1));
            }
        }
        let world = World::in_room(home, graph.clone(), &join).await;
        let mut told = BTreeMap::new();
        for id in &order {
            told.extend(world.receives(&[id]).await);
        }
        world.works_off().await;
        told.retain(|id, told| told.is_err() && graph.made(id).allowed);
        assert!(told.is_empty(), "version {version}, seed {seed}, order {nth}: {told:?}");
        check(&world, &last, &format!("version {version}, seed {seed}, order {nth}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_of_arrival_does_not_matter() {
    for seed in 0..4 {
        for version in ["6", "10", "12"] {
            in_any_order(version, seed).await;
        }
    }
}
