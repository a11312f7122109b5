//! Rooms with more state than an answer has in memory: all of it comes, written while it is sent.

use std::collections::BTreeMap;

use hearth_base::limits::rooms::STATE_AT_ONCE_BYTES_MAX;

use crate::harness::{Answer, Person, Room, Value, World, json, list, v3};

/// State events, and the size of each: more than an answer serialises at once.
const EVENTS: usize = 80;
const PAD_BYTES: usize = 60_000;

/// The padded state in a list of events, by key.
fn padded(events: &[Value]) -> BTreeMap<String, usize> {
    let padded = events.iter().filter(|event| event["type"] == "m.pad");
    padded.map(|event| (event["state_key"].as_str().expect("a key").into(), text(event).len())).collect()
}

fn text(event: &Value) -> &str {
    event["content"]["pad"].as_str().unwrap_or_default()
}

/// The body of an answer that is not in memory as a whole: such an answer has no length.
#[track_caller]
fn streamed(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200);
    assert!(answer.bytes.len() > STATE_AT_ONCE_BYTES_MAX && answer.header("content-length").is_none());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    serde_json::from_slice(&answer.bytes).expect("JSON")
}

async fn with_large_state(alice: &Person, version: &str) -> Room {
    let room = alice.creates_room().version(version).await;
    for n in 0..EVENTS {
        alice.sets("m.pad", &n.to_string(), json!({ "pad": "x".repeat(PAD_BYTES + n) })).in_room(&room).await;
    }
    room
}

#[tokio::test]
async fn all_of_a_large_state_comes_from_each_endpoint() {
    let world = World::new().await;
    for version in ["11", "12"] {
        let alice = world.register(&format!("alice{version}")).await;
        let room = with_large_state(&alice, version).await;
        let said = alice.sends("hello").in_room(&room).await;
        let expected: BTreeMap<_, _> = (0..EVENTS).map(|n| (n.to_string(), PAD_BYTES + n)).collect();
        let state = streamed(&alice.get(v3!("rooms/{}/state", room)).await);
        assert_eq!(padded(list(&state)), expected, "{version}");
        for event in list(&state) {
            assert_eq!((&event["room_id"], &event["sender"]), (&json!(room.0), &json!(alice.id)), "{version}");
            assert!(event["event_id"].is_string() && event["unsigned"]["age"].is_i64(), "{version}");
        }
        let context = streamed(&alice.get(v3!("rooms/{}/context/{}", room, said)).query(&[("limit", "0")]).await);
        assert_eq!(padded(list(&context["state"])), expected, "{version}");
        assert!(list(&context["state"]).iter().all(|event| event["user_id"] == event["sender"]), "{version}");
        let filter = json!({ "room": { "timeline": { "limit": 1 } } }).to_string();
        let sync = streamed(&alice.get(v3!("sync")).query(&[("filter", &filter)]).await);
        let joined = &sync["rooms"]["join"][&room.0];
        assert_eq!(padded(list(&joined["state"]["events"])), expected, "{version}");
        assert!(list(&joined["state"]["events"]).iter().all(|event| event.get("room_id").is_none()), "{version}");
        let filter = json!({ "event_format": "federation", "room": { "timeline": { "limit": 1 } } }).to_string();
        let sync = streamed(&alice.get(v3!("sync")).query(&[("filter", &filter)]).await);
        let state = &sync["rooms"]["join"][&room.0]["state"]["events"];
        assert!(list(state).iter().all(|event| event["hashes"].is_object() && event["depth"].is_i64()), "{version}");
    }
    world.ends().await;
}

#[tokio::test]
async fn a_small_state_comes_with_its_length() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    alice.sets("m.pad", "", json!({ "pad": "\u{7f}".repeat(100) })).in_room(&room).await;
    let answer = alice.get(v3!("rooms/{}/state", room)).await;
    assert!(answer.header("content-length").is_some());
    let state = answer.ok();
    assert_eq!(padded(list(&state)).get(""), Some(&100));
    world.ends().await;
}
