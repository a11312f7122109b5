//! Messages between devices: each waits until it is acknowledged, none comes twice.

use hearth_base::{Position, Reason, limits};
use hearth_store::tables::to_device;
use ruma::events::AnyToDeviceEventContent;
use ruma::serde::Raw;
use ruma::to_device::DeviceIdOrAllDevices::{self, AllDevices};

use super::world::{Device, World};
use crate::crypto::to_device::ToDeviceMessages;

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
    assert!(world.core.notifier.newest_for(phone.who.user) >= messages[1].0);
}

#[tokio::test]
async fn a_full_inbox_loses_its_oldest() {
    let world = World::new();
    let phone = world.device("bob", "PHONE").await;
    let device = phone.who.device;
    let write = world.core.store.write("test", move |tx| {
        let mut dropped = 0;
        for n in 0..7 {
            let at = tx.position();
            dropped += u32::from(to_device::insert(tx.tx(), device, at, &format!("{{\"n\":{n}}}"), 4)?.is_some());
        }
        Ok(dropped)
    });
    assert_eq!(write.await.expect("written"), 3);
    let texts: Vec<_> = waiting(&world, &phone).await.into_iter().map(|(_, json)| json).collect();
    assert_eq!(texts, [r#"{"n":3}"#, r#"{"n":4}"#, r#"{"n":5}"#, r#"{"n":6}"#]);
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
