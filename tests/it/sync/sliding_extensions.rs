//! Simplified sliding sync: extensions, unread counts and waiting.

use std::future::IntoFuture;

use futures_util::future::join;

use super::sliding::{first, next, pos, room, slides, twenty};
use crate::harness::{World, bodies, json, list, v3};

#[tokio::test]
async fn unread_counts_fall_when_the_user_reads() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    for version in ["11", "12"] {
        let here = alice.creates_room().public().version(version).await;
        bob.joins(&here).await;
        let seen = first(&bob, &twenty()).await;
        let last = alice.sends("one").in_room(&here).await;
        let news = next(&bob, &twenty(), &seen).await;
        assert_eq!(room(&news, &here)["notification_count"], 1, "{news}");
        bob.reads_up_to(&last, &here).await;
        let read = next(&bob, &twenty(), &news).await;
        assert_eq!(room(&read, &here)["notification_count"], 0, "{read}");
        assert!(read["extensions"]["receipts"]["rooms"][&here.0]["content"][&last].is_object(), "{read}");
    }
    world.ends().await;
}

#[tokio::test]
async fn typing_and_receipts_come_for_rooms_in_view_and_typing_ends() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let other = alice.creates_room_with(&[&bob]).await;
    let here = alice.creates_room_with(&[&bob]).await;
    let said = alice.sends("x").in_room(&other).await;
    alice.sends("y").in_room(&here).await;
    let mut body = twenty();
    body["lists"]["all"]["ranges"] = json!([[0, 0]]);
    let seen = first(&bob, &body).await;
    for room in [&other, &here] {
        let typing = v3!("rooms/{}/typing/{}", room, alice);
        alice.put(&typing, json!({ "typing": true, "timeout": 60_000 })).await.ok();
    }
    alice.reads_up_to(&said, &other).await;
    let news = next(&bob, &body, &seen).await;
    let typing = &news["extensions"]["typing"]["rooms"];
    assert_eq!(typing[&here.0]["content"]["user_ids"], json!([alice.id]), "{news}");
    assert!(typing[&other.0].is_null() && news["extensions"]["receipts"]["rooms"][&other.0].is_null(), "{news}");
    alice.put(v3!("rooms/{}/typing/{}", here, alice), json!({ "typing": false })).await.ok();
    let ended = next(&bob, &body, &news).await;
    assert_eq!(ended["extensions"]["typing"]["rooms"][&here.0]["content"]["user_ids"], json!([]), "{ended}");
    // The other room comes into view.
    let both = next(&bob, &twenty(), &ended).await;
    let typing = &both["extensions"]["typing"]["rooms"];
    assert_eq!(typing[&other.0]["content"]["user_ids"], json!([alice.id]), "{both}");
    assert!(both["extensions"]["receipts"]["rooms"][&other.0]["content"][&said].is_object(), "{both}");
    assert!(typing[&here.0].is_null(), "{both}");
    world.ends().await;
}

#[tokio::test]
async fn messages_to_the_device_stay_until_they_are_acknowledged() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let mut body = json!({ "extensions": { "to_device": { "enabled": true, "limit": 1 } } });
    let seen = first(&bob, &body).await;
    for n in 0..2 {
        let messages = json!({ "messages": { &bob.id: { &bob.device: { "n": n } } } });
        alice.put(v3!("sendToDevice/org.example.hello/{}", format!("t{n}")), messages).await.ok();
    }
    let number = |answer: &serde_json::Value| answer["extensions"]["to_device"]["events"][0]["content"]["n"].clone();
    let one = next(&bob, &body, &seen).await;
    assert_eq!(number(&one), 0, "{one}");
    assert_eq!(number(&next(&bob, &body, &seen).await), 0, "not acknowledged");
    body["extensions"]["to_device"]["since"] = one["extensions"]["to_device"]["next_batch"].clone();
    let two = next(&bob, &body, &one).await;
    assert_eq!(number(&two), 1, "{two}");
    body["extensions"]["to_device"]["since"] = two["extensions"]["to_device"]["next_batch"].clone();
    let three = next(&bob, &body, &two).await;
    assert_eq!(three["extensions"]["to_device"]["events"], json!([]), "{three}");
    body["extensions"]["to_device"].as_object_mut().expect("an object").remove("since");
    assert_eq!(number(&next(&bob, &body, &three).await), serde_json::Value::Null, "it was deleted");
    body["extensions"]["to_device"]["since"] = json!("garbage");
    slides(&bob, &body, None, 0).await.refused(400, "M_INVALID_PARAM");
    world.ends().await;
}

#[tokio::test]
async fn account_data_and_keys_come_first_whole_and_then_as_they_change() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let seen = first(&bob, &twenty()).await;
    let global = list(&seen["extensions"]["account_data"]["global"]);
    assert!(global.iter().any(|event| event["type"] == "m.push_rules"), "{seen}");
    assert_eq!(seen["extensions"]["e2ee"]["device_one_time_keys_count"]["signed_curve25519"], 0, "{seen}");
    assert!(seen["extensions"]["e2ee"]["device_unused_fallback_key_types"].is_array(), "{seen}");
    bob.put(v3!("user/{}/account_data/{}", bob, "org.example.a"), json!({ "b": 1 })).await.ok();
    let news = next(&bob, &twenty(), &seen).await;
    assert_eq!(news["extensions"]["account_data"]["global"][0]["content"], json!({ "b": 1 }), "{news}");
    // A new neighbour's devices are to be queried.
    let here = alice.creates_room().public().await;
    bob.joins(&here).await;
    let joined = next(&bob, &twenty(), &news).await;
    let changed = list(&joined["extensions"]["e2ee"]["device_lists"]["changed"]);
    assert!(changed.contains(&json!(alice.id)), "{joined}");
    bob.leaves(&here).await;
    let left = next(&bob, &twenty(), &joined).await;
    assert_eq!(left["extensions"]["e2ee"]["device_lists"]["left"], json!([alice.id]), "{left}");
    world.ends().await;
}

#[tokio::test]
async fn a_long_poll_wakes_with_a_message_and_two_do_not_wake_each_other() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let here = alice.creates_room_with(&[&bob]).await;
    let (one, mut two) = (twenty(), twenty());
    two["conn_id"] = json!("two");
    let (seen_one, seen_two) = (first(&bob, &one).await, first(&bob, &two).await);
    let idle = join(
        slides(&bob, &one, Some(pos(&seen_one)), 300).into_future(),
        slides(&bob, &two, Some(pos(&seen_two)), 300).into_future(),
    );
    let reads = |world: &World| world.reads().get("sliding_sync").copied().unwrap_or(0);
    let before = reads(&world);
    let (idle_one, idle_two) = idle.await;
    assert!(reads(&world) - before <= 4, "{} reads while nothing happened", reads(&world) - before);
    let (idle_one, idle_two) = (idle_one.ok(), idle_two.ok());
    assert!(idle_one["rooms"].as_object().is_some_and(serde_json::Map::is_empty), "{idle_one}");
    let waiting = join(
        slides(&bob, &one, Some(pos(&idle_one)), 30_000).into_future(),
        slides(&bob, &two, Some(pos(&idle_two)), 30_000).into_future(),
    );
    let ((woken_one, woken_two), _) = join(waiting, alice.sends("wake up").in_room(&here)).await;
    for woken in [woken_one.ok(), woken_two.ok()] {
        assert_eq!(bodies(list(&room(&woken, &here)["timeline"])), ["wake up"], "{woken}");
    }
    world.ends().await;
}

#[tokio::test]
async fn an_ended_session_has_no_connection() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let phone = bob.at_another_device().await;
    let seen = first(&phone, &twenty()).await;
    phone.post(v3!("logout"), json!({})).await.ok();
    slides(&phone, &twenty(), Some(pos(&seen)), 0).await.refused(401, "M_UNKNOWN_TOKEN");
    let too_many: serde_json::Map<_, _> = (0..101).map(|n| (n.to_string(), json!({}))).collect();
    slides(&bob, &json!({ "lists": too_many }), None, 0).await.refused(400, "M_INVALID_PARAM");
    world.ends().await;
}
