//! The sections of `/sync`: rooms move between them on invite, join, leave and knock.

use crate::harness::{World, json, list};

#[tokio::test]
async fn a_room_moves_from_invited_to_joined_to_left() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let start = bob.syncs().await;
    let room = alice.creates_room().with("name", json!("Kitchen")).inviting(&[&bob]).await;
    let invited = bob.syncs().since(start.next()).await;
    assert!(invited.invited(&room).iter().any(|event| event["content"]["name"] == "Kitchen"));
    assert!(invited.joined(&room).is_null() && invited.left(&room).is_null());

    bob.joins(&room).await;
    let joined = bob.syncs().since(invited.next()).await;
    assert!(joined.joined(&room).is_object() && joined.invited(&room).is_empty());

    bob.leaves(&room).await;
    alice.sends("he is gone").in_room(&room).await;
    let left = bob.syncs().since(joined.next()).await;
    assert!(left.joined(&room).is_null());
    let timeline = list(&left.left(&room)["timeline"]["events"]);
    assert_eq!(timeline.last().expect("the leaving is shown")["content"]["membership"], "leave");
    assert!(timeline.iter().all(|event| event["content"]["body"] != "he is gone"));
    assert!(bob.syncs().since(left.next()).await.is_quiet());
    world.ends().await;
}

#[tokio::test]
async fn rooms_that_one_left_are_shown_to_those_who_ask() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    alice.sends("while he was there").in_room(&room).await;
    bob.leaves(&room).await;
    alice.sends("after").in_room(&room).await;
    assert!(bob.syncs().await.is_quiet(), "rooms that one left come only when asked for");
    let seen = bob.syncs().filter(&json!({ "room": { "include_leave": true } })).await;
    let texts = crate::harness::bodies(list(&seen.left(&room)["timeline"]["events"]));
    assert_eq!(texts, ["while he was there"]);
    world.ends().await;
}

#[tokio::test]
async fn who_leaves_and_comes_back_between_two_syncs_sees_the_room_as_new() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let before = bob.syncs().await;
    bob.leaves(&room).await;
    alice.sets("m.room.topic", "", json!({ "topic": "while he was away" })).in_room(&room).await;
    bob.joins(&room).await;
    let seen = bob.syncs().since(before.next()).await;
    let everything: Vec<_> = seen.state(&room).iter().chain(seen.timeline(&room)).collect();
    assert!(everything.iter().any(|event| event["content"]["topic"] == "while he was away"), "{}", seen.0);
    assert!(seen.left(&room).is_null(), "a room cannot be joined and left at once");
    world.ends().await;
}

#[tokio::test]
async fn the_invited_learn_nothing_of_what_is_said() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room().inviting(&[&bob]).await;
    let before = bob.syncs().await;
    alice.sends("about the invited").in_room(&room).await;
    let seen = bob.syncs().since(before.next()).await;
    assert!(seen.is_quiet(), "{}", seen.0);
    assert!(!seen.0.to_string().contains("about the invited"));
    world.ends().await;
}
