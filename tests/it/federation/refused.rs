//! Servers that are not in a room receive nothing about it.

use serde_json::json;

use super::transaction::Letter;
use crate::harness::{Cluster, encoded};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_outside_gets_nothing_of_a_room() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let alice = a.register("alice").await;
    for room in [alice.creates_room().await, alice.creates_room().public().history("world_readable").await] {
        let event = alice.sends("hello").in_room(&room).await;
        let body = json!({ "earliest_events": [], "latest_events": [event], "limit": 10 });
        let (room, event) = (encoded(&room.0), encoded(&event));
        for target in [
            format!("event/{event}"),
            format!("state/{room}?event_id={event}"),
            format!("state_ids/{room}?event_id={event}"),
            format!("event_auth/{room}/{event}"),
            format!("backfill/{room}?v={event}&limit=10"),
            format!("timestamp_to_event/{room}?ts=0&dir=f"),
        ] {
            let target = format!("/_matrix/federation/v1/{target}");
            Letter::get(b, a, &target).arrives(&cluster).await.refused(403, "M_FORBIDDEN");
        }
        let target = format!("/_matrix/federation/v1/get_missing_events/{room}");
        Letter::post(b, a, &target, &body).arrives(&cluster).await.refused(403, "M_FORBIDDEN");
    }
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_that_are_not_there_look_like_those_that_are() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let target = "/_matrix/federation/v1/state_ids/!none:a.example?event_id=$x";
    Letter::get(b, a, target).arrives(&cluster).await.refused(403, "M_FORBIDDEN");
    let target = "/_matrix/federation/v1/event/$none";
    Letter::get(b, a, target).arrives(&cluster).await.refused(404, "M_NOT_FOUND");
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_shows_what_could_be_entered() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let alice = a.register("alice").await;
    let space = alice.creates_room().public().with("creation_content", json!({ "type": "m.space" })).await;
    let (open, shut) = (alice.creates_room().public().await, alice.creates_room().await);
    for child in [open.0.as_str(), shut.0.as_str(), "!elsewhere:c.example"] {
        alice.sets("m.space.child", child, json!({ "via": ["a.example"] })).in_room(&space).await;
    }
    let ask = async |room: &str| {
        let target = format!("/_matrix/federation/v1/hierarchy/{}", encoded(room));
        Letter::get(b, a, &target).arrives(&cluster).await
    };
    let shown = ask(&space.0).await.ok();
    assert_eq!(shown["room"]["room_id"], space.0);
    assert_eq!(shown["room"]["children_state"].as_array().map(Vec::len), Some(3));
    assert_eq!(shown["children"].as_array().map(Vec::len), Some(1));
    assert_eq!(shown["children"][0]["room_id"], open.0);
    assert_eq!(shown["inaccessible_children"], json!([shut.0]));
    ask(&shut.0).await.refused(404, "M_NOT_FOUND");
    ask("!none:a.example").await.refused(404, "M_NOT_FOUND");
    cluster.ends().await;
}
