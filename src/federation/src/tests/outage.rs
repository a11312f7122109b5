//! The first events after an outage, when too many were missed or they cannot be fetched: none of the received ones is
//! lost, whichever user sends them.

use hearth_store::tables::{history_gaps, inbox};
use ruma::OwnedEventId;
use serde_json::json;

use super::world::World;

const CREATOR: &str = "@creator:far.example";
const BOB: &str = "@bob:far.example";
const EVE: &str = "@eve:stranger.example";
/// The room versions in common use.
const VERSIONS: [&str; 2] = ["11", "12"];

/// A world where missing events cannot be fetched, but states can.
async fn cut_off(version: &str) -> World {
    let world = World::of_version(version).await;
    world.others.silent.lock().push("get_missing_events");
    world
}

async fn gaps(world: &World) -> usize {
    let room = world.room;
    world.read(move |_, tx| history_gaps::of_room(tx.tx(), room).expect("gaps").len()).await
}

async fn waiting(world: &World) -> u64 {
    world.read(|_, tx| inbox::count(tx.tx()).expect("a count")).await
}

fn joins(world: &World, who: &str, prev: &OwnedEventId) -> OwnedEventId {
    world.sets(who, "m.room.member", who, json!({"membership": "join"}), &[prev.clone()])
}

fn levels(world: &World, users: serde_json::Value, prev: &OwnedEventId) -> OwnedEventId {
    let mut users = users;
    if !world.graph(|graph| graph.rules.authorization.explicitly_privilege_room_creators) {
        users[CREATOR] = json!(100);
    }
    world.sets(CREATOR, "m.room.power_levels", "", json!({ "users": users }), &[prev.clone()])
}

#[tokio::test]
async fn someone_who_came_in_meanwhile_is_heard_and_opens_the_gap() {
    for version in VERSIONS {
        let world = cut_off(version).await;
        let before = gaps(&world).await;
        let joined = joins(&world, BOB, &world.joined);
        let mut last = joined.clone();
        for number in 0..30 {
            last = world.says(CREATOR, &number.to_string(), &[last]);
        }
        let hello = world.says(BOB, "hello again", &[last]);
        world.receives(&[&hello]).await;
        world.works_off().await;
        assert_eq!(world.timeline().await.last(), Some(&hello), "version {version}");
        assert_eq!(gaps(&world).await, before + 1);
        assert_eq!(world.current_state().await, world.graph(|graph| graph.state_after(&hello)));
        let on = world.says(BOB, "and on", &[hello]);
        world.receives(&[&on]).await;
        assert_eq!(world.timeline().await.last(), Some(&on));
    }
}

#[tokio::test]
async fn the_oldest_of_many_fetched_events_may_be_of_a_newcomer() {
    for version in VERSIONS {
        let world = World::of_version(version).await;
        let mut last = joins(&world, BOB, &world.joined);
        let mut chain = Vec::new();
        for number in 0..320 {
            last = world.says(BOB, &number.to_string(), &[last]);
            chain.push(last.clone());
        }
        world.receives(&[&last]).await;
        world.works_off().await;
        let timeline = world.timeline().await;
        assert_eq!(timeline[1..], chain[chain.len() - 201..], "version {version}");
        assert_eq!(world.current_state().await, world.graph(|graph| graph.state_after(&last)));
    }
}

#[tokio::test]
async fn someone_who_got_power_meanwhile_uses_it() {
    for version in VERSIONS {
        let world = cut_off(version).await;
        let joined = joins(&world, BOB, &world.joined);
        world.receives(&[&joined]).await;
        let power = levels(&world, json!({ BOB: 50 }), &joined);
        let between = world.says(CREATOR, "between", &[power]);
        let topic = world.sets(BOB, "m.room.topic", "", json!({"topic": "mine now"}), &[between]);
        world.receives(&[&topic]).await;
        world.works_off().await;
        assert_eq!(world.timeline().await.last(), Some(&topic), "version {version}");
        assert_eq!(world.current_state().await, world.graph(|graph| graph.state_after(&topic)));
    }
}

#[tokio::test]
async fn someone_who_was_thrown_out_meanwhile_is_out() {
    for version in VERSIONS {
        let world = cut_off(version).await;
        let joined = joins(&world, BOB, &world.joined);
        world.receives(&[&joined]).await;
        let kick = world.sets(CREATOR, "m.room.member", BOB, json!({"membership": "leave"}), &[joined.clone()]);
        let between = world.says(CREATOR, "between", &[kick]);
        let after = world.says(CREATOR, "after", &[between]);
        world.receives(&[&after]).await;
        world.works_off().await;
        assert_eq!(world.current_state().await, world.graph(|graph| graph.state_after(&after)));
        // An event on the old branch is allowed there and forbidden by the current state.
        let late = world.says(BOB, "late", &[joined]);
        world.receives(&[&late]).await;
        assert!(!world.timeline().await.contains(&late), "version {version}");
        assert!(world.event(&late).await.is_some_and(|event| event.is_soft_failed()));
    }
}

#[tokio::test]
async fn a_soft_failed_event_that_is_sent_again_is_judged_again() {
    for version in VERSIONS {
        let world = World::of_version(version).await;
        let joined = joins(&world, BOB, &world.joined);
        let ban = world.sets(CREATOR, "m.room.member", BOB, json!({"membership": "ban"}), &[joined.clone()]);
        world.receives(&[&joined, &ban]).await;
        let said = world.says(BOB, "on the old branch", &[joined]);
        world.receives(&[&said]).await;
        world.receives(&[&said]).await;
        assert!(!world.timeline().await.contains(&said), "the ban still stands");
        let unban = world.sets(CREATOR, "m.room.member", BOB, json!({"membership": "leave"}), &[ban]);
        let again = joins(&world, BOB, &unban);
        world.receives(&[&unban, &again]).await;
        assert!(!world.timeline().await.contains(&said), "no one has sent it again");
        world.receives(&[&said]).await;
        assert_eq!(world.timeline().await.last(), Some(&said), "version {version}");
        let both = world.says(CREATOR, "both", &[again, said]);
        world.receives(&[&both]).await;
        assert_eq!(world.current_state().await, world.graph(|graph| graph.state_after(&both)));
    }
}

#[tokio::test]
async fn a_rejected_event_opens_the_gap_as_well() {
    let world = cut_off("12").await;
    let before = gaps(&world).await;
    let between = world.says(CREATOR, "between", &[world.joined.clone()]);
    // Bob lacks the power to set a topic.
    let joined = joins(&world, BOB, &between);
    let topic = world.sets(BOB, "m.room.topic", "", json!({"topic": "no"}), &[joined]);
    let outcome = world.receives(&[&topic]).await;
    world.works_off().await;
    assert!(!world.timeline().await.contains(&topic), "{outcome:?}");
    assert!(world.event(&topic).await.is_some_and(|event| event.pdu.rejected));
    assert_eq!(gaps(&world).await, before + 1);
    // A second delivery, and later events, open no further gap.
    world.receives(&[&topic]).await;
    assert_eq!(gaps(&world).await, before + 1);
}

#[tokio::test]
async fn auth_events_are_found_in_the_gap_or_in_the_state() {
    for silent in [["event_auth", "/event/", "state_ids"], ["event_auth", "get_missing_events", "/backfill/"]] {
        let world = World::of_version("11").await;
        world.others.silent.lock().extend(silent);
        let joined = joins(&world, BOB, &world.joined);
        let said = world.says(BOB, "hello", &[joined.clone()]);
        world.receives(&[&said]).await;
        world.works_off().await;
        assert_eq!(world.timeline().await.last(), Some(&said), "{silent:?}");
        assert!(world.event(&joined).await.is_some());
    }
}

#[tokio::test]
async fn nothing_is_fetched_for_a_server_that_is_not_in_the_room() {
    let world = World::of_version("12").await;
    let joined = joins(&world, EVE, &world.joined);
    let mut said = Vec::new();
    for number in 0..12 {
        said.push(world.says(EVE, &number.to_string(), &[joined.clone()]));
    }
    let asked = world.others.asked.lock().len();
    let outcome = world.receives(&said.iter().collect::<Vec<_>>()).await;
    let new = world.others.asked.lock()[asked..].to_vec();
    assert!(new.iter().all(|asked| asked.contains("/key/v2/")), "{new:?}");
    // Some wait for their server's join, in case it arrives; the others are refused.
    assert_eq!((outcome.values().filter(|one| one.is_ok()).count(), waiting(&world).await), (10, 10), "{outcome:?}");
    assert_eq!(world.timeline().await, [world.joined.clone()]);
    // The join arrives, so the waiting events are accepted at once.
    world.receives(&[&joined]).await;
    world.works_off().await;
    assert_eq!(world.timeline().await.len(), 1 + 1 + 10);
}
