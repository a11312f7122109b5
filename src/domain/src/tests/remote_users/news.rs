//! EDUs of other servers, and those they may not send.

use hearth_base::limits::federation::EDU_ROWS_PER_WRITE_MAX;
use hearth_store::tables::devices;
use ruma::presence::PresenceState;
use serde_json::{Value, json};

use super::{World, device_keys};

const BOB: &str = "@bob:b.example";

fn message(sender: &str, id: &str, n: u64) -> Value {
    json!({
        "sender": sender, "type": "org.example.hello", "message_id": id,
        "messages": { "@alice:home.example": { "PHONE": { "n": n } } },
    })
}

#[tokio::test]
async fn messages_arrive_once_and_in_order() {
    let world = World::new().await;
    let all: Vec<_> = (0..3).map(|n| message(BOB, &format!("m{n}"), n)).collect();
    world.hears("b.example", "m.direct_to_device", &all).await;
    world.hears("b.example", "m.direct_to_device", &all).await;
    // The same message id of another sender is a different message.
    world.hears("c.example", "m.direct_to_device", &[message("@carol:c.example", "m0", 3)]).await;
    let inbox = world.inbox().await;
    assert_eq!(
        inbox.iter().map(|message| message["content"]["n"].as_u64()).collect::<Vec<_>>(),
        [Some(0), Some(1), Some(2), Some(3)]
    );
    assert_eq!((&inbox[0]["sender"], &inbox[0]["type"]), (&json!(BOB), &json!("org.example.hello")));
}

/// One write holds up all others, so it stores only so many messages, also of a single EDU.
#[tokio::test]
async fn messages_for_many_devices_take_several_writes() {
    let world = World::new().await;
    world.room_with(&[BOB]).await;
    let (user, before) = (world.alice.user, world.writes("edus"));
    let more = world.core().store.write("test", move |tx| {
        (0..2 * EDU_ROWS_PER_WRITE_MAX).try_for_each(|n| devices::insert(tx, user, &format!("D{n}"), None, 0).map(drop))
    });
    more.await.expect("devices");
    let mut all: Vec<_> = (0..5).map(|n| message(BOB, &format!("m{n}"), n)).collect();
    all[1]["messages"]["@alice:home.example"] = json!({ "*": { "n": 1 } });
    world.hears("b.example", "m.direct_to_device", &all).await;
    assert_eq!(world.writes("edus") - before, 3);
    world.hears("b.example", "m.direct_to_device", &all).await;
    let inbox = world.inbox().await;
    assert_eq!(
        inbox.iter().map(|message| message["content"]["n"].as_u64()).collect::<Vec<_>>(),
        [Some(0), Some(1), Some(2), Some(3), Some(4)]
    );
}

/// What an EDU names costs time in a write, whether it exists or not.
#[tokio::test]
async fn large_edus_of_every_kind_take_several_writes() {
    let world = World::new().await;
    let room = world.room_with(&[BOB]).await;
    let rows = async |kind: &str, contents: &[Value]| {
        let before = world.writes("edus");
        world.hears("b.example", kind, contents).await;
        world.writes("edus") - before
    };
    let users: serde_json::Map<_, _> = (0..EDU_ROWS_PER_WRITE_MAX)
        .map(|n| (format!("@u{n}:b.example"), json!({ "event_ids": ["$a", "$b"], "data": { "ts": 1 } })))
        .collect();
    assert_eq!(rows("m.receipt", &[json!({ room.as_str(): { "m.read": users } })]).await, 3);
    let push: Vec<_> = (0..2 * EDU_ROWS_PER_WRITE_MAX)
        .map(|n| json!({ "user_id": format!("@u{n}:b.example"), "presence": "online", "last_active_ago": 5 }))
        .collect();
    assert_eq!(rows("m.presence", &[json!({ "push": push })]).await, 2);
    let updates: Vec<_> =
        (0..100).map(|n| json!({ "user_id": BOB, "device_id": "A", "stream_id": n + 1, "prev_id": [n] })).collect();
    assert_eq!(rows("m.device_list_update", &updates).await, 4);
    let named: serde_json::Map<_, _> = (0..4_900).map(|n| (format!("D{n}"), json!({}))).collect();
    let messages: Vec<_> = (0..20)
        .map(|n| {
            let mut message = message(BOB, &format!("m{n}"), n);
            message["messages"]["@alice:home.example"] = named.clone().into();
            message
        })
        .collect();
    assert_eq!(rows("m.direct_to_device", &messages).await, 4);
}

#[tokio::test]
async fn malformed_ones_and_those_of_others_are_dropped_and_the_rest_arrives() {
    let world = World::new().await;
    let (mut no_object, mut nobody, mut endless) =
        (message(BOB, "a", 1), message(BOB, "b", 1), message(BOB, &"x".repeat(300), 1));
    no_object["messages"]["@alice:home.example"]["PHONE"] = json!("text");
    nobody["messages"] = json!({ "not a user": { "*": {} } });
    endless["type"] = json!("x".repeat(300));
    let mut large = message(BOB, "c", 1);
    large["messages"]["@alice:home.example"]["PHONE"] = json!({ "x": "x".repeat(70_000) });
    let mut elsewhere = message(BOB, "d", 1);
    elsewhere["messages"] = json!({ "@dan:d.example": { "*": {} }, "@nobody:home.example": { "*": {} } });
    let bad = [
        json!(7),
        json!({}),
        json!([]),
        json!(null),
        no_object,
        nobody,
        endless,
        large,
        elsewhere,
        message("@eve:e.example", "e", 1),
        message("not a user", "f", 1),
        message(BOB, "", 1),
        message(BOB, "good", 2),
    ];
    world.hears("b.example", "m.direct_to_device", &bad).await;
    let inbox = world.inbox().await;
    assert_eq!(inbox.len(), 1, "{inbox:?}");
    assert_eq!(inbox[0]["content"]["n"], 2);
    // Malformed EDUs are ignored.
    for kind in ["m.typing", "m.receipt", "m.presence", "m.device_list_update", "m.signing_key_update", "m.x", ""] {
        world.hears("b.example", kind, &bad).await;
    }
    for edu in ["7", "null", "[]", "{}", r#"{"edu_type":7,"content":{}}"#, r#"{"edu_type":"m.typing"}"#] {
        let edu = serde_json::value::RawValue::from_string(edu.to_owned()).expect("JSON");
        let origin = ruma::server_name!("b.example");
        world.domain.federation.edu(origin, &edu).await.expect("dropped");
    }
}

#[tokio::test]
async fn device_lists_change_only_by_their_own_server_and_for_those_in_sight() {
    let world = World::new().await;
    world.room_with(&[BOB]).await;
    let before = world.core().store.position();
    let update = |user: &str| json!({ "user_id": user, "device_id": "A", "stream_id": 1, "prev_id": [], "keys": device_keys(user, "A", "x") });
    world.hears("e.example", "m.device_list_update", &[update(BOB)]).await;
    world.hears("b.example", "m.device_list_update", &[update("@eve:e.example"), update("@far:b.example")]).await;
    for kind in ["m.signing_key_update", "org.matrix.signing_key_update"] {
        world.hears("e.example", kind, &[json!({ "user_id": BOB })]).await;
        world.hears("b.example", kind, &[json!({ "user_id": "@far:b.example" })]).await;
    }
    assert!(world.changed_since(before).await.is_empty());
    world.hears("b.example", "org.matrix.signing_key_update", &[json!({ "user_id": BOB })]).await;
    assert_eq!(world.changed_since(before).await, [BOB]);
}

#[tokio::test]
async fn typing_is_for_those_in_the_room() {
    let world = World::new().await;
    let room = world.room_with(&[BOB]).await;
    let sn = {
        let id = room.clone();
        let read = world.core().store.read("test", move |tx| hearth_store::tables::rooms::by_id(tx.tx(), id.as_str()));
        read.await.expect("a read").expect("a room").sn
    };
    let typing = |user: &str, room: &str| json!({ "room_id": room, "user_id": user, "typing": true });
    let who = || async {
        let typing = world.domain.typing.clone();
        let read = world.core().store.read("test", move |tx| {
            let upto = tx.position();
            typing.news(tx.tx(), sn, None, upto)
        });
        read.await.expect("a read").unwrap_or_default()
    };
    world.hears("b.example", "m.typing", &[typing("@eve:b.example", room.as_str()), typing(BOB, "!x:b.example")]).await;
    world.hears("e.example", "m.typing", &[typing(BOB, room.as_str())]).await;
    assert!(who().await.is_empty());
    world.hears("b.example", "m.typing", &[typing(BOB, room.as_str())]).await;
    assert_eq!(who().await, [BOB]);
}

#[tokio::test]
async fn presence_is_told_by_their_own_server_of_those_in_sight() {
    let world = World::new().await;
    world.room_with(&[BOB]).await;
    let push = |user: &str, state: &str| json!({ "user_id": user, "presence": state, "last_active_ago": 5, "status_msg": "hi" });
    let bad = json!({ "user_id": BOB, "presence": 7, "last_active_ago": "x" });
    world.hears("e.example", "m.presence", &[json!({ "push": [push(BOB, "online")] })]).await;
    let bob = world.sn(BOB).await;
    assert!(world.domain.presence.of(bob).is_none());
    let pushes =
        json!({ "push": [bad, push("@far:b.example", "online"), push(BOB, "asleep"), push(BOB, "unavailable")] });
    world.hears("b.example", "m.presence", &[pushes]).await;
    let shown = world.domain.presence.of(bob).expect("known").content;
    assert_eq!((shown.presence, shown.status_msg.as_deref()), (PresenceState::Unavailable, Some("hi")));
}
