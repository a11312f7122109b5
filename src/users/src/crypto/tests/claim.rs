//! A one-time key is given out once, even to concurrent claims.

use std::collections::BTreeSet;

use hearth_base::limits::users::CLAIMS_PER_WRITE_MAX;
use hearth_store::tables::one_time_keys;
use ruma::OneTimeKeyAlgorithm;
use ruma::OwnedUserId;

use super::world::{Device, World};
use crate::crypto::keys::{ClaimedKeys, KeyClaims};

fn claims(of: &Device) -> KeyClaims {
    let device = [(of.who.device_id.clone(), OneTimeKeyAlgorithm::SignedCurve25519)].into();
    KeyClaims::from([(of.who.user_id.clone(), device)])
}

fn ids(claimed: &ClaimedKeys) -> Vec<String> {
    let devices = claimed.values().flat_map(|devices| devices.values());
    devices.flat_map(|keys| keys.keys()).map(ToString::to_string).collect()
}

#[expect(clippy::disallowed_methods, reason = "the test waits for its own tasks")]
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_claims_at_once_get_a_hundred_keys() {
    let world = World::new();
    let alice = world.device("alice", "PHONE").await;
    let names: Vec<String> = (0..100).map(|n| format!("K{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.crypto.upload_keys(&alice.who, alice.upload(&names, &["F"])).await.expect("stored");
    let mut tasks = Vec::new();
    for _ in 0..120 {
        let (crypto, claims) = (world.crypto.clone(), claims(&alice));
        tasks.push(tokio::spawn(async move { crypto.claim_keys_for_server(claims).await }));
    }
    let mut found = Vec::new();
    for task in tasks {
        found.extend(ids(&task.await.expect("no panic").expect("an answer")));
    }
    let fallback = "signed_curve25519:F";
    assert_eq!(found.len(), 120);
    assert_eq!(found.iter().filter(|id| *id == fallback).count(), 20);
    assert_eq!(found.iter().filter(|id| *id != fallback).collect::<BTreeSet<_>>().len(), 100);
}

#[tokio::test]
async fn the_oldest_key_leaves_first_and_the_fallback_is_marked() {
    let world = World::new();
    let alice = world.device("alice", "PHONE").await;
    world.crypto.upload_keys(&alice.who, alice.upload(&["Z"], &["F"])).await.expect("stored");
    world.crypto.upload_keys(&alice.who, alice.upload(&["A"], &["F"])).await.expect("stored");
    let unused = async || {
        let device = alice.who.device;
        let read = world.core.store.read("test", move |tx| one_time_keys::unused_fallback_types(tx.tx(), device));
        read.await.expect("types").len()
    };
    let mut order = Vec::new();
    for _ in 0..2 {
        order.extend(ids(&world.crypto.claim_keys_for_server(claims(&alice)).await.expect("a key")));
    }
    assert_eq!((order, unused().await), (vec!["signed_curve25519:Z".into(), "signed_curve25519:A".into()], 1));
    assert_eq!(ids(&world.crypto.claim_keys_for_server(claims(&alice)).await.expect("a key")), ["signed_curve25519:F"]);
    assert_eq!(unused().await, 0);
    world.crypto.upload_keys(&alice.who, alice.upload(&[], &["F"])).await.expect("the same fallback key again");
    assert_eq!(unused().await, 0, "what was handed out stays handed out");
    world.crypto.upload_keys(&alice.who, alice.upload(&[], &["G"])).await.expect("a new one");
    assert_eq!(unused().await, 1);
}

#[tokio::test]
async fn strangers_and_other_servers_have_no_keys() {
    let world = World::new();
    let alice = world.device("alice", "PHONE").await;
    let mut wanted = claims(&alice);
    for user in ["@nobody:example.org", "@bob:elsewhere.example"] {
        let user: OwnedUserId = user.try_into().expect("a user id");
        wanted.insert(user, [("X".into(), OneTimeKeyAlgorithm::SignedCurve25519)].into());
    }
    let claimed = world.crypto.claim_keys_for_server(wanted).await.expect("an answer");
    assert!(claimed.is_empty());
}

/// One write holds up all others, so it claims only so many keys.
#[tokio::test]
async fn claims_of_many_devices_take_several_writes() {
    let world = World::new();
    let (alice, bob) = (world.device("alice", "PHONE").await, world.device("bob", "PHONE").await);
    for device in [&alice, &bob] {
        world.crypto.upload_keys(&device.who, device.upload(&["K"], &[])).await.expect("stored");
    }
    let mut wanted = claims(&alice);
    wanted.extend(claims(&bob));
    let none = (0..2 * CLAIMS_PER_WRITE_MAX).map(|n| (format!("D{n}").into(), OneTimeKeyAlgorithm::SignedCurve25519));
    wanted.get_mut(&alice.who.user_id).expect("her claims").extend(none);
    let claimed = world.crypto.claim_keys_for_server(wanted).await.expect("an answer");
    assert_eq!(ids(&claimed).len(), 2);
    let operations = world.core.store.operations();
    let claims = operations.iter().find(|operation| operation.name == "keys_claim").expect("claims");
    assert_eq!(claims.count, 3);
}
