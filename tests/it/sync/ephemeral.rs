//! Ephemeral data: typing, receipts, presence.

use std::time::Duration;

use futures_util::future::join;

use crate::harness::{World, json, list, v3};

#[tokio::test]
async fn typing_shows_and_fades() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let before = bob.syncs().await;
    let typing = v3!("rooms/{}/typing/{}", room, alice);
    alice.put(&typing, json!({ "typing": true, "timeout": 3_000 })).await.ok();
    let seen = bob.syncs().since(before.next()).await;
    assert_eq!(seen.ephemeral(&room, "m.typing")["user_ids"], json!([alice.id]));
    let faded = bob.syncs().since(seen.next()).waiting_ms(20_000).await;
    assert_eq!(faded.ephemeral(&room, "m.typing")["user_ids"], json!([]));
    alice.put(&typing, json!({ "typing": true, "timeout": 60_000 })).await.ok();
    alice.put(&typing, json!({ "typing": false })).await.ok();
    let seen = bob.syncs().since(faded.next()).await;
    assert_eq!(seen.ephemeral(&room, "m.typing")["user_ids"], json!([]));
    world.ends().await;
}

#[tokio::test]
async fn no_one_types_for_others_or_where_they_are_not() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room().await;
    let body = json!({ "typing": true, "timeout": 1_000 });
    bob.put(v3!("rooms/{}/typing/{}", room, bob), body.clone()).await.refused(403, "M_FORBIDDEN");
    bob.put(v3!("rooms/{}/typing/{}", room, alice), body).await.refused(403, "M_FORBIDDEN");
    world.ends().await;
}

#[tokio::test]
async fn receipts_reach_the_room_and_private_ones_only_their_owner() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let (one, two) = (alice.sends("one").in_room(&room).await, alice.sends("two").in_room(&room).await);
    let (alices, bobs) = (alice.syncs().await, bob.syncs().await);
    bob.reads_up_to(&one, &room).await;
    bob.post(v3!("rooms/{}/receipt/m.read.private/{}", room, two), json!({})).await.ok();
    let seen = alice.syncs().since(alices.next()).await;
    let receipts = seen.ephemeral(&room, "m.receipt");
    assert!(receipts[&one]["m.read"][&bob.id]["ts"].is_u64(), "{receipts}");
    assert!(receipts.get(&two).is_none(), "a private receipt was shown to others: {receipts}");
    let own = bob.syncs().since(bobs.next()).await;
    assert!(own.ephemeral(&room, "m.receipt")[&two]["m.read.private"][&bob.id]["ts"].is_u64(), "{}", own.0);
    world.ends().await;
}

#[tokio::test]
async fn read_markers_move_together_with_receipts() {
    let mut world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let said = alice.sends("one").in_room(&room).await;
    let before = bob.syncs().await;
    let markers = json!({ "m.fully_read": said, "m.read": said });
    bob.post(v3!("rooms/{}/read_markers", room), markers).await.ok();
    let seen = bob.syncs().since(before.next()).await;
    assert_eq!(seen.room_account_data(&room, "m.fully_read")["event_id"], said.as_str());
    assert!(seen.ephemeral(&room, "m.receipt")[&said]["m.read"][&bob.id].is_object());
    world.restart().await;
    let again = bob.syncs().await;
    assert_eq!(again.room_account_data(&room, "m.fully_read")["event_id"], said.as_str());
    assert!(again.ephemeral(&room, "m.receipt")[&said]["m.read"][&bob.id].is_object(), "{}", again.0);
    world.ends().await;
}

#[tokio::test]
async fn presence_reaches_those_who_share_a_room_and_no_one_else() {
    let world = World::new().await;
    let (alice, bob, eve) = (world.register("alice").await, world.register("bob").await, world.register("eve").await);
    alice.creates_room_with(&[&bob]).await;
    let (bobs, eves) = (bob.syncs().await, eve.syncs().await);
    let status = v3!("presence/{}/status", alice);
    let set = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        alice.put(&status, json!({ "presence": "online", "status_msg": "making tea" })).await.ok();
    };
    let waiting = async {
        let mut since = bobs.next().to_owned();
        for _ in 0..10 {
            let seen = bob.syncs().since(&since).waiting_ms(3_000).await;
            let told = |event: &&crate::harness::Value| event["content"]["status_msg"] == "making tea";
            if let Some(event) = list(&seen.0["presence"]["events"]).iter().find(told) {
                return event.clone();
            }
            since = seen.next().to_owned();
        }
        crate::harness::Value::Null
    };
    let (event, ()) = join(waiting, set).await;
    assert_eq!((&event["sender"], &event["content"]["presence"]), (&json!(alice.id), &json!("online")));
    assert_eq!(bob.get(&status).await.ok()["status_msg"], "making tea");
    let seen = eve.syncs().since(eves.next()).await;
    assert!(list(&seen.0["presence"]["events"]).iter().all(|event| event["sender"] != alice.id.as_str()));
    eve.get(&status).await.refused(403, "M_FORBIDDEN");
    eve.put(&status, json!({ "presence": "online" })).await.refused(403, "M_FORBIDDEN");
    world.ends().await;
}

#[tokio::test]
async fn typing_ends_with_leaving_being_kicked_and_being_banned() {
    let world = World::new().await;
    let (alice, bob, carol, dan) = (
        world.register("alice").await,
        world.register("bob").await,
        world.register("carol").await,
        world.register("dan").await,
    );
    for version in ["11", "12"] {
        let room = alice.creates_room().public().version(version).await;
        for other in [&bob, &carol, &dan] {
            other.joins(&room).await;
            let body = json!({ "typing": true, "timeout": 60_000 });
            other.put(v3!("rooms/{}/typing/{}", room, other), body).await.ok();
        }
        let mut since = alice.syncs().await;
        assert_eq!(list(&since.ephemeral(&room, "m.typing")["user_ids"]).len(), 3);
        for left in [2, 1, 0] {
            match left {
                2 => bob.leaves(&room).await,
                1 => alice.kicks(&carol, &room).await,
                _ => alice.bans(&dan, &room).await,
            }
            let seen = alice.syncs().since(since.next()).await;
            assert_eq!(list(&seen.ephemeral(&room, "m.typing")["user_ids"]).len(), left, "{}", seen.0);
            assert!(seen.ephemeral(&room, "m.typing").is_object(), "the client is told");
            since = seen;
        }
        bob.joins(&room).await;
        let first = alice.syncs().await;
        assert!(first.ephemeral(&room, "m.typing").is_null(), "who comes back does not type: {}", first.0);
    }
    world.ends().await;
}

#[tokio::test]
async fn typing_ends_with_a_restart() {
    let mut world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let (room, quiet) = (alice.creates_room_with(&[&bob]).await, alice.creates_room_with(&[&bob]).await);
    for _ in 0..3 {
        bob.put(v3!("rooms/{}/typing/{}", room, bob), json!({ "typing": true, "timeout": 60_000 })).await.ok();
        let seen = alice.syncs().await;
        assert_eq!(seen.ephemeral(&room, "m.typing")["user_ids"], json!([bob.id]));
        world.restart().await;
        let after = alice.syncs().since(seen.next()).await;
        assert_eq!(after.ephemeral(&room, "m.typing")["user_ids"], json!([]));
        assert!(after.joined(&quiet).is_null(), "no one typed there: {}", after.0);
        assert!(alice.syncs().since(after.next()).await.is_quiet(), "it is told once");
    }
    // A run without typing: what was shown in the run before has still to end.
    bob.put(v3!("rooms/{}/typing/{}", quiet, bob), json!({ "typing": true, "timeout": 60_000 })).await.ok();
    let seen = alice.syncs().await;
    assert_eq!(seen.ephemeral(&quiet, "m.typing")["user_ids"], json!([bob.id]));
    world.restart().await;
    world.restart().await;
    let after = alice.syncs().since(seen.next()).await;
    assert_eq!(after.ephemeral(&quiet, "m.typing")["user_ids"], json!([]));
    world.ends().await;
}

#[tokio::test]
async fn a_receipt_for_the_whole_room_wins_over_one_for_a_thread() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let root = alice.sends("root").in_room(&room).await;
    let said = alice.replies("in the thread", "m.thread", &root).in_room(&room).await;
    let start = alice.syncs().await;
    let reads = |body| bob.post(v3!("rooms/{}/receipt/m.read/{}", room, said), body);
    reads(json!({})).await.ok();
    let between = alice.syncs().since(start.next()).await;
    reads(json!({ "thread_id": root })).await.ok();
    for since in [start.next(), between.next()] {
        let seen = alice.syncs().since(since).await;
        let receipt = &seen.ephemeral(&room, "m.receipt")[&said]["m.read"][&bob.id];
        assert!(receipt.get("thread_id").is_none(), "{receipt}");
    }
    let receipt = &alice.syncs().await.ephemeral(&room, "m.receipt")[&said]["m.read"][&bob.id].clone();
    assert!(receipt["ts"].is_u64() && receipt.get("thread_id").is_none(), "{receipt}");
    world.ends().await;
}

/// A user's presence in a sync response.
fn presence_of(seen: &crate::harness::Seen, person: &crate::harness::Person) -> crate::harness::Value {
    let events = list(&seen.0["presence"]["events"]);
    let found = events.iter().find(|event| event["sender"] == person.id.as_str());
    found.map_or(crate::harness::Value::Null, |event| event["content"].clone())
}

#[tokio::test]
async fn presence_comes_with_a_room_that_is_newly_shared() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    alice.put(v3!("presence/{}/status", alice), json!({ "presence": "online", "status_msg": "tea" })).await.ok();
    let (alices, bobs) = (alice.syncs().await, bob.syncs().await);
    assert!(presence_of(&bobs, &alice).is_null());
    alice.creates_room_with(&[&bob]).await;
    let seen = bob.syncs().since(bobs.next()).await;
    assert_eq!(presence_of(&seen, &alice)["status_msg"], "tea", "{}", seen.0);
    let seen = alice.syncs().since(alices.next()).await;
    assert_eq!(presence_of(&seen, &bob)["presence"], "online", "{}", seen.0);
    world.ends().await;
}

#[tokio::test]
async fn a_client_may_sync_as_one_that_is_away() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    alice.creates_room_with(&[&bob]).await;
    let state = || async { alice.get(v3!("presence/{}/status", bob)).await.ok()["presence"].clone() };
    let seen = bob.syncs().with("set_presence", "online").await;
    assert_eq!(state().await, "online");
    let seen = bob.syncs().since(seen.next()).with("set_presence", "unavailable").await;
    assert_eq!(state().await, "unavailable");
    let seen = bob.syncs().since(seen.next()).with("set_presence", "offline").await;
    assert_eq!(state().await, "unavailable", "a sync in the background changes nothing");
    bob.syncs().since(seen.next()).await;
    assert_eq!(state().await, "online");
    // Of two devices the active one determines the presence.
    let phone = bob.at_another_device().await;
    phone.syncs().with("set_presence", "unavailable").await;
    assert_eq!(state().await, "online");
    world.ends().await;
}

#[tokio::test]
async fn a_status_message_survives_a_restart() {
    let mut world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    alice.creates_room_with(&[&bob]).await;
    let path = v3!("presence/{}/status", bob);
    bob.put(&path, json!({ "presence": "online", "status_msg": "in the garden" })).await.ok();
    world.restart().await;
    assert_eq!(alice.get(&path).await.ok()["status_msg"], "in the garden");
    let since = alice.syncs().await;
    bob.syncs().await;
    let seen = alice.syncs().since(since.next()).await;
    assert_eq!(presence_of(&seen, &bob)["status_msg"], "in the garden", "{}", seen.0);
    bob.put(&path, json!({ "presence": "online" })).await.ok();
    world.restart().await;
    assert!(alice.get(&path).await.ok().get("status_msg").is_none_or(crate::harness::Value::is_null));
    world.ends().await;
}
