//! Key uploads: repeated uploads, conflicts, and a new identity.

use hearth_base::Reason;
use hearth_store::tables::devices;

use super::world::{World, key_pair};
use crate::crypto::LocalKeys;
use crate::crypto::keys::{KeysQuery, KeysUpload};
use crate::devices::purge;

fn count(counts: &std::collections::BTreeMap<ruma::OneTimeKeyAlgorithm, ruma::UInt>) -> u64 {
    counts.values().map(|count| u64::from(*count)).sum()
}

#[tokio::test]
async fn what_is_there_may_come_again_and_another_key_of_that_id_may_not() {
    let world = World::new();
    let mut alice = world.device("alice", "PHONE").await;
    let counts = world.crypto.upload_keys(&alice.who, alice.upload(&["A", "B"], &["F"])).await.expect("stored");
    assert_eq!(count(&counts), 2);
    let position = world.core.store.position();
    let counts = world.crypto.upload_keys(&alice.who, alice.upload(&["A", "B"], &["F"])).await.expect("again");
    assert_eq!(count(&counts), 2);
    let (changed, _) = world.crypto.key_changes(&alice.who, position).await.expect("changes");
    assert!(changed.is_empty(), "nothing changed, so nobody is told: {changed:?}");

    let mut other = alice.one_time_keys(&["C"]);
    let key = other.pop_last().expect("a key").1;
    let clash = KeysUpload {
        one_time_keys: [("signed_curve25519:A".try_into().expect("an id"), key)].into(),
        ..KeysUpload::default()
    };
    let error = world.crypto.upload_keys(&alice.who, clash).await.expect_err("another key under the same id");
    assert_eq!(error.reason(), Some(Reason::Unknown));
    assert!(error.to_string().contains("One time key signed_curve25519:A already exists. Old key:"), "{error}");

    // A new identity: keys that the old one signed must not be given out.
    alice.key = key_pair(Some("PHONE"));
    let counts = world.crypto.upload_keys(&alice.who, alice.upload(&["N"], &[])).await.expect("a new identity");
    assert_eq!(count(&counts), 1);
    let (changed, _) = world.crypto.key_changes(&alice.who, position).await.expect("changes");
    assert_eq!(changed, [alice.who.user_id.clone()]);
}

#[tokio::test]
async fn too_many_keys_are_refused_and_none_of_them_stored() {
    let world = World::new();
    let alice = world.device("alice", "PHONE").await;
    let ids: Vec<String> = (0..600).map(|n| format!("K{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    world.crypto.upload_keys(&alice.who, alice.upload(&ids, &[])).await.expect("below the limit");
    let more: Vec<String> = (600..1200).map(|n| format!("K{n}")).collect();
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let error = world.crypto.upload_keys(&alice.who, alice.upload(&more, &[])).await.expect_err("above the limit");
    assert_eq!(error.reason(), Some(Reason::InvalidParam));
    assert_eq!(count(&world.crypto.upload_keys(&alice.who, KeysUpload::default()).await.expect("counts")), 600);
}

#[tokio::test]
async fn a_device_id_that_is_used_again_inherits_nothing() {
    let world = World::new();
    let alice = world.device("alice", "PHONE").await;
    world.crypto.upload_keys(&alice.who, alice.upload(&["A"], &["F"])).await.expect("stored");
    let (core, user) = (world.core.clone(), alice.who.user);
    let write = world.core.store.write("test", move |tx| {
        let rows = devices::of_user(tx.tx(), user)?;
        purge::purge(&core, tx, user, &rows)
    });
    write.await.expect("logged out");
    let error = world.crypto.upload_keys(&alice.who, alice.upload(&["B"], &[])).await.expect_err("the device is gone");
    assert_eq!(error.reason(), Some(Reason::UnknownToken { soft_logout: false }));
    let again = world.device("alice", "PHONE").await;
    assert_eq!(count(&world.crypto.upload_keys(&again.who, KeysUpload::default()).await.expect("counts")), 0);
    let query = KeysQuery::from([(again.who.user_id.clone(), vec![])]);
    let queried = LocalKeys::of(&world.crypto).query_keys(&again.who, query).await.expect("an answer");
    assert!(queried.device_keys[&again.who.user_id].is_empty());
}
