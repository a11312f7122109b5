//! Malformed and badly signed key documents.

use hearth_base::limits;
use ruma::{CanonicalJsonObject, CanonicalJsonValue};
use serde_json::{Value, json};

use super::super::document::check;
use super::world::{DAY_MS, NOW_MS, key, list, public, signed, unsigned};

const A: &str = "a.example";

fn object(value: Value) -> CanonicalJsonObject {
    serde_json::from_value(value).expect("an object")
}

#[test]
fn a_good_one_is_taken() {
    let (new, old) = (key("new"), key("old"));
    let list = signed(unsigned(A, &[&new], &[(&old, 5)], NOW_MS + 30 * DAY_MS), A, &new);
    let document = check(list, NOW_MS).expect("it is good");
    assert_eq!(document.server, A);
    let found: Vec<_> =
        document.keys.iter().map(|key| (key.key_id.as_str(), key.valid_until_ms, key.expired_ms)).collect();
    // A validity of a month is capped at a week.
    assert_eq!(found, [("ed25519:new", NOW_MS + 7 * DAY_MS, None), ("ed25519:old", 0, Some(5))]);
    assert_eq!(document.valid_until_ms, NOW_MS + 30 * DAY_MS);
}

#[test]
fn notaries_may_have_signed_it_too_rightly_or_wrongly() {
    let (own, notary) = (key("a"), key("n"));
    let mut list = signed(list(A, &own), "notary.example", &notary);
    assert!(check(list.clone(), NOW_MS).is_ok());
    if let Some(CanonicalJsonValue::Object(signatures)) = list.get_mut("signatures") {
        signatures.insert("other.example".into(), CanonicalJsonValue::String("nonsense".to_owned()));
    }
    assert!(check(list, NOW_MS).is_ok());
}

#[test]
fn its_own_signature_must_be_there_and_good() {
    let (own, other) = (key("a"), key("a"));
    let bare = unsigned(A, &[&own], &[], NOW_MS + DAY_MS);
    assert!(check(bare.clone(), NOW_MS).is_err(), "not signed");
    assert!(check(signed(bare.clone(), "b.example", &own), NOW_MS).is_err(), "signed by another server");
    assert!(check(signed(bare.clone(), A, &other), NOW_MS).is_err(), "signed with another key of the same name");
    let old = unsigned(A, &[], &[(&own, 5)], NOW_MS + DAY_MS);
    assert!(check(signed(old, A, &own), NOW_MS).is_err(), "signed with a key that is out of use");
    let mut changed = signed(bare, A, &own);
    changed.insert("valid_until_ts".into(), CanonicalJsonValue::Integer(ruma::Int::MAX));
    assert!(check(changed, NOW_MS).is_err(), "changed after it was signed");
}

#[test]
fn what_is_malformed_is_refused() {
    let own = key("a");
    let good = || unsigned(A, &[&own], &[], NOW_MS + DAY_MS);
    let with = |field: &str, value: Value| {
        let mut list = good();
        list.insert(field.into(), CanonicalJsonValue::try_from(value).expect("canonical"));
        check(signed(list, A, &own), NOW_MS)
    };
    let short = json!({ "ed25519:a": { "key": "AAAA" } });
    for (field, value) in [
        ("server_name", json!(1)),
        ("server_name", json!("not a name")),
        ("server_name", json!("a.example:99999")),
        ("valid_until_ts", json!("soon")),
        ("valid_until_ts", json!(-1)),
        ("verify_keys", json!([])),
        ("verify_keys", json!({ "ed25519:a": "key" })),
        ("verify_keys", json!({ "ed25519:a": {} })),
        ("verify_keys", json!({ "ed25519:a": { "key": 7 } })),
        ("verify_keys", json!({ "ed25519:a": { "key": "not base64!" } })),
        ("verify_keys", short),
        ("old_verify_keys", json!({ "ed25519:o": { "key": public(&own) } })),
        ("old_verify_keys", json!({ "ed25519:o": { "key": public(&own), "expired_ts": "then" } })),
        ("old_verify_keys", json!(null)),
    ] {
        assert!(with(field, value.clone()).is_err(), "{field}: {value}");
    }
    for field in ["server_name", "valid_until_ts", "verify_keys"] {
        let mut list = good();
        list.remove(field);
        assert!(check(signed(list, A, &own), NOW_MS).is_err(), "without {field}");
    }
    assert!(check(object(json!({})), NOW_MS).is_err());
}

#[test]
fn keys_are_counted() {
    let own = key("a");
    let mut list = unsigned(A, &[&own], &[], NOW_MS + DAY_MS);
    let entry = json!({ "key": public(&own), "expired_ts": 5 });
    let many: serde_json::Map<_, _> =
        (0..=limits::KEYS_PER_SERVER_MAX).map(|n| (format!("ed25519:{n}"), entry.clone())).collect();
    list.insert("old_verify_keys".into(), CanonicalJsonValue::try_from(Value::Object(many)).expect("canonical"));
    let error = check(signed(list, A, &own), NOW_MS).expect_err("too many").to_string();
    assert!(error.contains("more than"), "{error}");
}

#[test]
fn keys_of_other_algorithms_are_passed_over() {
    let own = key("a");
    let mut list = unsigned(A, &[&own], &[], NOW_MS + DAY_MS);
    if let Some(CanonicalJsonValue::Object(keys)) = list.get_mut("verify_keys") {
        keys.insert("future:1".into(), CanonicalJsonValue::String("whatever".to_owned()));
    }
    assert_eq!(check(signed(list, A, &own), NOW_MS).expect("it is good").keys.len(), 1);
}

#[test]
fn a_key_that_is_listed_twice_is_in_use() {
    let own = key("a");
    let list = signed(unsigned(A, &[&own], &[(&own, 5)], NOW_MS + DAY_MS), A, &own);
    let document = check(list, NOW_MS).expect("it is good");
    assert_eq!((document.keys.len(), document.keys[0].expired_ms), (1, None));
}
