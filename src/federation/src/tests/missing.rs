//! Events after missing events.

use hearth_store::tables::{history_gaps, inbox};
use ruma::OwnedEventId;
use serde_json::json;

use super::graph::Wish;
use super::world::World;

const CREATOR: &str = "@creator:far.example";
const BOB: &str = "@bob:far.example";

fn chain(world: &World, length: usize) -> Vec<OwnedEventId> {
    let mut made = vec![world.joined.clone()];
    for nth in 1..=length {
        let last = made[made.len() - 1].clone();
        made.push(match nth % 10 {
            5 => world.sets(CREATOR, "m.room.topic", "", json!({ "topic": nth }), &[last]),
            _ => world.says(CREATOR, &nth.to_string(), &[last]),
        });
    }
    made
}

async fn gaps(world: &World) -> usize {
    let room = world.room;
    world.read(move |_, tx| history_gaps::of_room(tx.tx(), room).expect("gaps").len()).await
}

#[tokio::test]
async fn what_lies_between_is_asked_for_and_comes_first() {
    let world = World::of_version("10").await;
    let chain = chain(&world, 45);
    let outcome = world.receives(&[&chain[45]]).await;
    assert!(outcome[&chain[45]].is_ok(), "{outcome:?}");
    assert_eq!(world.timeline().await, chain);
    assert!(!world.others.has_asked("state_ids"));
    assert_eq!(world.current_state().await, world.graph(|graph| graph.state_after(&chain[45])));
}

#[tokio::test]
async fn after_a_long_absence_the_state_is_asked_for_and_a_gap_stays() {
    let world = World::of_version("11").await;
    let before = gaps(&world).await;
    let chain = chain(&world, 300);
    world.receives(&[&chain[300]]).await;
    world.works_off().await;
    let timeline = world.timeline().await;
    assert_eq!(timeline.last(), chain.last());
    assert_eq!(timeline.len(), 1 + 201, "as many as ten rounds bring, and the last");
    assert!(world.others.has_asked("state_ids"));
    assert_eq!(gaps(&world).await, before + 1);
    // The known events are a separate branch until an event joins both.
    let both = world.says(CREATOR, "both", &[chain[300].clone(), world.joined.clone()]);
    world.receives(&[&both]).await;
    assert_eq!(world.current_state().await, world.graph(|graph| graph.state_after(&both)));
}

#[tokio::test]
async fn an_event_that_fills_a_gap_late_is_shown_and_changes_nothing() {
    let world = World::of_version("10").await;
    let chain = chain(&world, 6);
    world.others.silent.lock().push("get_missing_events");
    world.receives(&[&chain[6]]).await;
    world.works_off().await;
    assert_eq!(world.timeline().await, [chain[0].clone(), chain[6].clone()]);
    let state = world.current_state().await;
    assert_eq!(state, world.graph(|graph| graph.state_after(&chain[6])));
    for late in [&chain[1], &chain[2], &chain[3], &chain[4], &chain[5]] {
        world.receives(&[late]).await;
        world.works_off().await;
    }
    assert_eq!(world.timeline().await.len(), 7);
    let joint = world.says(CREATOR, "on", &[chain[6].clone()]);
    world.receives(&[&joint]).await;
    assert_eq!(world.current_state().await, state);
}

#[tokio::test]
async fn missing_auth_events_are_fetched() {
    let world = World::of_version("10").await;
    let joins = world.sets(BOB, "m.room.member", BOB, json!({"membership": "join"}), &[world.joined.clone()]);
    // Its auth events include the join, but its prev events do not: allowed by the auth events, not by the state
    // before it.
    let object = world.graph(|graph| {
        let wish = Wish { sender: BOB, kind: "m.room.message", state_key: None, content: json!({}) };
        let mut object = graph.object(&wish, &[joins.clone()]);
        object.insert("prev_events".into(), serde_json::from_value(json!([world.joined])).expect("ids"));
        object
    });
    let said = world.graph(|graph| graph.finish(object));
    let outcome = world.receives(&[&said]).await;
    assert!(outcome[&said].is_err(), "{outcome:?}");
    assert!(world.others.has_asked("event_auth"));
    assert!(world.event(&joins).await.is_some_and(|event| event.is_outlier()));
    // The outlier gets its place when it is received as a PDU.
    world.receives(&[&joins]).await;
    assert_eq!(world.timeline().await, [world.joined.clone(), joins]);
}

#[tokio::test]
async fn what_cannot_be_had_now_waits_in_the_inbox_and_survives() {
    let world = World::of_version("12").await;
    let chain = chain(&world, 4);
    world.others.silent.lock().push("/federation/");
    let outcome = world.receives(&[&chain[4]]).await;
    assert!(outcome[&chain[4]].is_ok(), "taken: {outcome:?}");
    assert_eq!(world.timeline().await.len(), 1);
    assert_eq!(world.read(|_, tx| inbox::count(tx.tx()).expect("a count")).await, 1);
    // A second delivery adds nothing.
    world.receives(&[&chain[4]]).await;
    assert_eq!(world.read(|_, tx| inbox::count(tx.tx()).expect("a count")).await, 1);
    world.others.silent.lock().clear();
    world.works_off().await;
    assert_eq!(world.timeline().await, chain);
}

#[tokio::test]
async fn keys_that_cannot_be_had_keep_nothing_else_waiting() {
    let world = World::of_version("10").await;
    let mallory = "@mallory:dark.example";
    let joins = world.sets(mallory, "m.room.member", mallory, json!({"membership": "join"}), &[world.joined.clone()]);
    let said = world.says(CREATOR, "hello", &[world.joined.clone()]);
    world.others.silent.lock().push("/key/");
    // The keys of far.example are unknown here as well, so both events wait.
    world.receives(&[&joins]).await;
    world.others.silent.lock().clear();
    world.receives(&[&said]).await;
    assert!(world.timeline().await.contains(&said));
    world.works_off().await;
    assert!(world.timeline().await.contains(&joins) || world.event(&joins).await.is_none());
}
