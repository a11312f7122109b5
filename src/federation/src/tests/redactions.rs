//! Redactions without permission: clients would apply them, so they are never sent to clients in any way.

use ruma::OwnedEventId;
use serde_json::json;

use super::graph::Wish;
use super::world::World;

const CREATOR: &str = "@creator:far.example";
const EVE: &str = "@eve:other.example";

fn redacts(world: &World, who: &str, target: &str, prev: &OwnedEventId) -> OwnedEventId {
    let content = json!({ "redacts": target, "reason": "because" });
    world.make(&Wish { sender: who, kind: "m.room.redaction", state_key: None, content }, &[prev.clone()])
}

async fn with_eve(version: &str) -> (World, OwnedEventId) {
    let world = World::of_version(version).await;
    let joined = world.sets(EVE, "m.room.member", EVE, json!({"membership": "join"}), &[world.joined.clone()]);
    world.receives(&[&joined]).await;
    (world, joined)
}

#[tokio::test]
async fn one_without_the_power_is_not_shown() {
    for version in ["11", "12"] {
        let (world, joined) = with_eve(version).await;
        let said = world.says(CREATOR, "stays", &[joined]);
        world.receives(&[&said]).await;
        let wrong = redacts(&world, EVE, said.as_str(), &said);
        let elsewhere = redacts(&world, EVE, "$of-another-room-000000000000000000000000000", &wrong);
        let right = redacts(&world, CREATOR, said.as_str(), &elsewhere);
        world.receives(&[&wrong]).await;
        world.receives(&[&elsewhere]).await;
        assert!(world.event(&said).await.is_some_and(|event| !event.is_redacted()));
        // The room's graph continues from them all the same.
        world.receives(&[&right]).await;
        let timeline = world.timeline().await;
        assert!(!timeline.contains(&wrong) && !timeline.contains(&elsewhere), "version {version}");
        assert_eq!(timeline.last(), Some(&right));
        assert!(world.event(&said).await.is_some_and(|event| event.is_redacted()));
        let on = world.says(CREATOR, "on", &[right]);
        world.receives(&[&on]).await;
        assert_eq!(world.timeline().await.last(), Some(&on));
    }
}

#[tokio::test]
async fn one_that_comes_before_its_event_waits_for_that() {
    for version in ["11", "12"] {
        let (world, joined) = with_eve(version).await;
        let of_creator = world.says(CREATOR, "stays", &[joined.clone()]);
        let of_eve = world.says(EVE, "goes", &[joined.clone()]);
        let wrong = redacts(&world, EVE, of_creator.as_str(), &joined);
        let right = redacts(&world, CREATOR, of_eve.as_str(), &joined);
        world.receives(&[&wrong]).await;
        world.receives(&[&right]).await;
        assert_eq!(world.timeline().await.last(), Some(&joined), "no one can tell yet");
        world.receives(&[&of_creator]).await;
        world.receives(&[&of_eve]).await;
        world.works_off().await;
        assert!(world.event(&of_creator).await.is_some_and(|event| !event.is_redacted()), "version {version}");
        assert!(world.event(&of_eve).await.is_some_and(|event| event.is_redacted()), "version {version}");
        let timeline = world.timeline().await;
        assert!(!timeline.contains(&wrong), "version {version}");
        assert_eq!(timeline.iter().filter(|id| **id == right).count(), 1);
        assert_eq!(timeline.last(), Some(&right));
    }
}
