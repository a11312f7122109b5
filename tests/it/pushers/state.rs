//! Pushers that are switched off, removed, listed and tested.

use hearth_admin::wire::{PusherList, PusherTestList, paths};

use super::{Gateway, Reply, two, world};
use crate::harness::{Value, json, v3};
use crate::operator::ctl;

#[tokio::test]
async fn a_pusher_can_be_switched_off_and_on() {
    let (mut world, gateway) = (world().await, Gateway::opens().await);
    let (alice, bob, room) = two(&world).await;
    let set = async |enabled: Value| {
        let mut pusher = gateway.pusher("key");
        pusher["org.matrix.msc3881.enabled"] = enabled;
        bob.post(v3!("pushers/set"), pusher).await
    };
    set(json!("no")).await.refused(400, "M_INVALID_PARAM");
    set(json!(false)).await.ok();
    world.restart().await;
    let shown = bob.get(v3!("pushers")).await.ok()["pushers"][0].clone();
    assert_eq!(shown["org.matrix.msc3881.enabled"], false);
    assert_eq!(shown["org.matrix.msc3881.device_id"], json!(bob.device));
    alice.sends("while it was off").in_room(&room).await;
    set(json!(true)).await.ok();
    alice.sends("now").in_room(&room).await;
    gateway.sees(|gateway| !gateway.bodies("key").is_empty()).await;
    assert_eq!(gateway.bodies("key"), ["now"]);
    world.ends().await;
}

#[tokio::test]
async fn a_device_that_is_gone_gets_nothing() {
    let (world, gateway) = (world().await, Gateway::opens().await);
    let (alice, bob, room) = two(&world).await;
    let phone = bob.at_another_device().await;
    gateway.notifies(&bob, "stays").await;
    gateway.notifies(&phone, "goes").await;
    alice.sends("one").in_room(&room).await;
    gateway.sees(|gateway| gateway.bodies("goes").len() == 1).await;
    phone.post(v3!("logout"), json!({})).await.ok();
    alice.sends("two").in_room(&room).await;
    gateway.sees(|gateway| gateway.bodies("stays").len() == 2).await;
    // A later message too, so that the removed pusher had its time.
    alice.sends("three").in_room(&room).await;
    gateway.sees(|gateway| gateway.bodies("stays").len() == 3).await;
    assert_eq!(gateway.bodies("goes"), ["one"]);
    world.ends().await;
}

#[tokio::test]
async fn another_user_on_the_same_phone_takes_the_pusher_over() {
    let (world, gateway) = (world().await, Gateway::opens().await);
    let (alice, bob, room) = two(&world).await;
    let carol = world.register("carol").await;
    alice.invites(&carol, &room).await;
    carol.joins(&room).await;
    gateway.notifies(&bob, "key").await;
    gateway.notifies(&carol, "key").await;
    alice.sends("one").in_room(&room).await;
    alice.sends("two").in_room(&room).await;
    gateway.sees(|gateway| gateway.bodies("key").len() >= 2).await;
    assert_eq!(gateway.bodies("key"), ["one", "two"], "each once, although both are in the room");
    world.ends().await;
}

#[tokio::test]
async fn a_locked_account_gets_nothing() {
    let (world, gateway) = (world().await, Gateway::opens().await);
    let (alice, bob, room) = two(&world).await;
    gateway.notifies(&bob, "key").await;
    let carol = world.register("carol").await;
    alice.invites(&carol, &room).await;
    carol.joins(&room).await;
    gateway.notifies(&carol, "other").await;
    assert!(ctl(&world, &["users", "lock", "bob"]).await.status.success());
    alice.sends("one").in_room(&room).await;
    gateway.sees(|gateway| gateway.bodies("other").len() == 1).await;
    alice.sends("two").in_room(&room).await;
    gateway.sees(|gateway| gateway.bodies("other").len() == 2).await;
    assert!(gateway.bodies("key").is_empty());
    world.ends().await;
}

#[tokio::test]
async fn the_operator_lists_and_tests_pushers() {
    let (world, gateway) = (world().await, Gateway::opens().await);
    let (alice, bob, room) = two(&world).await;
    gateway.notifies(&bob, "a long and secret key").await;
    let tested = ctl(&world, &["push", "test", &bob.id]).await;
    let text = String::from_utf8(tested.stdout).expect("text");
    assert!(text.contains("org.example on Phone") && text.contains("it took the notification"), "{text}");
    assert_eq!(gateway.taken()[0]["counts"]["unread"], 0);
    gateway.now(|_, _| Reply::Says(503, r#"{"errcode": "M_UNKNOWN", "error": "Closed on Sundays."}"#));
    alice.sends("one").in_room(&room).await;
    gateway.sees(|gateway| gateway.asked().len() > 1).await;
    let tests: PusherTestList =
        world.operator().post(&paths::pushers_test(&bob.id), &json!({})).await.expect("an answer");
    assert!(
        !tests.items[0].taken && tests.items[0].answer.contains("status 503: Closed on Sundays."),
        "{:?}",
        tests.items[0]
    );
    let listed: PusherList = world.operator().get(paths::PUSHERS).await.expect("a list");
    let pusher = &listed.items[0];
    assert_eq!((&pusher.user_id, &pusher.gateway, pusher.stale), (&bob.id, &gateway.host(), false));
    assert!(pusher.last_success_ms.is_some() && pusher.failing_since_ms.is_some() && pusher.retry_at_ms.is_some());
    assert!(!pusher.pushkey.contains("secret"), "{}", pusher.pushkey);
    let shown = String::from_utf8(ctl(&world, &["push", "list", "--failing"]).await.stdout).expect("text");
    assert!(shown.contains("failing") && shown.contains("Closed on Sundays."), "{shown}");
    gateway.now(|_, _| Reply::Rejects);
    let text = String::from_utf8(ctl(&world, &["push", "test", &bob.id]).await.stdout).expect("text");
    assert!(text.contains("rejects the pushkey"), "{text}");
    assert!(!ctl(&world, &["push", "test", &bob.id]).await.status.success(), "there is no pusher any more");
    world.ends().await;
}
