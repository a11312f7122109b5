//! State in `/sync`: complete at first, then changes only; and only the members that a lazy-loading client needs.

use crate::harness::{Value, World, json};

/// State key and content of the state events of a type.
fn of_type<'a>(events: &'a [Value], kind: &str) -> Vec<(&'a str, &'a Value)> {
    let events = events.iter().filter(|event| event["type"] == kind);
    events.map(|event| (event["state_key"].as_str().unwrap_or_default(), &event["content"])).collect()
}

/// The topics in a list of events.
fn topics(events: &[Value]) -> Vec<&str> {
    of_type(events, "m.room.topic").into_iter().filter_map(|(_, content)| content["topic"].as_str()).collect()
}

#[tokio::test]
async fn state_before_the_timeline_and_the_timeline_make_the_state_of_the_room() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room().public().with("topic", json!("old")).await;
    bob.joins(&room).await;
    for n in 0..20 {
        alice.sends(&n.to_string()).in_room(&room).await;
    }
    alice.sets("m.room.topic", "", json!({ "topic": "new" })).in_room(&room).await;
    let filter = json!({ "room": { "timeline": { "limit": 3 } } });
    let seen = bob.syncs().filter(&filter).await;
    assert_eq!(topics(seen.state(&room)), ["old"]);
    assert_eq!(topics(seen.timeline(&room)), ["new"]);

    let after = bob.syncs().filter(&filter).with("use_state_after", "true").await;
    let state = crate::harness::list(&after.joined(&room)["state_after"]["events"]);
    assert_eq!(topics(state), ["new"]);
    assert!(after.joined(&room).get("state").is_none(), "both forms of the state at once");
    world.ends().await;
}

#[tokio::test]
async fn in_a_gap_the_state_that_changed_meanwhile_comes_along() {
    let world = World::new().await;
    let (alice, bob, carol) =
        (world.register("alice").await, world.register("bob").await, world.register("carol").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let before = bob.syncs().await;
    alice.sets("m.room.topic", "", json!({ "topic": "tea" })).in_room(&room).await;
    carol.joins(&room).await;
    for n in 0..15 {
        alice.sends(&n.to_string()).in_room(&room).await;
    }
    let filter = json!({ "room": { "timeline": { "limit": 5 } } });
    let seen = bob.syncs().since(before.next()).filter(&filter).await;
    assert_eq!(topics(seen.state(&room)), ["tea"]);
    assert_eq!(of_type(seen.state(&room), "m.room.member").len(), 1);
    assert!(of_type(seen.state(&room), "m.room.create").is_empty(), "state that did not change was sent again");
    assert_eq!(seen.joined(&room)["summary"]["m.joined_member_count"], 3);

    let whole = bob.syncs().since(seen.next()).full_state().await;
    assert_eq!(of_type(whole.state(&room), "m.room.create").len(), 1);
    assert_eq!(of_type(whole.state(&room), "m.room.member").len(), 3);
    world.ends().await;
}

#[tokio::test]
async fn a_lazy_client_gets_the_members_who_speak() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().public().with("name", json!("Kitchen")).await;
    let mut others = Vec::new();
    for name in ["bob", "carol", "dave", "erin"] {
        others.push(world.register(name).await);
    }
    for other in &others {
        other.joins(&room).await;
    }
    others[0].sends("hello").in_room(&room).await;
    let filter = json!({ "room": { "state": { "lazy_load_members": true }, "timeline": { "limit": 1 } } });
    let seen = alice.syncs().filter(&filter).await;
    let mut members: Vec<_> = of_type(seen.state(&room), "m.room.member").into_iter().map(|(key, _)| key).collect();
    members.sort_unstable();
    assert_eq!(members, [alice.id.as_str(), others[0].id.as_str()], "the reader and who speaks");

    others[1].sends("hello too").in_room(&room).await;
    let next = alice.syncs().since(seen.next()).filter(&filter).await;
    let members: Vec<_> = of_type(next.state(&room), "m.room.member").into_iter().map(|(key, _)| key).collect();
    assert!(members.contains(&others[1].id.as_str()), "{members:?}");
    assert!(!members.contains(&others[2].id.as_str()), "{members:?}");
    world.ends().await;
}

#[tokio::test]
async fn a_lazy_client_can_name_a_room_after_those_in_it() {
    let world = World::new().await;
    let (alice, bob, carol) =
        (world.register("alice").await, world.register("bob").await, world.register("carol").await);
    let room = alice.creates_room_with(&[&bob, &carol]).await;
    let filter = json!({ "room": { "state": { "lazy_load_members": true }, "timeline": { "limit": 1 } } });
    let seen = alice.syncs().filter(&filter).await;
    let mut heroes = crate::harness::list(&seen.joined(&room)["summary"]["m.heroes"]).to_vec();
    heroes.sort_by_key(ToString::to_string);
    assert_eq!(heroes, [json!(bob.id), json!(carol.id)]);
    let events: Vec<_> = seen.state(&room).iter().chain(seen.timeline(&room)).cloned().collect();
    for hero in [&bob, &carol] {
        let named = |(key, content): &(&str, &Value)| *key == hero.id && content["displayname"] == hero.name();
        assert!(of_type(&events, "m.room.member").iter().any(named), "nothing about {}", hero.id);
    }
    world.ends().await;
}
