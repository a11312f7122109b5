//! Malformed requests of other servers are refused, never a fault, and the server answers the next request.

use serde_json::{Value, json};

use super::transaction::Letter;
use crate::harness::{Cluster, World, encoded};

pub(super) const READS: &[&str] = &[
    "event/{event}",
    "state/{room}?event_id={event}",
    "state_ids/{room}?event_id={event}",
    "event_auth/{room}/{event}",
    "backfill/{room}?v={event}&limit=3",
    "timestamp_to_event/{room}?ts={event}&dir={event}",
    "hierarchy/{room}?suggested_only={event}",
    "make_join/{room}/{user}?ver={event}",
    "make_leave/{room}/{user}",
    "make_knock/{room}/{user}?ver={event}",
    "query/profile?user_id={user}&field={event}",
    "query/directory?room_alias={room}",
    "query/{event}",
    "user/devices/{user}",
    "publicRooms?limit={event}&since={room}",
    "media/download/{event}",
    "media/thumbnail/{event}?width={event}&height=1",
];

pub(super) const WRITES: &[(&str, &str)] = &[
    ("PUT", "v1/send/{event}"),
    ("PUT", "v2/send_join/{room}/{event}"),
    ("PUT", "v1/send_join/{room}/{event}"),
    ("PUT", "v2/send_leave/{room}/{event}"),
    ("PUT", "v1/send_knock/{room}/{event}"),
    ("PUT", "v1/invite/{room}/{event}"),
    ("PUT", "v2/invite/{room}/{event}"),
    ("PUT", "v1/exchange_third_party_invite/{room}"),
    ("POST", "v1/get_missing_events/{room}"),
    ("POST", "v1/publicRooms"),
    ("POST", "v1/user/keys/query"),
    ("POST", "v1/user/keys/claim"),
];

pub(super) fn values() -> Vec<String> {
    let hostile =
        ["", "x", "!", "$", "@", "!r:a.example", "$e", "@u:a.example", "@u:b.example", "../..", "\u{202e}", "-1"];
    let long = "a".repeat(5_000);
    hostile.iter().map(encoded).chain(["%00".to_owned(), "%ff".to_owned(), long]).collect()
}

pub(super) fn bodies() -> Vec<Value> {
    let pdu = json!({
        "type": 7, "sender": [], "room_id": {}, "content": "x", "depth": -1, "prev_events": "none",
        "auth_events": [1], "origin_server_ts": "now", "hashes": null, "signatures": [],
    });
    vec![
        json!({}),
        json!([]),
        json!(7),
        json!(null),
        json!("text"),
        json!({ "pdus": [pdu.clone(), {}, 7, null, []], "edus": [pdu.clone(), { "edu_type": 1 }, 7] }),
        json!({ "pdus": {}, "edus": "none" }),
        json!({ "event": pdu, "room_version": "none", "invite_room_state": [1, {}] }),
        json!({ "device_keys": { "@u:a.example": 7 }, "one_time_keys": { "@u": {} } }),
        json!({ "earliest_events": 7, "latest_events": [[]], "limit": -1, "min_depth": "deep" }),
        json!({ "type": "m.room.member", "state_key": "@u:b.example", "sender": "@u:a.example", "content": {} }),
    ]
}

pub(super) fn filled(pattern: &str, value: &str) -> String {
    ["{event}", "{room}", "{user}"].iter().fold(pattern.to_owned(), |text, name| text.replace(name, value))
}

async fn check(cluster: &Cluster, transaction: Letter) {
    let what = format!("{} {}", transaction.0.method, transaction.0.target);
    let reply = transaction.arrives(cluster).await;
    assert!(reply.status < 500, "{what}: {}: {}", reply.status, String::from_utf8_lossy(&reply.body));
}

async fn is_well(cluster: &Cluster, from: &World, to: &World) {
    Letter::get(from, to, "/_matrix/federation/v1/publicRooms").arrives(cluster).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_that_make_no_sense_are_refused() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    for pattern in READS {
        for value in values() {
            check(&cluster, Letter::get(b, a, &format!("/_matrix/federation/v1/{}", filled(pattern, &value)))).await;
        }
    }
    is_well(&cluster, b, a).await;
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_make_no_sense_are_refused() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    for (method, pattern) in WRITES {
        for body in bodies() {
            for (room, event) in [("!r:a.example", "$e"), ("x", "x")] {
                let target = pattern.replace("{room}", &encoded(room)).replace("{event}", &encoded(event));
                let mut transaction = Letter::post(b, a, &format!("/_matrix/federation/{target}"), &body);
                transaction.0.method = (*method).to_owned();
                check(&cluster, transaction.signed_for(b, ruma::owned_server_name!("a.example"))).await;
            }
        }
    }
    is_well(&cluster, b, a).await;
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_not_canonical_json_are_told_so() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    // These bodies cannot be signed. The sender must learn that the body is wrong, not its key.
    for (body, code) in [
        (deep.as_bytes(), "M_BAD_JSON"),
        (b"{\"a\":1e400}", "M_BAD_JSON"),
        (b"{\"a\":1.5}", "M_BAD_JSON"),
        (b"{\"a\":\"\\ud800\"}", "M_BAD_JSON"),
        (b"{\"a\":", "M_NOT_JSON"),
        (b"\0", "M_NOT_JSON"),
        (b"{\"a\":\"\xff\"}", "M_NOT_JSON"),
    ] {
        let mut transaction = Letter::post(b, a, "/_matrix/federation/v1/publicRooms", &json!({}));
        transaction.0.body = body.to_vec().into();
        transaction.arrives(&cluster).await.refused(400, code);
    }
    let mut altered = Letter::post(b, a, "/_matrix/federation/v1/publicRooms", &json!({}));
    altered.0.body = b"{\"limit\":1}".to_vec().into();
    altered.arrives(&cluster).await.refused(401, "M_UNAUTHORIZED");
    let mut large = Letter::post(b, a, "/_matrix/federation/v1/publicRooms", &json!({}));
    large.0.body = vec![b' '; 2 * 1024 * 1024].into();
    large.arrives(&cluster).await.refused(413, "M_TOO_LARGE");
    is_well(&cluster, b, a).await;
    cluster.ends().await;
}
