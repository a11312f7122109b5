//! Many gaps in a room, and many single events fetched from one gap: nothing gets out of reach.

use std::collections::BTreeSet;
use std::time::Duration;

use hearth_base::limits;
use hearth_store::tables::history_gaps;
use ruma::OwnedEventId;
use serde_json::json;

use super::past::pages_back;
use super::world::World;
use crate::history::wait_until;

const CREATOR: &str = "@creator:far.example";
const BOB: &str = "@bob:far.example";
const VERSIONS: [&str; 2] = ["11", "12"];

async fn cut_off(version: &str) -> World {
    let world = World::of_version(version).await;
    world.others.silent.lock().push("get_missing_events");
    world
}

/// The join, and events one after another.
fn chain(world: &World, length: usize) -> Vec<OwnedEventId> {
    let mut chain = vec![world.joined.clone()];
    for nth in 1..=length {
        let last = chain[chain.len() - 1].clone();
        chain.push(world.says(CREATOR, &nth.to_string(), &[last]));
    }
    chain
}

async fn gaps(world: &World) -> usize {
    let room = world.room;
    world.read(move |_, tx| history_gaps::of_room(tx.tx(), room).expect("gaps").len()).await
}

#[tokio::test]
async fn with_more_gaps_than_are_kept_everything_can_still_be_reached() {
    for version in VERSIONS {
        let world = cut_off(version).await;
        let chain = chain(&world, 2 * limits::HISTORY_GAPS_PER_ROOM_MAX + 20);
        for every_second in chain.iter().skip(2).step_by(2) {
            world.receives(&[every_second]).await;
            world.works_off().await;
            assert!(gaps(&world).await <= limits::HISTORY_GAPS_PER_ROOM_MAX);
        }
        let (seen, _) = pages_back(&world).await;
        let count = seen.len();
        let seen: BTreeSet<_> = seen.into_iter().collect();
        assert_eq!(seen, world.graph(|graph| graph.order.iter().cloned().collect()), "version {version}");
        assert_eq!(seen.len(), count, "everything once");
        assert_eq!(gaps(&world).await, 0);
    }
}

#[tokio::test]
async fn single_events_of_a_gap_can_be_had_again_and_again() {
    for version in VERSIONS {
        let world = cut_off(version).await;
        let chain = chain(&world, 400);
        world.receives(&[&chain[400]]).await;
        world.works_off().await;
        let room_id = world.graph(|graph| graph.room_id.clone());
        // Ever deeper: each time the places below the event are those that are left.
        for nth in (20..390).rev().step_by(10) {
            let fetched = world.federation.fetch_past_event(room_id.clone(), chain[nth].clone(), wait_until()).await;
            assert!(fetched.expect("asked"), "version {version}: event {nth}");
        }
        let (mut seen, _) = pages_back(&world).await;
        seen.reverse();
        assert_eq!(seen, world.graph(|graph| graph.order.clone()), "version {version}");
    }
}

#[tokio::test]
async fn history_whose_auth_events_cannot_be_had_now_is_no_refusal() {
    for version in VERSIONS {
        let world = cut_off(version).await;
        // Bob's join is in no later auth chain, because the concurrent ban wins.
        let ban = world.sets(CREATOR, "m.room.member", BOB, json!({ "membership": "ban" }), &[world.joined.clone()]);
        let mut last = world.sets(BOB, "m.room.member", BOB, json!({ "membership": "join" }), &[world.joined.clone()]);
        for nth in 0..250 {
            last = world.says(BOB, &nth.to_string(), &[last]);
        }
        let both = world.says(CREATOR, "both", &[ban.clone(), last]);
        let last = world.says(CREATOR, "last", &[both]);
        world.receives(&[&ban]).await;
        world.receives(&[&last]).await;
        world.works_off().await;
        world.others.failing.lock().extend([("far.example", "/event_auth/", 429), ("far.example", "/event/", 429)]);
        let (seen, _) = pages_back(&world).await;
        assert!(seen.len() < 200, "some cannot be placed now");
        world.others.failing.lock().clear();
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        let (seen, _) = pages_back(&world).await;
        assert_eq!(seen.len(), world.graph(|graph| graph.order.len()), "version {version}");
    }
}
