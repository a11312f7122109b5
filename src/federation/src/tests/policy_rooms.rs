//! Rooms with a policy server.

use hearth_base::{Reason, Result};
use hearth_rooms::Message;
use hearth_store::tables::events;
use ruma::OwnedEventId;
use ruma::serde::Base64;
use ruma::serde::base64::Standard;
use serde_json::{Value, json};

use super::world::{World, policy_key};

const CREATOR: &str = "@creator:far.example";

/// A room whose policy server is that of the creator.
async fn policy_rooms(key: &[u8]) -> (World, OwnedEventId) {
    let world = World::of_version("11").await;
    let key = Base64::<Standard, _>::new(key.to_vec()).encode();
    let content = json!({ "via": "far.example", "public_keys": { "ed25519": key } });
    let policy = world.sets(CREATOR, "m.room.policy", "", content, &[world.joined.clone()]);
    world.receives(&[&policy]).await;
    assert!(world.timeline().await.contains(&policy), "the policy itself needs no signature");
    (world, policy)
}

async fn alice_says(world: &World, text: &str) -> Result<OwnedEventId> {
    let message = Message {
        room_id: world.graph(|graph| graph.room_id.clone()),
        kind: "m.room.message".to_owned(),
        content: json!({ "msgtype": "m.text", "body": text }).to_string(),
        txn: text.to_owned(),
        timestamp_ms: None,
    };
    world.rooms.send(&world.alice().await, message).await
}

/// Whether a stored event has the simulated policy server's signature.
async fn is_signed(world: &World, id: &OwnedEventId) -> bool {
    let id = id.clone();
    let row = world.read(move |_, tx| events::by_id(tx.tx(), id.as_str()).expect("read")).await.expect("stored");
    let event: Value = serde_json::from_slice(&row.json).expect("JSON");
    event["signatures"]["far.example"]["ed25519:policy_server"].is_string()
}

#[tokio::test]
async fn what_is_sent_is_signed_first_and_what_is_not_wanted_not_sent() {
    let (world, _) = policy_rooms(&policy_key().pair().public_key()).await;
    let sent = alice_says(&world, "hello").await.expect("sent");
    assert!(is_signed(&world, &sent).await);
    assert_eq!(alice_says(&world, "hello").await.expect("the same transaction"), sent);
    let refused = alice_says(&world, "buy spam").await.expect_err("not wanted");
    assert_eq!(refused.reason(), Some(Reason::Forbidden), "{refused}");
    world.others.silent.lock().push("policy");
    let unreached = alice_says(&world, "is anybody there").await.expect_err("nobody answers");
    assert_eq!(unreached.reason(), Some(Reason::ConnectionFailed), "{unreached}");
    assert_eq!(world.timeline().await.len(), 3);
}

#[tokio::test]
async fn a_signature_with_another_key_is_none() {
    let (world, _) = policy_rooms(&[3; 32]).await;
    let refused = alice_says(&world, "hello").await.expect_err("not signed");
    assert_eq!(refused.reason(), Some(Reason::ConnectionFailed), "{refused}");
}

#[tokio::test]
async fn what_comes_unsigned_is_asked_about_and_kept_out_if_not_wanted() {
    let (world, policy) = policy_rooms(&policy_key().pair().public_key()).await;
    let good = world.says(CREATOR, "hello", &[policy]);
    world.receives(&[&good]).await;
    world.works_off().await;
    assert!(is_signed(&world, &good).await);
    let bad = world.says(CREATOR, "buy spam", &[good.clone()]);
    world.receives(&[&bad]).await;
    world.works_off().await;
    let event = world.event(&bad).await.expect("kept");
    assert_eq!((event.flags, event.ord), (events::SOFT_FAILED, None));
    assert_eq!(world.timeline().await.last(), Some(&good));
}

#[tokio::test]
async fn without_its_server_in_the_room_there_is_no_policy() {
    let world = World::of_version("11").await;
    let content = json!({ "via": "elsewhere.example", "public_keys": { "ed25519": "x" } });
    let policy = world.sets(CREATOR, "m.room.policy", "", content, &[world.joined.clone()]);
    world.receives(&[&policy]).await;
    let sent = alice_says(&world, "hello").await.expect("sent");
    assert!(!is_signed(&world, &sent).await);
    assert!(!world.others.has_asked("policy"));
}
