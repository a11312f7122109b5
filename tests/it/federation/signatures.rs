//! Request authentication between servers.

use std::sync::Arc;

use hearth_base::config::Rate;
use serde_json::json;

use super::transaction::Letter;
use crate::harness::{Cluster, World};

const QUESTION: &str = "/_matrix/federation/v1/publicRooms?limit=3";

/// Two servers, and a third whose keys are known.
async fn cluster() -> Cluster {
    Cluster::of(["a.example", "b.example", "c.example"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_request_is_answered() {
    let cluster = cluster().await;
    let [a, b, _] = &cluster.worlds[..] else { unreachable!("three servers") };
    Letter::get(b, a, QUESTION).arrives(&cluster).await.ok();
    Letter::post(b, a, "/_matrix/federation/v1/publicRooms", &json!({ "limit": 1 })).arrives(&cluster).await.ok();
    // The signature covers canonical JSON, whatever the whitespace on the wire.
    let mut spaced = Letter::post(b, a, "/_matrix/federation/v1/publicRooms", &json!({ "limit": 1 }));
    spaced.0.body = "{ \"limit\" :1 }".into();
    spaced.arrives(&cluster).await.ok();
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_before_1_3_do_not_name_the_destination() {
    let cluster = cluster().await;
    let [a, b, _] = &cluster.worlds[..] else { unreachable!("three servers") };
    Letter::get(b, a, QUESTION).with_header_changed("destination=a.example,", "").arrives(&cluster).await.ok();
    let quoted = Letter::get(b, a, QUESTION).with_header_changed("origin=b.example", "ORIGIN=\"b.example\"");
    quoted.with_header_changed("X-Matrix ", "x-matrix ").arrives(&cluster).await.ok();
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_server_has_not_signed_is_refused() {
    let cluster = cluster().await;
    let [a, b, c] = &cluster.worlds[..] else { unreachable!("three servers") };
    let good = || Letter::get(b, a, QUESTION);
    let mut unsigned = good();
    unsigned.0.authorization = None;
    let mut bearer = good();
    bearer.0.authorization = Some("Bearer secret".to_owned());
    let mut nonsense = good();
    nonsense.0.authorization = Some("X-Matrix origin=,key=\"".to_owned());
    let elsewhere = good().signed_for(b, ruma::owned_server_name!("c.example"));
    let pretended = good().with_header_changed("origin=b.example", "origin=c.example");
    let redirected = elsewhere.clone().with_header_changed("destination=c.example", "destination=a.example");
    let mut another_question = good();
    another_question.0.target = QUESTION.replace('3', "4");
    let mut another_method = good();
    another_method.0.method = "POST".to_owned();
    let mut another_body = Letter::post(b, a, "/_matrix/federation/v1/publicRooms", &json!({ "limit": 1 }));
    another_body.0.body = r#"{"limit":2}"#.into();
    let mut body_added = good();
    body_added.0.body = "{}".into();
    let key = b.server().domain.core.key.id();
    let unknown_key = good().with_header_changed(&key, "ed25519:other");
    let twice = good().with_header_changed("origin=b.example", "origin=b.example,origin=c.example");
    for transaction in [
        unsigned,
        bearer,
        nonsense,
        elsewhere,
        pretended,
        redirected,
        another_question,
        another_method,
        another_body,
        body_added,
        unknown_key,
        twice,
    ] {
        transaction.arrives(&cluster).await.refused(401, "M_UNAUTHORIZED");
    }
    Letter::get(c, a, QUESTION).arrives(&cluster).await.ok();
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_no_one_can_ask_is_no_one() {
    let cluster = cluster().await;
    let [a, b, _] = &cluster.worlds[..] else { unreachable!("three servers") };
    cluster.network.part("a.example", "b.example");
    Letter::get(b, a, QUESTION).arrives(&cluster).await.refused(401, "M_UNAUTHORIZED");
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn getting_to_know_one_another_takes_one_question_each_way() {
    let cluster = cluster().await;
    let [a, b, _] = &cluster.worlds[..] else { unreachable!("three servers") };
    let ask = |from: &World, to: &World| {
        let (federation, to) = (from.server().domain.federation.clone(), to.server().domain.core.server_name.clone());
        async move {
            let question = ruma::api::federation::directory::get_public_rooms::v1::Request::new();
            federation.ask(&to, question).await.expect("an answer");
        }
    };
    // Both at once, and neither has the other's keys.
    tokio::join!(ask(a, b), ask(b, a));
    ask(a, b).await;
    let seen = cluster.network.seen();
    let keys = seen.iter().filter(|(_, call)| call.target.starts_with("/_matrix/key/")).count();
    assert_eq!(keys, 2, "{seen:?}");
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_shut_out_are_told_so() {
    let names = ["a.example", "b.example", "c.example"];
    let cluster = Cluster::with(names, 1, |config| config.federation.deny = vec!["b.example".to_owned()]).await;
    let [a, b, c] = &cluster.worlds[..] else { unreachable!("three servers") };
    Letter::get(b, a, QUESTION).arrives(&cluster).await.refused(403, "M_FORBIDDEN");
    Letter::get(c, a, QUESTION).arrives(&cluster).await.ok();
    // A server that claims this server's name.
    Letter::get(a, a, QUESTION).arrives(&cluster).await.refused(403, "M_FORBIDDEN");
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_false_claims_is_turned_away_before_anything_is_done() {
    let limits = |config: &mut hearth_base::config::Config| {
        config.rate_limits.enabled = true;
        config.rate_limits.federation_unproven = Rate::new(0.001, 3);
        config.rate_limits.federation = Rate::new(0.001, 2);
    };
    let cluster = Cluster::with(["a.example", "b.example"], 1, limits).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    for _ in 0..2 {
        Letter::get(b, a, QUESTION).arrives(&cluster).await.ok();
    }
    Letter::get(b, a, QUESTION).arrives(&cluster).await.refused(429, "M_LIMIT_EXCEEDED");
    for _ in 0..3 {
        let pretended = Letter::get(b, a, QUESTION).with_header_changed("origin=b.example", "origin=x.example");
        pretended.arrives(&cluster).await.refused(401, "M_UNAUTHORIZED");
    }
    let asked = cluster.network.seen().len();
    for _ in 0..5 {
        let pretended = Letter::get(b, a, QUESTION).with_header_changed("origin=b.example", "origin=y.example");
        pretended.arrives(&cluster).await.refused(429, "M_LIMIT_EXCEEDED");
    }
    assert_eq!(cluster.network.seen().len(), asked, "nobody was asked for the keys of a server that did not ask");
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hearing_from_oneself_changes_nothing() {
    let cluster = cluster().await;
    let [a, ..] = &cluster.worlds[..] else { unreachable!("three servers") };
    let shared = Arc::clone(&a.server().domain.federation);
    let us = a.server().domain.core.server_name.clone();
    let question = ruma::api::federation::directory::get_public_rooms::v1::Request::new();
    shared.ask(&us, question).await.expect_err("a server does not ask itself");
    assert!(cluster.network.seen().is_empty());
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_put_away_signs_no_more_requests() {
    let cluster = cluster().await;
    let [a, b, _] = &cluster.worlds[..] else { unreachable!("three servers") };
    let before = Letter::get(b, a, QUESTION);
    b.server().domain.actions.admin_rotate_signing_key("test").await.expect("a new key");
    // Longer than the grace period for requests that were being signed during the rotation.
    b.clock.skip(120_000);
    before.arrives(&cluster).await.refused(401, "M_UNAUTHORIZED");
    Letter::get(b, a, QUESTION).arrives(&cluster).await.ok();
    cluster.ends().await;
}
