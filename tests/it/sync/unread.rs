//! What is unread, by room and by thread.

use crate::harness::{Person, Room, World, json, v3};

/// Notifications and highlights of a room.
async fn unread(person: &Person, room: &Room) -> (u64, u64) {
    let seen = person.syncs().await;
    let counts = &seen.joined(room)["unread_notifications"];
    let number = |name: &str| counts[name].as_u64().unwrap_or(0);
    (number("notification_count"), number("highlight_count"))
}

#[tokio::test]
async fn messages_count_until_they_are_read() {
    let world = World::new().await;
    let (alice, bob, carol) =
        (world.register("alice").await, world.register("bob").await, world.register("carol").await);
    let room = alice.creates_room_with(&[&bob, &carol]).await;
    let start = alice.sends("zero").in_room(&room).await;
    bob.reads_up_to(&start, &room).await;
    assert_eq!(unread(&bob, &room).await, (0, 0));
    alice.sends("one").in_room(&room).await;
    let mention = json!({ "msgtype": "m.text", "body": "bob?", "m.mentions": { "user_ids": [bob.id] } });
    let two = alice.sends_event("m.room.message", mention).in_room(&room).await;
    assert_eq!(unread(&bob, &room).await, (2, 1), "the second one names him");
    bob.reads_up_to(&two, &room).await;
    assert_eq!(unread(&bob, &room).await, (0, 0));
    // One's own words are not news.
    bob.sends("yes?").in_room(&room).await;
    assert_eq!(unread(&bob, &room).await, (0, 0));
    world.ends().await;
}

#[tokio::test]
async fn counts_are_the_same_after_a_restart() {
    let mut world = World::new().await;
    let (alice, bob, carol) =
        (world.register("alice").await, world.register("bob").await, world.register("carol").await);
    let room = alice.creates_room_with(&[&bob, &carol]).await;
    let start = alice.sends("zero").in_room(&room).await;
    bob.reads_up_to(&start, &room).await;
    for n in 0..5 {
        alice.sends(&n.to_string()).in_room(&room).await;
    }
    let before = unread(&bob, &room).await;
    assert_eq!(before, (5, 0));
    world.restart().await;
    assert_eq!(unread(&bob, &room).await, before);
    world.ends().await;
}

#[tokio::test]
async fn threads_count_by_themselves_for_those_who_ask() {
    let world = World::new().await;
    let (alice, bob, carol) =
        (world.register("alice").await, world.register("bob").await, world.register("carol").await);
    let room = alice.creates_room_with(&[&bob, &carol]).await;
    let root = alice.sends("root").in_room(&room).await;
    bob.reads_up_to(&root, &room).await;
    alice.replies("in the thread", "m.thread", &root).in_room(&room).await;
    alice.sends("in the room").in_room(&room).await;
    let filter = json!({ "room": { "timeline": { "unread_thread_notifications": true } } });
    let seen = bob.syncs().filter(&filter).await;
    let joined = seen.joined(&room);
    assert_eq!(joined["unread_notifications"]["notification_count"], 1);
    assert_eq!(joined["unread_thread_notifications"][&root]["notification_count"], 1);
    assert_eq!(unread(&bob, &room).await.0, 2, "others get both together");

    let receipt = v3!("rooms/{}/receipt/m.read/{}", room, root);
    let latest = alice.replies("more", "m.thread", &root).in_room(&room).await;
    let threaded = v3!("rooms/{}/receipt/m.read/{}", room, latest);
    bob.post(&threaded, json!({ "thread_id": root })).await.ok();
    let seen = bob.syncs().filter(&filter).await;
    let count = &seen.joined(&room)["unread_thread_notifications"][&root]["notification_count"];
    assert!(count.is_null() || *count == 0, "the thread has been read: {count}");
    bob.post(&receipt, json!({ "thread_id": "" })).await.refused(400, "M_INVALID_PARAM");
    world.ends().await;
}
