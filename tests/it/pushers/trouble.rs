//! Gateways that are away, slow, wrong or hostile.

use super::{Gateway, Reply, failing, two, world};
use crate::harness::{World, json, list, v3};

#[tokio::test]
async fn whatever_a_gateway_answers_nothing_is_lost() {
    let world = world().await;
    let (alice, bob, room) = two(&world).await;
    let gateway = Gateway::decides(|_, request| match request {
        0 => Reply::Says(503, "busy"),
        1 => Reply::Says(200, "<html>"),
        2 => Reply::Redirects("http://10.0.0.1/_matrix/push/v1/notify"),
        4 => Reply::Hangs,
        _ => Reply::Takes,
    })
    .await;
    gateway.notifies(&bob, "key").await;
    let texts = ["one", "two", "three"];
    for text in texts {
        alice.sends(text).in_room(&room).await;
    }
    gateway.sees(|gateway| gateway.bodies("key").len() == texts.len()).await;
    assert_eq!(gateway.bodies("key"), texts);
    assert_eq!(gateway.asked().len(), texts.len() + 4);
    world.ends().await;
}

#[tokio::test]
async fn a_rejected_pushkey_is_never_used_again() {
    let world = world().await;
    let (alice, bob, room) = two(&world).await;
    let gateway = Gateway::decides(|notice, _| match notice["devices"][0]["pushkey"] == "old" {
        true => Reply::Rejects,
        false => Reply::Takes,
    })
    .await;
    gateway.notifies(&bob, "old").await;
    gateway.notifies(&bob, "new").await;
    alice.sends("one").in_room(&room).await;
    let is_old = |notice: &crate::harness::Value| notice["devices"][0]["pushkey"] == "old";
    gateway.sees(|gateway| gateway.bodies("new").len() == 1 && gateway.asked().iter().any(is_old)).await;
    let mut left = list(&bob.get(v3!("pushers")).await.ok()["pushers"]).len();
    for _ in 0..100 {
        if left == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        left = list(&bob.get(v3!("pushers")).await.ok()["pushers"]).len();
    }
    assert_eq!(left, 1);
    alice.sends("two").in_room(&room).await;
    gateway.sees(|gateway| gateway.bodies("new").len() == 2).await;
    assert_eq!(gateway.asked().iter().filter(|notice| is_old(notice)).count(), 1);
    // An app that registers the same key anew gets what comes from then on.
    gateway.now(|_, _| Reply::Takes);
    gateway.notifies(&bob, "old").await;
    alice.sends("three").in_room(&room).await;
    gateway.sees(|gateway| gateway.bodies("old") == ["three"]).await;
    world.ends().await;
}

#[tokio::test]
async fn a_slow_gateway_delays_no_other() {
    let world = world().await;
    let (alice, bob, room) = two(&world).await;
    let carol = world.register("carol").await;
    alice.invites(&carol, &room).await;
    carol.joins(&room).await;
    let (slow, quick) = (Gateway::decides(|_, _| Reply::Sleeps).await, Gateway::opens().await);
    for key in 0..20 {
        slow.notifies(&bob, &format!("slow {key}")).await;
    }
    quick.notifies(&carol, "key").await;
    alice.sends("one").in_room(&room).await;
    slow.sees(|slow| slow.asked().len() >= 8).await;
    alice.sends("two").in_room(&room).await;
    quick.sees(|quick| quick.bodies("key") == ["one", "two"]).await;
    assert_eq!(slow.asked().len(), 8, "one gateway gets eight requests at the same time");
    world.ends().await;
}

#[tokio::test]
async fn private_addresses_are_not_connected_to_and_the_operator_reads_why() {
    let (world, gateway) = (World::new().await, Gateway::opens().await);
    let (alice, bob, room) = two(&world).await;
    gateway.notifies(&bob, "key").await;
    alice.sends("one").in_room(&room).await;
    let error = failing(&world).await.error.expect("a reason");
    assert!(error.contains("may not connect") && error.contains("allowed_ranges"), "{error}");
    assert!(gateway.asked().is_empty());
    world.ends().await;
}

#[tokio::test]
async fn a_restart_loses_nothing_and_repeats_nothing() {
    let mut world = world().await;
    let (alice, bob, room) = two(&world).await;
    let gateway = Gateway::opens().await;
    gateway.notifies(&bob, "key").await;
    alice.sends("one").in_room(&room).await;
    gateway.sees(|gateway| gateway.bodies("key").len() == 1).await;
    gateway.now(|_, _| Reply::Says(502, ""));
    alice.sends("two").in_room(&room).await;
    gateway.sees(|gateway| gateway.asked().len() > 1).await;
    alice.sends("three").in_room(&room).await;
    world.restart().await;
    gateway.now(|_, _| Reply::Takes);
    alice.sends("four").in_room(&room).await;
    gateway.sees(|gateway| gateway.bodies("key").len() == 4).await;
    assert_eq!(gateway.bodies("key"), ["one", "two", "three", "four"]);
    world.ends().await;
}

#[tokio::test]
async fn one_notification_that_is_never_taken_holds_up_no_others_for_good() {
    let world = world().await;
    let (alice, bob, room) = two(&world).await;
    let gateway = Gateway::decides(|notice, _| match notice["content"]["body"] == "poison" {
        true => Reply::Says(400, r#"{"errcode": "M_UNKNOWN", "error": "Too hot."}"#),
        false => Reply::Takes,
    })
    .await;
    gateway.notifies(&bob, "key").await;
    alice.sends("poison").in_room(&room).await;
    failing(&world).await;
    alice.sends("after").in_room(&room).await;
    world.clock.skip(hearth_base::limits::users::PUSH_REFUSED_MS_MAX);
    // An app that is started sets its pusher again, which ends the wait.
    gateway.notifies(&bob, "key").await;
    gateway.sees(|gateway| gateway.bodies("key") == ["after"]).await;
    world.ends().await;
}

#[tokio::test]
async fn what_is_older_than_three_days_is_not_sent_by_then() {
    let world = world().await;
    let (alice, bob, room) = two(&world).await;
    let gateway = Gateway::decides(|_, _| Reply::Says(404, "")).await;
    gateway.notifies(&bob, "key").await;
    alice.sends("old").in_room(&room).await;
    failing(&world).await;
    world.clock.skip(hearth_base::limits::users::PUSH_AGE_MS_MAX);
    let stale = failing(&world).await.stale;
    alice.sends("new").in_room(&room).await;
    gateway.now(|_, _| Reply::Takes);
    gateway.notifies(&bob, "key").await;
    gateway.sees(|gateway| !gateway.taken().is_empty()).await;
    assert_eq!((gateway.bodies("key"), stale), (vec!["new".to_owned()], true));
    assert_eq!(json!(gateway.taken()[0]["counts"]["unread"]), json!(2), "it is unread all the same");
    world.ends().await;
}
