//! The state at each event is that of the reference model although requests for missing events and states fail at random.
//! The message of a failure contains its seed.

use serde_json::json;

use super::graph::{Graph, Wish};
use super::orders::{Dice, PEOPLE, check_states, quarrel};
use super::past::pages_back;
use super::world::{ALICE, Home, World};

const CREATOR: &str = "@creator:far.example";

/// Delivers some events of a random room in a random order while a third of all requests fails, then everything works
/// again. What was accepted meanwhile has the right state, and so has the room in the end.
async fn plays(version: &str, seed: u64) {
    let home = Home::open();
    let mut graph = Graph::new(version, &home.core);
    let newest = graph.newest();
    let content = json!({ "membership": "join" });
    let join = graph.make(&Wish { sender: ALICE, kind: "m.room.member", state_key: Some(ALICE), content }, &[newest]);
    let known = graph.order.len();
    let last = quarrel(&mut graph, &mut Dice(seed), &join);
    let mut dice = Dice(seed + 1_000);
    // The joins, after which every server is known to be in the room, then the quarrel.
    let (joins, order) = graph.order[known..].split_at(1 + PEOPLE.len());
    let (joins, mut order) = (joins.to_vec(), order.to_vec());
    // Mostly in order, with some events much too early and some not at all.
    for at in 0..order.len() {
        if dice.below(3) == 0 {
            let other = dice.below(order.len());
            order.swap(at, other);
        }
    }
    order.retain(|id| *id != last && dice.below(4) > 0);
    let world = World::in_room(home, graph, &join).await;
    for id in &joins {
        world.receives(&[id]).await;
    }
    let what = format!("version {version}, seed {seed}");
    let mut faults = Dice(seed + 2_000);
    *world.others.chance.lock() = Some(Box::new(move |call| {
        let is_spared = call.target.contains("/key/") || faults.below(3) > 0;
        (!is_spared).then(|| [0, 404, 429, 503][faults.below(4)])
    }));
    for (nth, id) in order.iter().enumerate() {
        world.receives(&[id]).await;
        if nth % 10 == 9 {
            check_states(&world, &what).await;
        }
    }
    *world.others.chance.lock() = None;
    world.works_off().await;
    world.receives(&[&last]).await;
    world.works_off().await;
    pages_back(&world).await;
    check_states(&world, &what).await;
    let on = world.says(CREATOR, "on", &[last]);
    world.receives(&[&on]).await;
    assert_eq!(world.current_state().await, world.graph(|graph| graph.state_after(&on)), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failing_requests_change_no_state() {
    // Others leave events of servers that have left waiting for twenty seconds.
    for seed in [0, 3, 4, 5] {
        for version in ["11", "12"] {
            plays(version, seed).await;
        }
    }
}
