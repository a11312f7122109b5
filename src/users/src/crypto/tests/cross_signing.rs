//! Cross-signing keys: replacement, and who sees which signatures.

use hearth_base::Reason;
use ruma::serde::Raw;
use ruma::signatures::Ed25519KeyPair;
use serde_json::Value;

use super::world::{Device, World, key_pair, public, signed};
use crate::crypto::LocalKeys;
use crate::crypto::cross_signing::{CrossSigningOutcome, CrossSigningUpload, SignedKeys};
use crate::crypto::keys::KeysQuery;

struct Identity {
    master: Ed25519KeyPair,
    own: Ed25519KeyPair,
    others: Ed25519KeyPair,
}

impl Identity {
    fn new() -> Self {
        Self { master: key_pair(None), own: key_pair(None), others: key_pair(None) }
    }

    fn upload(&self, device: &Device) -> CrossSigningUpload {
        CrossSigningUpload {
            master: Some(device.cross_signing_key("master", &self.master, None)),
            self_signing: Some(device.cross_signing_key("self_signing", &self.own, Some(&self.master))),
            user_signing: Some(device.cross_signing_key("user_signing", &self.others, Some(&self.master))),
        }
    }
}

fn json<T>(raw: &Raw<T>) -> Value {
    serde_json::from_str(raw.json().get()).expect("JSON")
}

async fn query(world: &World, viewer: &Device, of: &Device) -> crate::crypto::keys::Queried {
    let query = KeysQuery::from([(of.who.user_id.clone(), vec![])]);
    LocalKeys::of(&world.crypto).query_keys(&viewer.who, query).await.expect("an answer")
}

#[tokio::test]
async fn the_first_keys_and_the_same_keys_need_no_proof_and_others_do() {
    let world = World::new();
    let alice = world.device("alice", "PHONE").await;
    let (first, second) = (Identity::new(), Identity::new());
    let upload =
        async |upload: CrossSigningUpload, proof| world.crypto.upload_cross_signing(&alice.who, upload, proof).await;
    assert_eq!(upload(first.upload(&alice), false).await.expect("first"), CrossSigningOutcome::Stored);
    assert_eq!(upload(first.upload(&alice), false).await.expect("same"), CrossSigningOutcome::Stored);
    assert_eq!(upload(second.upload(&alice), false).await.expect("other"), CrossSigningOutcome::NeedsAuthentication);
    let malformed =
        Raw::from_json_string(r#"{"usage":["master"],"keys":{"ed25519:AAAA":"AAAA"}}"#.into()).expect("JSON");
    let malformed = CrossSigningUpload { master: Some(malformed), ..CrossSigningUpload::default() };
    assert_eq!(upload(malformed.clone(), false).await.expect("asked first"), CrossSigningOutcome::NeedsAuthentication);
    assert_eq!(upload(malformed, true).await.expect_err("then refused").reason(), Some(Reason::InvalidParam));
    let alone = CrossSigningUpload { master: second.upload(&alice).master, ..CrossSigningUpload::default() };
    assert_eq!(upload(alone, true).await.expect("with proof"), CrossSigningOutcome::Stored);
    let queried = query(&world, &alice, &alice).await;
    assert!(queried.self_signing_keys.is_empty(), "what the old master key vouched for is gone");
    assert!(json(&queried.master_keys[&alice.who.user_id])["keys"].to_string().contains(&public(&second.master)));
}

#[tokio::test]
async fn keys_need_their_master_keys_signature() {
    let world = World::new();
    let alice = world.device("alice", "PHONE").await;
    let (good, other) = (Identity::new(), key_pair(None));
    let without_master = CrossSigningUpload { master: None, ..good.upload(&alice) };
    let forged = alice.cross_signing_key("self_signing", &good.own, Some(&other));
    let wrong_usage = alice.cross_signing_key("user_signing", &good.own, Some(&good.master));
    let cases = [
        ("no master", without_master, Reason::MissingParam),
        ("forged", CrossSigningUpload { self_signing: Some(forged), ..good.upload(&alice) }, Reason::InvalidSignature),
        (
            "wrong usage",
            CrossSigningUpload { self_signing: Some(wrong_usage), ..good.upload(&alice) },
            Reason::InvalidParam,
        ),
    ];
    for (what, upload, expected) in cases {
        let error = world.crypto.upload_cross_signing(&alice.who, upload, false).await.expect_err(what);
        assert_eq!(error.reason(), Some(expected), "{what}");
    }
    assert!(query(&world, &alice, &alice).await.master_keys.is_empty());
}

#[tokio::test]
async fn signatures_are_checked_and_shown_to_signer_and_owner_alone() {
    let world = World::new();
    let (alice, bob) = (world.device("alice", "PHONE").await, world.device("bob", "LAPTOP").await);
    let carol = world.device("carol", "TABLET").await;
    let (of_alice, of_bob) = (Identity::new(), Identity::new());
    for (device, identity) in [(&alice, &of_alice), (&bob, &of_bob)] {
        world.crypto.upload_keys(&device.who, device.upload(&[], &[])).await.expect("stored");
        let outcome = world.crypto.upload_cross_signing(&device.who, identity.upload(device), false).await;
        assert_eq!(outcome.expect("stored"), CrossSigningOutcome::Stored);
    }
    let sign = |raw: &str, key| signed::<Value>(serde_json::from_str(raw).expect("JSON"), &[(&alice.who.user_id, key)]);
    let own = json(&alice.device_keys()).to_string();
    let bobs_master = of_bob.upload(&bob).master.expect("a key").json().get().to_owned();
    let alices_master = of_alice.upload(&alice).master.expect("a key").json().get().to_owned();
    let item = |raw: Raw<Value>| raw.json().get().to_owned();
    let position = world.core.store.position();
    let keys = SignedKeys::from([
        (
            alice.who.user_id.clone(),
            [
                ("PHONE".to_owned(), item(sign(&own, &of_alice.own))),
                (public(&of_alice.master), item(sign(&alices_master, &alice.key))),
                ("NOWHERE".to_owned(), item(sign(&own, &of_alice.own))),
            ]
            .into(),
        ),
        (bob.who.user_id.clone(), [(public(&of_bob.master), item(sign(&bobs_master, &of_alice.others)))].into()),
    ]);
    let failed = world.crypto.upload_signatures(&alice.who, keys).await.expect("an answer");
    let failed: Vec<_> = failed.values().flatten().map(|(item, error)| (item.as_str(), error.reason())).collect();
    assert_eq!(failed, [("NOWHERE", Some(Reason::NotFound))]);

    let sees = async |viewer: &Device| {
        let queried = query(&world, viewer, &bob).await;
        let shown = json(&queried.master_keys[&bob.who.user_id])["signatures"][alice.who.user_id.as_str()].is_object();
        (shown, !queried.user_signing_keys.is_empty())
    };
    assert_eq!(
        (sees(&alice).await, sees(&bob).await, sees(&carol).await),
        ((true, false), (false, true), (false, false))
    );
    let queried = query(&world, &carol, &alice).await;
    let device = json(&queried.device_keys[&alice.who.user_id][&*alice.who.device_id]);
    assert!(device["signatures"][alice.who.user_id.as_str()][format!("ed25519:{}", public(&of_alice.own))].is_string());
    assert_eq!(device["unsigned"]["device_display_name"], "phone");
    let (changed, _) = world.crypto.key_changes(&alice.who, position).await.expect("changes");
    assert_eq!(changed, [alice.who.user_id.clone(), bob.who.user_id.clone()]);
    assert!(world.crypto.key_changes(&bob.who, position).await.expect("changes").0.is_empty());
}

#[tokio::test]
async fn forged_signatures_fail_item_by_item() {
    let world = World::new();
    let alice = world.device("alice", "PHONE").await;
    let identity = Identity::new();
    world.crypto.upload_keys(&alice.who, alice.upload(&[], &[])).await.expect("stored");
    let _stored = world.crypto.upload_cross_signing(&alice.who, identity.upload(&alice), false).await.expect("stored");
    let mut other = alice.device_keys_json();
    other["algorithms"] = serde_json::json!(["none"]);
    let cases = [
        (
            "another key",
            signed::<Value>(alice.device_keys_json(), &[(&alice.who.user_id, &key_pair(None))]),
            Reason::InvalidSignature,
        ),
        ("other content", signed(other, &[(&alice.who.user_id, &identity.own)]), Reason::InvalidParam),
        ("no object", Raw::from_json_string("[]".to_owned()).expect("JSON"), Reason::BadJson),
    ];
    for (what, raw, expected) in cases {
        let items = [("PHONE".to_owned(), raw.json().get().to_owned())].into();
        let keys = SignedKeys::from([(alice.who.user_id.clone(), items)]);
        let failed = world.crypto.upload_signatures(&alice.who, keys).await.expect("an answer");
        assert_eq!(failed[&alice.who.user_id]["PHONE"].reason(), Some(expected), "{what}");
    }
}
