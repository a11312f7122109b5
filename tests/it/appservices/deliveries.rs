//! Transactions to application services.

use hearth_admin::wire::{Appservice, AppserviceList, Done, NewAppservice, SetAppserviceDisabled, paths};

use super::bridge::Bridge;
use crate::harness::{Client, Person, Room, World, json, v1, v3};

const TO_DEVICE: &str = "de.sorunome.msc2409.to_device";

/// A server with a bridge that was added while it ran.
async fn bridged(more: &str) -> (World, Bridge, Client) {
    let (world, bridge) = (World::new().await, Bridge::starts("irc").await);
    adds(&world, bridge.registration(more)).await;
    let client = bridge.client(&world);
    (world, bridge, client)
}

async fn adds(world: &World, registration: String) -> Appservice {
    world.operator().post(paths::APPSERVICES, &NewAppservice { registration }).await.expect("a registration")
}

/// The bot of the bridge joins a room.
async fn bot_joins(client: &Client, room: &Room) {
    client.post(v3!("join/{}", room), json!({})).await.ok();
}

async fn shown(world: &World) -> Appservice {
    let list: AppserviceList = world.operator().get(paths::APPSERVICES).await.expect("a list");
    list.items.into_iter().next().expect("one")
}

async fn says(alice: &Person, room: &Room, texts: &[&str]) {
    for text in texts {
        alice.sends(text).in_room(room).await;
    }
}

#[tokio::test]
async fn events_of_its_rooms_come_in_order_and_others_do_not() {
    for version in ["11", "12"] {
        let (world, bridge, client) = bridged("").await;
        let alice = world.register("alice").await;
        let (room, other) = (alice.creates_room().public().version(version).await, alice.creates_room().await);
        says(&alice, &room, &["before it joined"]).await;
        bot_joins(&client, &room).await;
        says(&alice, &other, &["elsewhere"]).await;
        let texts: Vec<String> = (0..150).map(|number| number.to_string()).collect();
        says(&alice, &room, &texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
        bridge.until("all messages", |bridge| bridge.messages().len() >= texts.len()).await;
        assert_eq!(bridge.messages(), texts);
        let first = bridge.transactions().into_iter().next().expect("a transaction");
        assert_eq!(first.authorization, "Bearer hs_irc");
        let joins: Vec<_> =
            bridge.all("events").into_iter().filter(|event| event["state_key"] == "@ircbot:localhost").collect();
        assert_eq!(joins.len(), 1, "{joins:?}");
        assert_eq!(joins[0]["room_id"], room.0);
        world.ends().await;
    }
}

#[tokio::test]
async fn a_refused_transaction_comes_again_with_the_same_number_and_events_also_after_a_restart() {
    for version in ["11", "12"] {
        let (mut world, bridge, client) = bridged("").await;
        let alice = world.register("alice").await;
        let room = alice.creates_room().public().version(version).await;
        bot_joins(&client, &room).await;
        bridge.until("the join", |bridge| !bridge.all("events").is_empty()).await;
        bridge.refuses(&[500; 50]);
        says(&alice, &room, &["one"]).await;
        bridge.until("a refusal", |bridge| bridge.asked().iter().any(|asked| asked.status == 500)).await;
        says(&alice, &room, &["two"]).await;
        let refused = bridge.asked().into_iter().find(|asked| asked.status == 500).expect("a refused one");
        let health = shown(&world).await;
        assert!(health.failures > 0 && health.behind_events >= 1, "{health:?}");
        assert!(health.last_error.as_deref().is_some_and(|error| error.contains("500")), "{health:?}");
        world.restart().await;
        bridge.refuses(&[]);
        bridge.until("the rest", |bridge| bridge.messages().len() >= 2).await;
        assert_eq!(bridge.messages(), ["one", "two"]);
        let again =
            bridge.transactions().into_iter().find(|asked| asked.line == refused.line).expect("the same number");
        let ids = |body: &crate::harness::Value| {
            crate::harness::list(&body["events"]).iter().map(|event| event["event_id"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(ids(&again.body), ids(&refused.body));
        world.ends().await;
    }
}

#[tokio::test]
async fn what_comes_late_is_what_would_have_come_in_time() {
    let (world, bridge, client) = bridged("").await;
    let alice = world.register("alice").await;
    let (left, joined) = (alice.creates_room().public().await, alice.creates_room().public().await);
    bot_joins(&client, &left).await;
    let path = paths::appservice_disabled("irc");
    let disable = async |disabled| {
        let _: Done = world.operator().put(&path, &SetAppserviceDisabled { disabled }).await.expect("set");
    };
    disable(true).await;
    says(&alice, &left, &["while it was there"]).await;
    says(&alice, &joined, &["before it came"]).await;
    client.post(v3!("rooms/{}/leave", left), json!({})).await.ok();
    bot_joins(&client, &joined).await;
    says(&alice, &left, &["after it left"]).await;
    says(&alice, &joined, &["after it came"]).await;
    assert!(shown(&world).await.behind_events >= 4);
    disable(false).await;
    bridge.until("both", |bridge| bridge.messages().len() >= 2).await;
    says(&alice, &joined, &["last"]).await;
    bridge.until("the last", |bridge| bridge.messages().len() >= 3).await;
    assert_eq!(bridge.messages(), ["while it was there", "after it came", "last"]);
    world.ends().await;
}

#[tokio::test]
async fn typing_receipts_messages_to_devices_and_key_counts_come() {
    let (world, bridge, client) = bridged("").await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().public().await;
    let ghost = "@irc_bob:localhost";
    client.post(v3!("register"), json!({ "type": "m.login.application_service", "username": "irc_bob" })).await.ok();
    let as_ghost = &[("user_id", ghost)];
    client.put(v3!("devices/{}", "PHONE"), json!({})).query(as_ghost).await.status_is(201);
    client.put(v3!("devices/{}", "PHONE"), json!({ "display_name": "x" })).query(as_ghost).await.status_is(200);
    client.post(v3!("join/{}", room), json!({})).query(as_ghost).await.ok();
    let event = alice.sends("hello").in_room(&room).await;
    alice.reads_up_to(&event, &room).await;
    alice.put(v3!("rooms/{}/typing/{}", room, alice.id), json!({ "typing": true, "timeout": 30_000 })).await.ok();
    let messages = json!({ "messages": { ghost: { "PHONE": { "secret": "word" } } } });
    alice.put(v3!("sendToDevice/m.test/{}", "1"), messages).await.ok();
    let has = |bridge: &Bridge, kind: &str| bridge.all("ephemeral").iter().any(|event| event["type"] == kind);
    bridge.until("typing", |bridge| has(bridge, "m.typing")).await;
    bridge.until("a receipt", |bridge| has(bridge, "m.receipt")).await;
    bridge.until("a message to the device", |bridge| !bridge.all(TO_DEVICE).is_empty()).await;
    let message = bridge.all(TO_DEVICE).remove(0);
    assert_eq!((&message["to_user_id"], &message["to_device_id"]), (&json!(ghost), &json!("PHONE")));
    assert_eq!(message["content"]["secret"], "word");
    let transactions = bridge.transactions();
    let counted = |asked: &super::bridge::Asked| {
        asked.body["org.matrix.msc3202.device_one_time_keys_count"][ghost]["PHONE"]["signed_curve25519"] == 0
    };
    assert!(transactions.iter().any(counted), "{transactions:#?}");
    let lists = |asked: &super::bridge::Asked| !asked.body["org.matrix.msc3202.device_lists"]["changed"].is_null();
    assert!(transactions.iter().any(lists), "{transactions:#?}");
    client.delete(v3!("devices/{}", "PHONE")).query(as_ghost).json(&json!({})).await.ok();
    client.post(v3!("account/deactivate"), json!({})).query(as_ghost).await.ok();
    world.ends().await;
}

#[tokio::test]
async fn one_that_is_away_delays_no_other_and_gets_everything_later() {
    let (world, bridge, client) = bridged("").await;
    let other = Bridge::starts("xmpp").await;
    adds(&world, other.registration("")).await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().public().await;
    bot_joins(&client, &room).await;
    bot_joins(&other.client(&world), &room).await;
    let address = bridge.address.to_string();
    drop(bridge);
    says(&alice, &room, &["one", "two"]).await;
    other.until("what the other gets", |other| other.messages().len() >= 2).await;
    let bridge = Bridge::starts_at("irc", &address).await;
    // A ping ends the wait.
    client.post(v1!("appservice/irc/ping"), json!({})).await.ok();
    bridge.until("what it missed", |bridge| bridge.messages().len() >= 2).await;
    assert_eq!(bridge.messages(), ["one", "two"]);
    world.ends().await;
}

#[tokio::test]
async fn registrations_come_and_go_while_the_server_runs() {
    let (mut world, bridge, client) = bridged("").await;
    world.restart().await;
    client.get(v3!("account/whoami")).await.ok();
    assert!(shown(&world).await.added);
    let same_id = bridge.registration("").replace("as_irc", "as_else").replace("id: irc", "id: else");
    adds(&world, same_id.replace("ircbot", "elsebot").replace("irc_", "else_")).await;
    let taken = bridge.registration("").replace("id: irc", "id: third");
    let refused =
        world.operator().post::<_, Appservice>(paths::APPSERVICES, &NewAppservice { registration: taken }).await;
    assert!(refused.is_err_and(|error| error.what.contains("as_token")));
    let _: Done = world.operator().delete(&paths::appservice("irc")).await.expect("removed");
    client.get(v3!("account/whoami")).await.refused(401, "M_UNKNOWN_TOKEN");
    world.ends().await;
}
