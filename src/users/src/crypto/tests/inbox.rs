//! To-device messages: each stays until it is acknowledged, and is delivered once.

use futures_util::FutureExt;
use hearth_base::{Position, Reason, limits};
use hearth_store::tables::to_device;
use ruma::events::AnyToDeviceEventContent;
use ruma::serde::Raw;
use ruma::to_device::DeviceIdOrAllDevices::{self, AllDevices};

use super::world::{Device, World};
use crate::crypto::to_device::{Received, ToDeviceMessages};

fn to(target: &Device, device: DeviceIdOrAllDevices, content: &str) -> ToDeviceMessages {
    let content: Raw<AnyToDeviceEventContent> = Raw::from_json_string(content.to_owned()).expect("JSON");
    ToDeviceMessages::from([(target.who.user_id.clone(), [(device, content)].into())])
}

async fn waiting(world: &World, of: &Device) -> Vec<(Position, String)> {
    let (device, upto) = (of.who.device, world.core.store.position());
    let read = world.core.store.read("test", move |tx| to_device::batch(tx.tx(), device, Position::ZERO, upto, 1_000));
    read.await.expect("messages")
}

#[tokio::test]
async fn messages_wait_until_acknowledged() {
    let world = World::new();
    let (alice, phone) = (world.device("alice", "A").await, world.device("bob", "PHONE").await);
    let laptop = world.device("bob", "LAPTOP").await;
    let send = async |txn: &str, messages| world.crypto.send_to_device(&alice.who, "m.test", txn, messages).await;
    send("1", to(&phone, AllDevices, r#"{"n":1}"#)).await.expect("sent");
    send("1", to(&phone, AllDevices, r#"{"n":1}"#)).await.expect("the same again does nothing");
    send("2", to(&phone, DeviceIdOrAllDevices::DeviceId("PHONE".into()), r#"{"n":2}"#)).await.expect("sent");
    send("3", to(&phone, DeviceIdOrAllDevices::DeviceId("NONE".into()), r#"{"n":3}"#)).await.expect("no such device");
    assert_eq!(waiting(&world, &laptop).await.len(), 1);
    let messages = waiting(&world, &phone).await;
    let texts: Vec<_> = messages.iter().map(|(_, json)| json.as_str()).collect();
    assert_eq!(
        texts,
        [
            r#"{"content":{"n":1},"sender":"@alice:example.org","type":"m.test"}"#,
            r#"{"content":{"n":2},"sender":"@alice:example.org","type":"m.test"}"#,
        ]
    );
    assert_eq!(waiting(&world, &phone).await.len(), 2, "reading takes nothing away");
    let (device, first) = (phone.who.device, messages[0].0);
    let write = world.core.store.write("test", move |tx| to_device::delete_upto(tx.tx(), device, first));
    assert_eq!(write.await.expect("deleted"), 1);
    assert_eq!(waiting(&world, &phone).await, messages[1..]);
    let mut waiter = world.core.notifier.subscribe(phone.who.user);
    let before = Position(messages[1].0.0 - 1);
    assert!(waiter.news_after(before).now_or_never().is_some(), "the client has been woken");
}

#[tokio::test]
async fn a_sender_who_is_over_their_share_is_refused_and_others_are_not() {
    let world = World::new();
    let (alice, mallory) = (world.device("alice", "A").await, world.device("mallory", "M").await);
    let phone = world.device("bob", "PHONE").await;
    let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(60_000));
    let sent = async |by: &Device, txn: usize, content: &str| {
        let messages = to(&phone, AllDevices, content);
        world.crypto.send_to_device(&by.who, "m.test", &txn.to_string(), messages).await
    };
    sent(&alice, 0, r#"{"key":1}"#).await.expect("the first");
    let mut accepted = 0;
    let refusal = loop {
        match sent(&mallory, accepted, &large).await {
            Ok(()) => accepted += 1,
            Err(refusal) => break refusal,
        }
    };
    assert!(matches!(refusal.reason(), Some(Reason::LimitExceeded { .. })), "{refusal:?}");
    let bytes = accepted as u64 * 60_000;
    assert!(bytes < limits::TO_DEVICE_SENDER_BYTES_MAX && bytes > limits::TO_DEVICE_SENDER_BYTES_MAX - 200_000);
    sent(&alice, 1, r#"{"key":2}"#).await.expect("others have shares of their own");
    let messages = waiting(&world, &phone).await;
    assert_eq!(messages.len(), accepted + 2, "what was accepted is kept");
    assert!(messages[0].1.contains(r#""key":1"#) && messages[accepted + 1].1.contains(r#""key":2"#));
}

#[tokio::test]
async fn servers_that_share_no_room_cannot_fill_an_inbox() {
    let world = World::new();
    let (alice, phone) = (world.device("alice", "A").await, world.device("bob", "PHONE").await);
    let deliver = async |sender: String, n: usize, content: &str| {
        let messages = to(&phone, AllDevices, content);
        let sender = ruma::UserId::parse(sender).expect("a user id");
        let received = Received::new(&world.core, &sender, "m.test", &n.to_string(), messages).expect("well-formed");
        let core = world.core.clone();
        world.core.store.write("test", move |tx| received.deliver(&core, tx, &mut 1_000)).await.expect("delivered")
    };
    let alices = to(&phone, AllDevices, r#"{"key":1}"#);
    world.crypto.send_to_device(&alice.who, "m.test", "1", alices).await.expect("sent");
    for n in 0..150 {
        deliver("@m:one.example".into(), n, "{}").await;
    }
    assert_eq!(waiting(&world, &phone).await.len(), 101, "a hundred of a stranger, and alice's");
    let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(60_000));
    for n in 0..50 {
        deliver(format!("@m:server{n}.example"), n, &large).await;
    }
    let messages = waiting(&world, &phone).await;
    let bytes: usize = messages.iter().map(|(_, json)| json.len()).sum();
    assert!(bytes as u64 <= limits::TO_DEVICE_STRANGERS_BYTES_MAX + 1_000, "{bytes}");
    assert!(messages[0].1.contains(r#""key":1"#));
    let alices = to(&phone, AllDevices, r#"{"key":2}"#);
    world.crypto.send_to_device(&alice.who, "m.test", "2", alices).await.expect("there is room for her");
}

#[tokio::test]
async fn messages_that_are_too_large_or_no_objects_are_refused() {
    let world = World::new();
    let (alice, bob) = (world.device("alice", "A").await, world.device("bob", "B").await);
    let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(limits::TO_DEVICE_BYTES_MAX));
    for (content, expected) in [(large.as_str(), Reason::TooLarge), ("[]", Reason::BadJson), ("null", Reason::BadJson)]
    {
        let error = world.crypto.send_to_device(&alice.who, "m.test", "t", to(&bob, AllDevices, content)).await;
        assert_eq!(error.expect_err("refused").reason(), Some(expected));
    }
    assert!(waiting(&world, &bob).await.is_empty());
}
