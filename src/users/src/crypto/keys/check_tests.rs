//! Malformed uploads, one line each.

use hearth_base::{Reason, limits};
use ruma::{OneTimeKeyAlgorithm, OwnedOneTimeKeyId};
use serde_json::{Value, json};

use super::check::{CheckedUpload, UploadOwner, is_same_key};
use crate::crypto::keys::KeysUpload;
use crate::crypto::tests::world::{Device, World, key_pair, signed};

fn check(device: &Device, upload: &KeysUpload) -> Result<CheckedUpload, Reason> {
    let owner = UploadOwner { user: &device.who.user_id, device: &device.who.device_id };
    let checked = CheckedUpload::new(upload, owner).and_then(|checked| {
        checked.verify(None, owner)?;
        Ok(checked)
    });
    checked.map_err(|error| error.reason().expect("a refusal, not a fault"))
}

#[tokio::test]
async fn device_keys_must_fit_their_device() {
    let alice = World::new().device("alice", "PHONE").await;
    let other = key_pair(Some("PHONE"));
    let change = |pointer: &str, value: Value| {
        let mut keys = alice.device_keys_json();
        *keys.pointer_mut(pointer).expect("a field") = value;
        keys
    };
    let long = "x".repeat(limits::IDENTITY_KEY_BYTES_MAX);
    let cases = [
        ("another user", change("/user_id", json!("@bob:example.org")), Reason::BadJson),
        ("no user", change("/user_id", json!(7)), Reason::BadJson),
        ("another device", change("/device_id", json!("LAPTOP")), Reason::BadJson),
        ("algorithms are no list", change("/algorithms", json!("olm")), Reason::BadJson),
        ("algorithms are no names", change("/algorithms", json!([1])), Reason::BadJson),
        ("keys are no object", change("/keys", json!([])), Reason::BadJson),
        ("no signing key", change("/keys", json!({ "curve25519:PHONE": "x" })), Reason::BadJson),
        ("key of another device", change("/keys", json!({ "ed25519:LAPTOP": "x" })), Reason::BadJson),
        ("key without a colon", change("/keys", json!({ "ed25519": "x" })), Reason::BadJson),
        ("key is no text", change("/keys/ed25519:PHONE", json!({})), Reason::BadJson),
        ("key is too short", change("/keys/ed25519:PHONE", json!("AAAA")), Reason::BadJson),
        ("too large", change("/algorithms", json!([long])), Reason::TooLarge),
    ];
    for (what, keys, expected) in cases {
        let upload = KeysUpload {
            device_keys: Some(signed(keys, &[(&alice.who.user_id, &alice.key)])),
            ..KeysUpload::default()
        };
        assert_eq!(check(&alice, &upload).expect_err(what), expected, "{what}");
    }
    // Without a signature it is for other clients to refuse them.
    for (signers, expected) in [(vec![], None), (vec![(&*alice.who.user_id, &other)], Some(Reason::InvalidSignature))] {
        let upload =
            KeysUpload { device_keys: Some(signed(alice.device_keys_json(), &signers)), ..KeysUpload::default() };
        assert_eq!(check(&alice, &upload).err(), expected);
    }
    // Programs that do not encrypt write placeholders.
    for (public, signature) in [("e".repeat(43), "s".repeat(86)), ("A".repeat(43), "fake".to_owned())] {
        let mut keys = alice.device_keys_json();
        keys["keys"] = json!({ "ed25519:PHONE": public });
        keys["signatures"] = json!({ alice.who.user_id.as_str(): { "ed25519:PHONE": signature } });
        let raw = ruma::serde::Raw::from_json_string(keys.to_string()).expect("JSON");
        assert!(check(&alice, &KeysUpload { device_keys: Some(raw), ..KeysUpload::default() }).is_ok());
    }
    assert!(check(&alice, &alice.upload(&["A"], &["F"])).is_ok());
}

#[tokio::test]
async fn what_others_signed_and_what_no_one_signed_is_not_kept() {
    let alice = World::new().device("alice", "PHONE").await;
    let bob = ruma::user_id!("@bob:example.org");
    let mut keys = alice.device_keys_json();
    keys["unsigned"] = json!({ "device_display_name": "evil" });
    let raw = signed(keys, &[(&alice.who.user_id, &alice.key), (bob, &key_pair(Some("X")))]);
    let checked = check(&alice, &KeysUpload { device_keys: Some(raw), ..KeysUpload::default() }).expect("good keys");
    let json = checked.device_keys.expect("keys").json;
    assert!(!json.contains("bob") && !json.contains("evil") && json.contains("signatures"), "{json}");
}

#[tokio::test]
async fn one_time_keys_must_be_keys_and_small() {
    let alice = World::new().device("alice", "PHONE").await;
    let signer = [(&*alice.who.user_id, &alice.key)];
    let large = json!({ "key": "x".repeat(limits::ONE_TIME_KEY_BYTES_MAX) });
    let text = ruma::serde::Raw::from_json_string("\"abc\"".to_owned()).expect("JSON");
    let cases = [
        ("without key", signed(json!({ "k": "abc" }), &signer), Reason::BadJson),
        ("too large", signed(large, &signer), Reason::TooLarge),
        ("a text where a signed key belongs", text, Reason::BadJson),
    ];
    for (what, key, expected) in cases {
        let id = OwnedOneTimeKeyId::try_from("signed_curve25519:A").expect("an id");
        assert_eq!(id.algorithm(), OneTimeKeyAlgorithm::SignedCurve25519);
        let upload = KeysUpload {
            one_time_keys: [(id, key)].into(),
            device_keys: Some(alice.device_keys()),
            ..KeysUpload::default()
        };
        assert_eq!(check(&alice, &upload).expect_err(what), expected, "{what}");
    }
}

#[tokio::test]
async fn signatures_of_the_device_must_fit_where_there_are_any() {
    let alice = World::new().device("alice", "PHONE").await;
    let (stored, other) = (alice.device_keys(), key_pair(Some("PHONE")));
    let owner = UploadOwner { user: &alice.who.user_id, device: &alice.who.device_id };
    let upload = |value: Value, signer: Option<&_>, is_fallback: bool| {
        let signers: Vec<_> = signer.into_iter().map(|key| (&*alice.who.user_id, key)).collect();
        let id = OwnedOneTimeKeyId::try_from("signed_curve25519:A").expect("an id");
        let (one_time_keys, fallback_keys) = match is_fallback {
            true => ([].into(), [(id, signed(value, &signers))].into()),
            false => ([(id, signed(value, &signers))].into(), [].into()),
        };
        KeysUpload { device_keys: None, one_time_keys, fallback_keys }
    };
    for is_fallback in [false, true] {
        let key = json!({ "key": "abc", "fallback": is_fallback });
        for (signer, expected) in
            [(Some(&alice.key), None), (Some(&other), Some(Reason::InvalidSignature)), (None, None)]
        {
            let checked = CheckedUpload::new(&upload(key.clone(), signer, is_fallback), owner).expect("well-formed");
            let verified = checked.verify(Some(stored.json().get()), owner);
            assert_eq!(verified.err().and_then(|error| error.reason()), expected);
            assert!(checked.verify(None, owner).is_ok(), "no key is known to verify with");
        }
    }
}

#[test]
fn the_same_key_may_be_signed_again() {
    let (a, b) = (r#"{"key":"k","signatures":{"@a:b":{"ed25519:X":"1"}}}"#, r#"{"key":"k","signatures":{}}"#);
    assert!(is_same_key(a, b));
    assert!(!is_same_key(a, r#"{"key":"other"}"#));
    assert!(is_same_key("\"k\"", "\"k\"") && !is_same_key("\"k\"", "\"l\""));
}
