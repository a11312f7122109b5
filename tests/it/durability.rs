//! Acknowledged data survives a restart, and a repeated request is recognised.

use futures_util::future::join_all;

use crate::harness::{World, bodies, json, list, v3};

#[tokio::test]
async fn transactions_are_remembered_over_a_restart() {
    let mut world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let said = alice.sends("once").under_transaction("t1").in_room(&room).await;
    let slip = alice.sends("slip").under_transaction("t2").in_room(&room).await;
    let redact = v3!("rooms/{}/redact/{}/{}", room, slip, "t3");
    let redaction = alice.put(&redact, json!({})).await.ok();
    let hello = v3!("sendToDevice/org.example.hello/{}", "t4");
    let messages = json!({ "messages": { bob.id.clone(): { "*": { "n": 1 } } } });
    alice.put(&hello, messages.clone()).await.ok();

    world.restart().await;
    assert_eq!(alice.sends("once").under_transaction("t1").in_room(&room).await, said);
    assert_eq!(alice.put(&redact, json!({})).await.ok(), redaction);
    alice.put(&hello, messages).await.ok();
    assert_eq!(bob.syncs().await.to_device().len(), 1);
    assert_eq!(bodies(&bob.reads_all_of(&room).await), ["once"]);
    // A transaction id is scoped to endpoint and room, so it is free elsewhere.
    let other = alice.creates_room().await;
    assert_ne!(alice.sends("elsewhere").under_transaction("t1").in_room(&other).await, said);
    world.ends().await;
}

#[tokio::test]
async fn everything_that_was_set_is_there_after_a_restart() {
    let mut world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let said = alice.sends("hello").in_room(&room).await;
    alice.sets("m.room.topic", "", json!({ "topic": "tea" })).in_room(&room).await;
    alice.put(v3!("profile/{}/displayname", alice), json!({ "displayname": "Alice" })).await.ok();
    alice.put(v3!("user/{}/account_data/org.example", alice), json!({ "n": 1 })).await.ok();
    bob.reads_up_to(&said, &room).await;
    bob.leaves(&room).await;
    let before = alice.get(v3!("rooms/{}/state", room)).await.ok();

    world.restart().await;
    let after = alice.get(v3!("rooms/{}/state", room)).await.ok();
    let ids = |state: &crate::harness::Value| {
        let mut ids: Vec<_> = crate::harness::ids(list(state)).into_iter().map(str::to_owned).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids(&after), ids(&before));
    assert_eq!(alice.get(v3!("profile/{}", bob)).await.ok()["displayname"], "bob");
    assert_eq!(alice.get(v3!("profile/{}/displayname", alice)).await.ok()["displayname"], "Alice");
    let seen = alice.syncs().await;
    assert_eq!(seen.account_data("org.example")["n"], 1);
    assert!(seen.ephemeral(&room, "m.receipt")[&said]["m.read"][&bob.id].is_object(), "{}", seen.0);
    assert!(bob.syncs().await.joined(&room).is_null());
    world.ends().await;
}

#[tokio::test]
async fn what_was_sent_while_the_server_stopped_was_either_acknowledged_and_kept_or_refused() {
    let mut world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    let texts: Vec<_> = (0..60).map(|n| format!("text {n}")).collect();
    let send = async |text: &String| {
        let path = v3!("rooms/{}/send/m.room.message/{}", room, text);
        let ask = alice.put(path, json!({ "msgtype": "m.text", "body": text }));
        ask.attempt().await.ok().filter(|answer| answer.status == 200).map(|_| text.clone())
    };
    let stop = async {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        world.restart().await;
    };
    let (acknowledged, ()) = futures_util::future::join(join_all(texts.iter().map(send)), stop).await;
    let read = alice.reads_all_of(&room).await;
    let mut kept = bodies(&read);
    let total = kept.len();
    kept.sort_unstable();
    kept.dedup();
    assert_eq!(kept.len(), total, "something was kept twice");
    for text in acknowledged.iter().flatten() {
        assert!(kept.binary_search(&text.as_str()).is_ok(), "{text} was acknowledged and is gone");
    }
    world.ends().await;
}
