//! What does not last: typing, receipts, presence.

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
