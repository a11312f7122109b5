//! What servers in a room receive: all events that some of their users may see, and redacted forms of the others.

use serde_json::{Value, json};

use super::transaction::{Letter, Reply};
use crate::harness::{Cluster, Person, Room, World, encoded, list, v3};

async fn enters(person: &Person, room: &Room, via: &str) {
    person.post(v3!("join/{}", room), json!({})).query(&[("via", via), ("server_name", via)]).await.ok();
}

/// A request about a room, from one server to another.
async fn ask(cluster: &Cluster, from: &World, to: &World, target: &str) -> Reply {
    Letter::get(from, to, &format!("/_matrix/federation/v1/{target}")).arrives(cluster).await
}

async fn missing(cluster: &Cluster, (from, to): (&World, &World), room: &Room, question: Value) -> Reply {
    let target = format!("/_matrix/federation/v1/get_missing_events/{}", encoded(&room.0));
    Letter::post(from, to, &target, &question).arrives(cluster).await
}

/// The texts of PDUs that have one.
fn said(pdus: &Value) -> Vec<&str> {
    let bodies = list(pdus).iter().filter(|pdu| pdu["type"] == "m.room.message");
    bodies.map(|pdu| pdu["content"]["body"].as_str().unwrap_or("(nothing)")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_in_the_room_can_follow_its_graph() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    for version in ["6", "11", "12"] {
        let room = alice.creates_room().public().version(version).await;
        let mut sent = Vec::new();
        for text in ["one", "two", "three", "four"] {
            sent.push(alice.sends(text).in_room(&room).await);
        }
        enters(&bob, &room, "a.example").await;
        let (name, last) = (encoded(&room.0), encoded(&sent[3]));

        let event = ask(&cluster, b, a, &format!("event/{last}")).await.ok();
        assert_eq!(said(&event["pdus"]), ["four"], "{version}");
        assert!(event["pdus"][0]["signatures"]["a.example"].is_object());
        let back = ask(&cluster, b, a, &format!("backfill/{name}?v={last}&limit=3")).await.ok();
        assert_eq!(said(&back["pdus"]), ["four", "three", "two"]);

        let question = json!({ "earliest_events": [sent[0]], "latest_events": [sent[3]], "limit": 10 });
        let between = missing(&cluster, (b, a), &room, question).await.ok();
        assert_eq!(said(&between["events"]), ["two", "three"]);
        let depth = event["pdus"][0]["depth"].as_i64().expect("a depth");
        let question = json!({ "earliest_events": [], "latest_events": [sent[3]], "min_depth": depth - 1 });
        assert_eq!(said(&missing(&cluster, (b, a), &room, question).await.ok()["events"]), ["three"]);

        let state = ask(&cluster, b, a, &format!("state/{name}?event_id={last}")).await.ok();
        let by_id = ask(&cluster, b, a, &format!("state_ids/{name}?event_id={last}")).await.ok();
        let types: Vec<_> = list(&state["pdus"]).iter().filter_map(|pdu| pdu["type"].as_str()).collect();
        for kind in ["m.room.create", "m.room.power_levels", "m.room.join_rules", "m.room.member"] {
            assert!(types.contains(&kind), "{version}: {types:?}");
        }
        for (events, names) in [("pdus", "pdu_ids"), ("auth_chain", "auth_chain_ids")] {
            assert_eq!(list(&state[events]).len(), list(&by_id[names]).len());
        }
        assert!(list(&state["auth_chain"]).iter().any(|pdu| pdu["type"] == "m.room.create"), "{version}");
        let auth = ask(&cluster, b, a, &format!("event_auth/{name}/{last}")).await.ok();
        assert!(list(&auth["auth_chain"]).iter().any(|pdu| pdu["type"] == "m.room.create"), "{version}");
        assert_eq!(list(&auth["auth_chain"]).len(), 3, "{version}: create, power levels, alice's member event");

        let at = event["pdus"][0]["origin_server_ts"].as_u64().expect("a time");
        let found = ask(&cluster, b, a, &format!("timestamp_to_event/{name}?ts={at}&dir=b")).await.ok();
        assert!(found["origin_server_ts"].as_u64() <= Some(at));
        ask(&cluster, b, a, &format!("event_auth/{name}/$unknown")).await.refused(404, "M_NOT_FOUND");
        ask(&cluster, b, a, &format!("state/{name}?event_id=$unknown")).await.refused(404, "M_NOT_FOUND");
        assert_eq!(ask(&cluster, b, a, &format!("backfill/{name}?v=$unknown&limit=3")).await.ok()["pdus"], json!([]));
    }
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_one_gets_the_words_from_before_they_were_there() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    for (visibility, before, after) in [
        ("joined", "(nothing)", "hello"),
        ("invited", "(nothing)", "hello"),
        ("shared", "a secret", "hello"),
        ("world_readable", "a secret", "hello"),
    ] {
        let room = alice.creates_room().public().history(visibility).await;
        let secret = alice.sends("a secret").in_room(&room).await;
        enters(&bob, &room, "a.example").await;
        let hello = alice.sends("hello").in_room(&room).await;
        let (name, first, last) = (encoded(&room.0), encoded(&secret), encoded(&hello));
        let event = async |id: &str| ask(&cluster, b, a, &format!("event/{id}")).await.ok()["pdus"].clone();
        assert_eq!(said(&event(&first).await), [before], "{visibility}");
        assert_eq!(said(&event(&last).await), [after], "{visibility}");
        let back = ask(&cluster, b, a, &format!("backfill/{name}?v={last}&limit=20")).await.ok();
        assert_eq!(said(&back["pdus"]), [after, before], "{visibility}");
        let question = json!({ "earliest_events": [], "latest_events": [hello], "limit": 20 });
        let events = missing(&cluster, (b, a), &room, question).await.ok();
        assert_eq!(said(&events["events"]), [before], "{visibility}");
    }
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_gets_nothing_more() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    let room = alice.creates_room().public().await;
    let event = alice.sends("hello").in_room(&room).await;
    enters(&bob, &room, "a.example").await;
    ask(&cluster, b, a, &format!("event/{}", encoded(&event))).await.ok();
    alice.kicks(&bob, &room).await;
    ask(&cluster, b, a, &format!("event/{}", encoded(&event))).await.refused(403, "M_FORBIDDEN");
    let target = format!("backfill/{}?v={}&limit=3", encoded(&room.0), encoded(&event));
    ask(&cluster, b, a, &target).await.refused(403, "M_FORBIDDEN");
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_kept_out_by_the_list_gets_nothing() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    let room = alice.creates_room().public().await;
    let event = alice.sends("hello").in_room(&room).await;
    enters(&bob, &room, "a.example").await;
    let list = json!({ "allow": ["*"], "deny": ["B.Example"], "allow_ip_literals": false });
    alice.sets("m.room.server_acl", "", list).in_room(&room).await;
    let (name, event, bob) = (encoded(&room.0), encoded(&event), encoded(&bob.id));
    for target in [
        format!("event/{event}"),
        format!("state/{name}?event_id={event}"),
        format!("state_ids/{name}?event_id={event}"),
        format!("event_auth/{name}/{event}"),
        format!("backfill/{name}?v={event}&limit=10"),
        format!("timestamp_to_event/{name}?ts=0&dir=f"),
        format!("make_join/{name}/{bob}?ver=12"),
        format!("make_leave/{name}/{bob}"),
        format!("make_knock/{name}/{bob}?ver=12"),
    ] {
        ask(&cluster, b, a, &target).await.refused(403, "M_FORBIDDEN");
    }
    ask(&cluster, b, a, &format!("hierarchy/{name}")).await.refused(404, "M_NOT_FOUND");
    let question = json!({ "earliest_events": [], "latest_events": [], "limit": 10 });
    missing(&cluster, (b, a), &room, question).await.refused(403, "M_FORBIDDEN");
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_that_are_too_large_are_refused() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    let room = alice.creates_room().public().await;
    enters(&bob, &room, "a.example").await;
    let many: Vec<_> = (0..101).map(|n| format!("$event{n}")).collect();
    let question = json!({ "earliest_events": [], "latest_events": many, "limit": 10 });
    missing(&cluster, (b, a), &room, question).await.refused(400, "M_INVALID_PARAM");
    let question = json!({ "earliest_events": [], "latest_events": ["not an id"], "limit": 10 });
    missing(&cluster, (b, a), &room, question).await.refused(400, "M_BAD_JSON");
    cluster.ends().await;
}
