//! Details of the server-server API on which other servers rely.

use std::time::{Duration, Instant};

use serde_json::json;

use super::transaction::Letter;
use crate::harness::{Cluster, encoded, v3};

#[tokio::test(flavor = "multi_thread")]
async fn one_message_to_a_device_does_not_cut_a_server_off() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let (alice, mallory) = (cluster.worlds[0].register("alice").await, cluster.worlds[0].register("mallory").await);
    let bob = cluster.worlds[1].register("bob").await;
    let room = alice.creates_room().public().with("room_alias_name", json!("hall")).await;
    bob.post(v3!("join/{}", "#hall:a.example"), json!({})).await.ok();
    for (number, poison) in
        [json!(1.5), json!(1e300), json!(9_007_199_254_740_992_u64), json!(u64::MAX)].iter().enumerate()
    {
        let body = json!({ "messages": { bob.id.clone(): { "*": { "n": poison } } } });
        let answer = mallory.put(v3!("sendToDevice/m.x/{}", number.to_string()), body).await;
        assert_eq!((answer.status, answer.json()["errcode"].as_str()), (400, Some("M_BAD_JSON")), "{poison}");
    }
    let event = alice.sends("still heard").in_room(&room).await;
    let began = Instant::now();
    while bob.get(v3!("rooms/{}/event/{}", room, event)).await.status != 200 {
        assert!(began.elapsed() < Duration::from_secs(15), "the message never came");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restricted_room_that_allows_no_room_refuses_joins() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let (alice, bob) = (cluster.worlds[0].register("alice").await, cluster.worlds[1].register("bob").await);
    for version in ["11", "12"] {
        let rules = json!({ "join_rule": "restricted", "allow": [] });
        let room = alice.creates_room().version(version).state("m.room.join_rules", rules).await;
        let target =
            format!("/_matrix/federation/v1/make_join/{}/{}?ver={version}", encoded(&room.0), encoded(&bob.id));
        let answer = Letter::get(&cluster.worlds[1], &cluster.worlds[0], &target).arrives(&cluster).await;
        answer.refused(403, "M_FORBIDDEN");
    }
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_complexity_of_a_room_is_asked_for_if_there_is_a_limit() {
    for (limit, is_asked) in [(0, false), (100, true)] {
        let change = |config: &mut hearth_base::config::Config| config.federation.complexity_limit = limit;
        let cluster = Cluster::with(["a.example", "b.example"], 1, change).await;
        let (alice, bob) = (cluster.worlds[0].register("alice").await, cluster.worlds[1].register("bob").await);
        alice.creates_room().public().with("room_alias_name", json!("hall")).await;
        bob.post(v3!("join/{}", "#hall:a.example"), json!({})).await.ok();
        let asked = cluster.network.seen().iter().any(|(_, call)| call.target.ends_with("/complexity"));
        assert_eq!(asked, is_asked, "with the limit {limit}");
        cluster.ends().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_that_a_server_lacks_is_named_to_the_client() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let bob = cluster.worlds[1].register("bob").await;
    let alice = cluster.worlds[0].register("alice").await;
    let room = alice.creates_room().public().version("11").await;
    let target = format!("/_matrix/federation/v1/make_join/{}/{}?ver=6&ver=10", encoded(&room.0), encoded(&bob.id));
    let answer = Letter::get(&cluster.worlds[1], &cluster.worlds[0], &target).arrives(&cluster).await;
    answer.refused(400, "M_INCOMPATIBLE_ROOM_VERSION");
    assert_eq!(answer.json()["room_version"], "11");
    cluster.ends().await;
}
