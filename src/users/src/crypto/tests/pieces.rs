//! One write holds up all others, so a request for many devices takes several; each device gets its message once, also
//! when the request ends between two of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use hearth_base::limits::users::TO_DEVICE_ROWS_PER_WRITE_MAX;
use hearth_base::{Position, Reason};
use hearth_store::ids::DeviceSn;
use hearth_store::tables::{devices, to_device, txns};
use parking_lot::Mutex;
use ruma::OwnedUserId;
use ruma::events::AnyToDeviceEventContent;
use ruma::serde::Raw;
use ruma::to_device::DeviceIdOrAllDevices::{AllDevices, DeviceId};
use tokio::sync::Notify;

use super::world::{Device, World};
use crate::crypto::to_device::{Received, ToDeviceMessages};

/// More than two writes take.
const DEVICES: usize = 2 * TO_DEVICE_ROWS_PER_WRITE_MAX + 200;

/// Writes of one name: the position before each, and a gate before one of them.
#[derive(Default)]
struct Writes {
    began: Mutex<Vec<Position>>,
    /// The number of the write that waits for the gate; 0 for none.
    gated: AtomicUsize,
    gate: Notify,
}

impl Writes {
    fn watch(world: &World, watched: &'static str) -> Arc<Self> {
        let (writes, store) = (Arc::<Self>::default(), world.core.store.clone());
        let seen = writes.clone();
        world.core.store.before_writes(move |name| {
            let (seen, store) = (seen.clone(), store.clone());
            Box::pin(async move {
                if name == watched {
                    let number = {
                        let mut began = seen.began.lock();
                        began.push(store.position());
                        began.len()
                    };
                    if number == seen.gated.load(Ordering::Acquire) {
                        seen.gate.notified().await;
                    }
                }
            })
        });
        writes
    }

    /// How far each write advanced the position: one for each message.
    fn rows(&self, world: &World) -> Vec<u64> {
        let mut at: Vec<_> = self.began.lock().iter().map(|position| position.0).collect();
        at.push(world.core.store.position().0);
        at.windows(2).map(|two| two[1] - two[0]).collect()
    }
}

/// Bob, with many devices.
async fn bob(world: &World) -> (Device, Vec<DeviceSn>) {
    let bob = world.device("bob", "D0").await;
    let user = bob.who.user;
    let more = world.core.store.write("test", move |tx| {
        for n in 1..DEVICES {
            devices::insert(tx, user, &format!("D{n}"), None, 0)?;
        }
        Ok(devices::ids_of_user(tx.tx(), user)?.into_iter().map(|(sn, _)| sn).collect())
    });
    (bob, more.await.expect("devices"))
}

fn content() -> Raw<AnyToDeviceEventContent> {
    Raw::from_json_string("{}".to_owned()).expect("JSON")
}

/// A message for each of Bob's devices by name, and for as many that do not exist.
fn to_each(bob: &Device) -> ToDeviceMessages {
    let named = (0..2 * DEVICES).map(|n| (DeviceId(format!("D{n}").into()), content())).collect();
    ToDeviceMessages::from([(bob.who.user_id.clone(), named)])
}

fn to_all(bob: &Device) -> ToDeviceMessages {
    ToDeviceMessages::from([(bob.who.user_id.clone(), [(AllDevices, content())].into())])
}

/// How many messages wait for each device.
async fn waiting(world: &World, devices: &[DeviceSn]) -> Vec<u64> {
    let devices = devices.to_vec();
    let read = move |tx: &mut hearth_store::ReadTx<'_>| {
        devices.iter().map(|device| Ok(to_device::fill(tx.tx(), *device)?.0)).collect::<hearth_base::Result<Vec<_>>>()
    };
    world.core.store.read("test", read).await.expect("counts")
}

fn is_each(counts: &[u64], expected: u64) -> bool {
    counts.len() == DEVICES && counts.iter().all(|count| *count == expected)
}

#[tokio::test]
async fn messages_for_many_devices_take_several_writes() {
    let world = World::new();
    let (alice, (bob, devices)) = (world.device("alice", "A").await, bob(&world).await);
    let writes = Writes::watch(&world, "to_device_send");
    for (n, messages) in [to_all(&bob), to_each(&bob)].into_iter().enumerate() {
        writes.began.lock().clear();
        let send = async || world.crypto.send_to_device(&alice.who, "m.test", &n.to_string(), messages.clone()).await;
        send().await.expect("sent");
        assert!(is_each(&waiting(&world, &devices).await, n as u64 + 1));
        let rows = writes.rows(&world);
        assert_eq!(rows.iter().sum::<u64>(), DEVICES as u64);
        assert!(rows.len() == 3 && rows.iter().all(|rows| *rows <= TO_DEVICE_ROWS_PER_WRITE_MAX as u64), "{rows:?}");
        send().await.expect("the same again");
        assert!(is_each(&waiting(&world, &devices).await, n as u64 + 1), "it does nothing");
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_between_two_writes_has_sent_all() {
    let world = World::new();
    let (alice, (bob, devices)) = (world.device("alice", "A").await, bob(&world).await);
    let writes = Writes::watch(&world, "to_device_send");
    writes.gated.store(2, Ordering::Release);
    {
        let mut request = Box::pin(world.crypto.send_to_device(&alice.who, "m.test", "1", to_all(&bob)));
        while writes.began.lock().len() < 2 {
            assert!(request.as_mut().now_or_never().is_none());
            tokio::task::yield_now().await;
        }
    }
    writes.gate.notify_one();
    while !is_each(&waiting(&world, &devices).await, 1) {
        tokio::task::yield_now().await;
    }
}

/// The first copy stands still after its first write, as one that a crash ended; the second one is the client's retry.
#[tokio::test]
async fn a_retry_goes_on_where_the_request_ended() {
    let world = World::new();
    let (alice, (bob, devices)) = (world.device("alice", "A").await, bob(&world).await);
    let writes = Writes::watch(&world, "to_device_send");
    writes.gated.store(2, Ordering::Release);
    let send = || world.crypto.send_to_device(&alice.who, "m.test", "1", to_each(&bob));
    let mut first = Box::pin(send());
    while writes.began.lock().len() < 2 {
        assert!(first.as_mut().now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    let counts = waiting(&world, &devices).await;
    assert!(counts.contains(&0) && counts.contains(&1), "in part");
    send().await.expect("sent");
    assert!(is_each(&waiting(&world, &devices).await, 1));
    writes.gate.notify_one();
    first.await.expect("the other copy finds everything sent");
    assert!(is_each(&waiting(&world, &devices).await, 1));
}

/// When no write of a request has stored anything, the client may repeat it from its beginning.
#[tokio::test]
async fn a_request_that_is_refused_as_a_whole_begins_again() {
    let world = World::new();
    let (alice, bob) = (world.device("alice", "A").await, world.device("bob", "D0").await);
    let (device, key) = (alice.who.device, txns::key("sendToDevice\0m.test", "1"));
    // As earlier writes leave it that found no room for the only message.
    let write = world.core.store.write("test", move |tx| txns::insert(tx.tx(), device, key, "1 0 0 1", 0));
    write.await.expect("a transaction that has begun");
    let send = || world.crypto.send_to_device(&alice.who, "m.test", "1", to_all(&bob));
    let refusal = send().await.expect_err("nothing was sent");
    assert!(matches!(refusal.reason(), Some(Reason::LimitExceeded { .. })), "{refusal:?}");
    send().await.expect("sent");
    assert_eq!(waiting(&world, &[bob.who.device]).await, [1]);
}

#[tokio::test]
async fn messages_of_other_servers_are_stored_once_each() {
    let world = World::new();
    let (bob, devices) = bob(&world).await;
    let sender: OwnedUserId = "@x:other.example".try_into().expect("a user id");
    let deliver = async |id: &str, messages: ToDeviceMessages| {
        let received = Arc::new(Received::new(&world.core, &sender, "m.test", id, messages).expect("well-formed"));
        let (core, before) = (world.core.clone(), world.core.store.position());
        let write = world.core.store.write("test", move |tx| {
            let mut rows_left = TO_DEVICE_ROWS_PER_WRITE_MAX;
            let is_done = received.deliver(&core, tx, &mut rows_left)?;
            Ok((is_done, TO_DEVICE_ROWS_PER_WRITE_MAX - rows_left))
        });
        let (is_done, rows) = write.await.expect("no fault");
        assert!(world.core.store.position().0 - before.0 <= rows as u64, "each row is counted");
        is_done
    };
    for (n, messages) in [to_all(&bob), to_each(&bob)].into_iter().enumerate() {
        let id = n.to_string();
        // The sender repeats the message after each write, as after a crash.
        let mut writes = 1;
        while !deliver(&id, messages.clone()).await {
            writes += 1;
        }
        assert_eq!(writes, 3);
        assert!(deliver(&id, messages.clone()).await, "a duplicate");
        assert!(is_each(&waiting(&world, &devices).await, n as u64 + 1));
    }
}
