//! Key validity by time and room version, and the required signers.

use hearth_base::Reason;
use ruma::room_version_rules::RoomVersionRules;
use ruma::signatures::{Verified, hash_and_sign_event};
use ruma::{CanonicalJsonObject, CanonicalJsonValue};
use serde_json::json;

use super::world::{DAY_MS, NOW_MS, World, event, key, list, signed, unsigned};

const A: &str = "a.example";

#[tokio::test]
async fn a_good_event_a_changed_one_and_a_forged_one() {
    let world = World::new();
    let rules = RoomVersionRules::V11;
    let (own, other) = (key("1"), key("1"));
    world.publishes(A, &list(A, &own));
    let good = event(A, &own, NOW_MS, &rules);
    assert_eq!(world.keyring.verify_event(&good, &rules).await.expect("it is good"), Verified::All);

    let mut changed = good.clone();
    let content = json!({ "body": "other words" });
    changed.insert("content".into(), CanonicalJsonValue::try_from(content).expect("canonical"));
    let verified = world.keyring.verify_event(&changed, &rules).await.expect("what is signed is unchanged");
    assert_eq!(verified, Verified::Signatures);

    let mut moved = good.clone();
    moved.insert("depth".into(), CanonicalJsonValue::Integer(8.into()));
    let error = world.keyring.verify_event(&moved, &rules).await.expect_err("what is signed was changed");
    assert_eq!(error.reason(), Some(Reason::InvalidSignature));

    let forged = event(A, &other, NOW_MS, &rules);
    world.keyring.verify_event(&forged, &rules).await.expect_err("another key of the same name");

    let mut bare = good;
    bare.remove("signatures");
    let error = world.keyring.verify_event(&bare, &rules).await.expect_err("not signed");
    assert_eq!(error.reason(), Some(Reason::InvalidSignature));
    assert_eq!(world.calls(A), 1, "none of this is a reason to ask again");
}

#[tokio::test]
async fn keys_count_for_their_time() {
    let world = World::new();
    let rules = RoomVersionRules::V5;
    let (new, old) = (key("new"), key("old"));
    let expired_ms = NOW_MS - DAY_MS;
    let published = unsigned(A, &[&new], &[(&old, expired_ms)], NOW_MS + 30 * DAY_MS);
    world.publishes(A, &signed(published, A, &new));
    let is_good = async |key, sent_ms| {
        let event = event(A, key, sent_ms, &rules);
        world.keyring.verify_event(&event, &rules).await.is_ok()
    };
    assert!(is_good(&old, expired_ms).await);
    assert!(!is_good(&old, expired_ms + 1).await);
    assert!(is_good(&new, NOW_MS + 7 * DAY_MS).await, "a week is as long as a list counts");
    assert!(!is_good(&new, NOW_MS + 7 * DAY_MS + 1).await);
    world.clock.advance(2 * DAY_MS);
    assert!(is_good(&new, NOW_MS + 8 * DAY_MS).await, "asked again, it counts for longer");
    assert_eq!(world.calls(A), 2);
}

#[tokio::test]
async fn rooms_before_version_5_do_not_ask_when() {
    let world = World::new();
    let rules = RoomVersionRules::V4;
    let (new, old) = (key("new"), key("old"));
    let published = unsigned(A, &[&new], &[(&old, 5)], NOW_MS + DAY_MS);
    world.publishes(A, &signed(published, A, &new));
    let late = event(A, &old, NOW_MS, &rules);
    assert!(world.keyring.verify_event(&late, &rules).await.is_ok());
    assert!(world.keyring.verify_event(&late, &RoomVersionRules::V5).await.is_err());
}

#[tokio::test]
async fn requests_need_a_key_that_is_in_use_now() {
    let world = World::new();
    let own = key("1");
    world.publishes(A, &list(A, &own));
    world.request_keys(A, &own).await.expect("its key");
    world.loses(A);
    world.clock.advance(DAY_MS + 1);
    world.request_keys(A, &own).await.expect_err("the list is too old, and there is no newer one");
    let late = unsigned(A, &[&own], &[], NOW_MS + 3 * DAY_MS);
    world.publishes(A, &signed(late, A, &own));
    world.clock.advance(30_000);
    world.request_keys(A, &own).await.expect("there is");
}

#[tokio::test]
async fn who_lets_a_member_in_must_have_signed_too() {
    let world = World::new();
    let rules = RoomVersionRules::V11;
    let (joiner, resident) = (key("j"), key("r"));
    world.publishes(A, &list(A, &joiner));
    world.publishes("b.example", &list("b.example", &resident));
    let join = json!({
        "type": "m.room.member",
        "state_key": "@user:a.example",
        "room_id": "!r:far.example",
        "sender": "@user:a.example",
        "origin_server_ts": NOW_MS,
        "content": { "membership": "join", "join_authorised_via_users_server": "@guard:b.example" },
        "depth": 7,
        "prev_events": [],
        "auth_events": [],
    });
    let mut join: CanonicalJsonObject = serde_json::from_value(join).expect("an object");
    hash_and_sign_event(A, &joiner, &mut join, &rules.redaction).expect("signed");
    world.keyring.verify_event(&join, &rules).await.expect_err("the resident has not signed");
    hash_and_sign_event("b.example", &resident, &mut join, &rules.redaction).expect("signed");
    assert_eq!(world.keyring.verify_event(&join, &rules).await.expect("both have"), Verified::All);
}

#[tokio::test]
async fn malformed_events_are_refused_and_no_one_is_asked() {
    let world = World::new();
    let rules = RoomVersionRules::V11;
    let good = event(A, &key("1"), NOW_MS, &rules);
    let with = |field: &str, value: serde_json::Value| {
        let mut event = good.clone();
        event.insert(field.into(), CanonicalJsonValue::try_from(value).expect("canonical"));
        event
    };
    let many: serde_json::Map<_, _> = (0..10_000).map(|n| (format!("other:{n}"), json!("x"))).collect();
    for event in [
        with("sender", json!(1)),
        with("sender", json!("nobody")),
        with("origin_server_ts", json!("now")),
        with("type", json!({})),
        with("signatures", json!([])),
        with("signatures", json!({ A: [] })),
        with("signatures", json!({ A: { "rsa:1": "x" } })),
        with("signatures", json!({ A: many })),
    ] {
        let error = world.keyring.verify_event(&event, &rules).await.expect_err("malformed");
        assert!(matches!(error.reason(), Some(Reason::InvalidSignature | Reason::BadJson)), "{error}");
        world.keyring.gather([&event], &rules).await;
    }
    assert_eq!(world.calls(A), 0);
}
