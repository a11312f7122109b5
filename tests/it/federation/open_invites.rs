//! Invites of other servers: how many a user may have open, and what comes with them.

use hearth_admin::wire::{UserDetail, paths};
use ruma::room_version_rules::RoomVersionRules;
use serde_json::{Value, json};

use super::resident::{invite, put, signed};
use super::transaction::Reply;
use crate::harness::{Cluster, Person, Room, World, encoded, v3};

/// The most open invites by one server that shares no room with the user.
const STRANGER_MAX: usize = 50;

/// The id of a room of a server that makes up as many as it likes.
fn room_id(version: &str, of: &str, n: usize) -> String {
    match version {
        "12" => format!("!{}{n:0>10}", if of == "b.example" { "b" } else { "c" }.repeat(33)),
        _ => format!("!den{n}:{of}"),
    }
}

/// One server invites Ann into room `n`, with this stripped state.
async fn invites(cluster: &Cluster, from: &World, version: &str, n: usize, shown: &Value) -> Reply {
    let server = from.server().domain.core.server_name.to_string();
    let rules = if version == "12" { &RoomVersionRules::V12 } else { &RoomVersionRules::V11 };
    let room = room_id(version, &server, n);
    let mut event = invite(from, &room);
    event["sender"] = json!(format!("@bob:{server}"));
    let (id, event) = signed(from, rules, &event);
    let target = format!("/_matrix/federation/v2/invite/{}/{}", encoded(&room), encoded(&id));
    let body = json!({"room_version": version, "event": event, "invite_room_state": shown});
    put(cluster, from, &cluster.worlds[0], &target, &body).await
}

async fn open(ann: &Person) -> usize {
    ann.syncs().await.0["rooms"]["invite"].as_object().map_or(0, serde_json::Map::len)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_shares_no_room_fills_its_share_and_no_other() {
    for version in ["11", "12"] {
        let cluster = Cluster::of(["a.example", "b.example", "c.example"]).await;
        let [a, b, c] = &cluster.worlds[..] else { unreachable!("three servers") };
        let ann = a.register("ann").await;
        for n in 0..STRANGER_MAX {
            invites(&cluster, b, version, n, &json!([])).await.ok();
        }
        let refused = invites(&cluster, b, version, STRANGER_MAX, &json!([])).await;
        assert_eq!((refused.status, &refused.json()["errcode"]), (429, &json!("M_LIMIT_EXCEEDED")));
        assert!(refused.json()["retry_after_ms"].is_u64(), "{}", refused.json());
        assert_eq!(open(&ann).await, STRANGER_MAX, "those before stay");
        invites(&cluster, b, version, 0, &json!([])).await.ok();
        invites(&cluster, c, version, 0, &json!([])).await.ok();
        assert_eq!(open(&ann).await, STRANGER_MAX + 1);

        // An answer makes room.
        ann.leaves(&Room(room_id(version, "b.example", 7))).await;
        invites(&cluster, b, version, STRANGER_MAX, &json!([])).await.ok();
        invites(&cluster, b, version, STRANGER_MAX + 1, &json!([])).await.refused(429, "M_LIMIT_EXCEEDED");

        // A server whose users Ann talks to may do more.
        let bob = b.register("bob").await;
        let room = ann.creates_room().public().version(version).await;
        bob.post(v3!("join/{}", room), json!({})).query(&[("via", "a.example")]).await.ok();
        for n in STRANGER_MAX + 1..STRANGER_MAX + 5 {
            invites(&cluster, b, version, n, &json!([])).await.ok();
        }
        assert_eq!(open(&ann).await, STRANGER_MAX + 5);
        cluster.ends().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quota_counts_the_invites_of_all_servers_and_is_shown() {
    let names = ["a.example", "b.example", "c.example"];
    let cluster = Cluster::with(names, 7, |config| config.quotas.open_invites = 3).await;
    let [a, b, c] = &cluster.worlds[..] else { unreachable!("three servers") };
    let ann = a.register("ann").await;
    for (from, n) in [(b, 0), (b, 1), (c, 0)] {
        invites(&cluster, from, "11", n, &json!([])).await.ok();
    }
    invites(&cluster, c, "11", 1, &json!([])).await.refused(429, "M_LIMIT_EXCEEDED");
    let user: UserDetail = a.operator().get(&paths::user(&ann.id)).await.expect("a user");
    let quota = |name: &str| user.quotas.iter().find(|one| one.quota == name).map(|one| (one.used, one.limit));
    assert_eq!(quota("open_invites"), Some((3, Some(3))));
    let (bytes, limit) = quota("open_invites_bytes").expect("a quota");
    assert!(bytes > 100 && limit == Some(16 * 1024 * 1024), "{bytes} {limit:?}");
    ann.leaves(&Room(room_id("11", "b.example", 1))).await;
    invites(&cluster, c, "11", 1, &json!([])).await.ok();
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stripped_state_is_cut_to_what_matters_and_its_bytes_count() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let ann = a.register("ann").await;
    let entry = |kind: &str, bytes: usize| {
        let content = json!({"pad": "x".repeat(bytes)});
        json!({"type": kind, "state_key": "", "sender": "@bob:b.example", "content": content})
    };
    let shown = json!([
        entry("org.example.first", 50_000),
        entry("org.example.second", 100),
        entry("m.room.topic", 30_000),
        entry("m.room.name", 30_000),
    ]);
    let mut taken = 0;
    let refused = loop {
        let reply = invites(&cluster, b, "11", taken, &shown).await;
        if reply.status != 200 {
            break reply;
        }
        taken += 1;
        assert!(taken < STRANGER_MAX, "the bytes do not count");
    };
    refused.refused(429, "M_LIMIT_EXCEEDED");
    assert!((30..40).contains(&taken), "{taken} invites of about 60 kB in 2 MiB");
    let seen = ann.syncs().await.0;
    let events = &seen["rooms"]["invite"]["!den0:b.example"]["invite_state"]["events"];
    let kinds: Vec<_> = events.as_array().expect("a list").iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(kinds, ["m.room.name", "m.room.topic", "org.example.second", "m.room.member"]);
    cluster.ends().await;
}
