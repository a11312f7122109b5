//! Delivery to pushers, through a push gateway of the tests.

mod gateway;
mod state;
mod trouble;

pub(crate) use gateway::{Gateway, Reply};
use hearth_domain::push::delivery::PusherStatus;

use crate::harness::{Person, Room, Value, World, json, v3};

/// A server that may reach the gateways of the tests.
async fn world() -> World {
    World::with(|config| config.push.allowed_ranges = vec!["127.0.0.0/8".parse().expect("a range")]).await
}

/// Alice and Bob in a room of hers.
async fn two(world: &World) -> (Person, Person, Room) {
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    (alice, bob, room)
}

/// Waits until the delivery to the only pusher has failed; returns its state.
async fn failing(world: &World) -> PusherStatus {
    loop {
        let all = world.server().domain.delivery.list(None).await.expect("a list");
        match all.into_iter().next().filter(|pusher| pusher.failing_since_ms.is_some()) {
            Some(pusher) => return pusher,
            None => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    }
}

/// The notification of an event.
fn of<'a>(taken: &'a [Value], event: &str) -> &'a Value {
    taken.iter().find(|notice| notice["event_id"] == event).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn a_notification_has_all_fields() {
    for version in ["11", "12"] {
        let (world, gateway) = (world().await, Gateway::opens().await);
        let (alice, bob) = (world.register("alice").await, world.register("bob").await);
        alice.put(v3!("profile/{}/displayname", alice), json!({ "displayname": "Alice A." })).await.ok();
        let room = alice.creates_room().version(version).public().with("name", json!("Tea")).await;
        bob.joins(&room).await;
        gateway.notifies(&bob, "key").await;
        gateway.notifies(&alice, "her own").await;
        let event = alice.sends("hello").in_room(&room).await;
        gateway.sees(|gateway| !gateway.taken().is_empty()).await;
        let taken = gateway.taken();
        let notice = of(&taken, &event);
        let expected = json!({
            "event_id": event, "room_id": room.0, "type": "m.room.message", "sender": alice.id,
            "sender_display_name": "Alice A.", "room_name": "Tea", "prio": "high",
            "content": { "msgtype": "m.text", "body": "hello" }, "counts": { "unread": 1 },
            "devices": [{
                "app_id": "org.example", "pushkey": "key", "pushkey_ts": notice["devices"][0]["pushkey_ts"],
                "data": { "colour": "red" }, "tweaks": { "sound": "default" },
            }],
        });
        assert_eq!(*notice, expected, "version {version}");
        assert!(notice["devices"][0]["pushkey_ts"].as_u64().is_some_and(|seconds| seconds < 10_000_000_000));
        assert_eq!(gateway.asked().len(), 1, "nothing goes to the sender");
        world.ends().await;
    }
}

#[tokio::test]
async fn who_asks_for_ids_gets_ids() {
    let (world, gateway) = (world().await, Gateway::opens().await);
    let (alice, bob, room) = two(&world).await;
    let mut pusher = gateway.pusher("key");
    pusher["data"]["format"] = json!("event_id_only");
    bob.post(v3!("pushers/set"), pusher).await.ok();
    let event = alice.sends("secret").in_room(&room).await;
    gateway.sees(|gateway| !gateway.taken().is_empty()).await;
    let mut notice = gateway.taken().remove(0);
    notice["devices"][0]["pushkey_ts"] = json!(0);
    let device = json!({
        "app_id": "org.example", "pushkey": "key", "pushkey_ts": 0,
        "data": { "colour": "red", "format": "event_id_only" },
    });
    let expected = json!({
        "event_id": event, "room_id": room.0, "prio": "high", "counts": { "unread": 1 }, "devices": [device],
    });
    assert_eq!(notice, expected);
    world.ends().await;
}

#[tokio::test]
async fn only_what_notifies_is_sent_and_in_order() {
    let (world, gateway) = (world().await, Gateway::opens().await);
    let (alice, bob, room) = two(&world).await;
    let mallory = world.register("mallory").await;
    let other = mallory.creates_room_with(&[&alice, &bob]).await;
    let ignored = json!({ "ignored_users": { (mallory.id.clone()): {} } });
    bob.put(v3!("user/{}/account_data/m.ignored_user_list", bob), ignored).await.ok();
    alice.sends("before there was a pusher").in_room(&room).await;
    gateway.notifies(&bob, "key").await;
    let mut expected = Vec::new();
    for number in 0..12 {
        mallory.sends("ignored").in_room(&other).await;
        alice.sends_event("m.reaction", json!({})).in_room(&room).await;
        let text = format!("{number}");
        let room = if number % 3 == 0 { &other } else { &room };
        alice.sends(&text).in_room(room).await;
        expected.push(text);
    }
    gateway.sees(|gateway| gateway.bodies("key").len() >= expected.len()).await;
    assert_eq!(gateway.bodies("key"), expected);
    assert_eq!(gateway.asked().len(), expected.len());
    world.ends().await;
}

#[tokio::test]
async fn invites_and_calls_ring() {
    let (world, gateway) = (world().await, Gateway::opens().await);
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    gateway.notifies(&bob, "key").await;
    let room = alice.creates_room().with("name", json!("Tea")).inviting(&[&bob]).await;
    gateway.sees(|gateway| gateway.taken().len() == 1).await;
    let invite = gateway.taken().remove(0);
    assert_eq!((&invite["type"], &invite["user_is_target"]), (&json!("m.room.member"), &json!(true)));
    assert_eq!((&invite["room_name"], &invite["counts"]["unread"]), (&json!("Tea"), &json!(1)));
    bob.joins(&room).await;
    let call = json!({ "m.mentions": { "user_ids": [bob.id] }, "notification_type": "ring" });
    alice.sends_event("org.matrix.msc4075.rtc.notification", call).in_room(&room).await;
    let rings = |notice: &Value| notice["devices"][0]["tweaks"]["sound"] == "ring" && notice["prio"] == "high";
    gateway.sees(|gateway| gateway.taken().iter().any(rings)).await;
    alice.sends_event("org.matrix.msc3381.poll.start", json!({ "body": "tea?" })).in_room(&room).await;
    gateway.sees(|gateway| gateway.bodies("key") == ["tea?"]).await;
    world.ends().await;
}

#[tokio::test]
async fn a_smaller_count_is_told_and_what_is_read_is_not_sent() {
    let (world, gateway) = (world().await, Gateway::opens().await);
    let (alice, bob, room) = two(&world).await;
    gateway.notifies(&bob, "key").await;
    alice.sends("one").in_room(&room).await;
    let two = alice.sends("two").in_room(&room).await;
    gateway.sees(|gateway| gateway.taken().len() == 2).await;
    bob.reads_up_to(&two, &room).await;
    gateway.sees(|gateway| gateway.taken().len() == 3).await;
    let badge = gateway.taken().remove(2);
    assert_eq!((&badge["counts"]["unread"], &badge["event_id"]), (&json!(0), &Value::Null));
    // A gateway that is away does not get what the user reads meanwhile, by a receipt or by answering.
    gateway.now(|_, _| Reply::Says(503, ""));
    let three = alice.sends("three").in_room(&room).await;
    gateway.sees(|gateway| gateway.asked().len() > 3).await;
    bob.reads_up_to(&three, &room).await;
    alice.sends("four").in_room(&room).await;
    bob.sends("an answer").in_room(&room).await;
    alice.sends("five").in_room(&room).await;
    gateway.now(|_, _| Reply::Takes);
    gateway.sees(|gateway| gateway.bodies("key").contains(&"five".to_owned())).await;
    assert_eq!(gateway.bodies("key"), ["one", "two", "five"]);
    world.ends().await;
}

#[tokio::test]
async fn a_room_without_pushers_costs_nothing() {
    let (world, gateway) = (world().await, Gateway::opens().await);
    let (alice, _bob, room) = two(&world).await;
    let carol = world.register("carol").await;
    gateway.notifies(&carol, "key").await;
    let gathered = |world: &World| world.reads().get("push_gather").copied().unwrap_or(0);
    alice.creates_room().inviting(&[&carol]).await;
    gateway.sees(|gateway| gateway.taken().len() == 1).await;
    let before = gathered(&world);
    for number in 0..20 {
        alice.sends(&number.to_string()).in_room(&room).await;
    }
    // What follows the invite may still be under way.
    assert!(before > 0 && gathered(&world) - before <= 2, "{before} looks became {}", gathered(&world));
    world.ends().await;
}
