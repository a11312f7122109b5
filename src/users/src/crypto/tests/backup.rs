//! Backups: versions, counts and etags.

use hearth_base::limits::users::BACKUP_ROWS_PER_WRITE_MAX;
use hearth_base::{Error, Reason};
use ruma::RoomId;
use ruma::api::client::backup::KeyBackupData;
use ruma::serde::Raw;
use serde_json::json;

use super::world::World;
use crate::crypto::backup::{BackupScope, Keys};

fn key(first_message_index: u32, is_verified: bool) -> Raw<KeyBackupData> {
    let value = json!({
        "first_message_index": first_message_index,
        "forwarded_count": 0,
        "is_verified": is_verified,
        "session_data": { "ciphertext": "x" },
    });
    Raw::from_json_string(value.to_string()).expect("JSON")
}

fn keys(sessions: &[(&str, Raw<KeyBackupData>)]) -> Keys {
    let room = RoomId::parse("!room:example.org").expect("a room id");
    Keys::from([(room, sessions.iter().map(|(id, key)| ((*id).to_owned(), key.clone())).collect())])
}

fn algorithm<T>(name: &str) -> Raw<T> {
    Raw::from_json_string(json!({ "algorithm": name, "auth_data": { "public_key": "x" } }).to_string()).expect("JSON")
}

#[tokio::test]
async fn the_etag_changes_only_with_the_keys() {
    let world = World::new();
    let who = world.device("alice", "PHONE").await.who;
    let version = world.crypto.create_backup(&who, &algorithm("a")).await.expect("a version");
    let store = async |sessions: &[(&str, Raw<KeyBackupData>)]| {
        let stored = world.crypto.store_room_keys(&who, &version, keys(sessions)).await.expect("stored");
        (stored.etag, stored.count)
    };
    let first = store(&[("one", key(5, false)), ("two", key(5, false))]).await;
    assert_eq!(first.1, 2);
    assert_eq!(store(&[("one", key(5, false))]).await, first, "the same again");
    assert_eq!(store(&[("one", key(9, false))]).await, first, "a worse one");
    let better = store(&[("one", key(3, false)), ("three", key(0, true))]).await;
    assert!(better.0 != first.0 && better.1 == 3, "{better:?}");
    let room = BackupScope::Room("!room:example.org".to_owned());
    let found = world.crypto.room_keys(&who, &version, room).await.expect("keys");
    let one = &found.values().next().expect("the room")["one"];
    assert!(one.json().get().contains("\"first_message_index\":3"));
    let one = BackupScope::Session("!room:example.org".to_owned(), "one".to_owned());
    let left = world.crypto.delete_room_keys(&who, &version, one.clone()).await.expect("deleted");
    assert!(left.etag != better.0 && left.count == 2);
    let again = world.crypto.delete_room_keys(&who, &version, one).await.expect("nothing left to delete");
    assert_eq!((again.etag, again.count), (left.etag, 2));
    let info = world.crypto.backup(&who, None).await.expect("the newest");
    assert_eq!((info.version, info.count), (version, 2));
}

#[tokio::test]
async fn keys_go_to_the_newest_version_and_numbers_are_not_used_again() {
    let world = World::new();
    let who = world.device("alice", "PHONE").await.who;
    let crypto = &world.crypto;
    assert_eq!(crypto.backup(&who, None).await.expect_err("none yet").reason(), Some(Reason::NotFound));
    let old = crypto.create_backup(&who, &algorithm("a")).await.expect("a version");
    let new = crypto.create_backup(&who, &algorithm("a")).await.expect("a version");
    let error = crypto.store_room_keys(&who, &old, keys(&[("one", key(0, true))])).await.expect_err("an old version");
    let Error::Refusal(refusal) = error else { panic!("a fault") };
    assert_eq!((refusal.reason, &refusal.fields["current_version"]), (Reason::WrongRoomKeysVersion, &json!(new)));
    let changed = crypto.update_backup(&who, &new, &algorithm("b")).await.expect_err("another algorithm");
    assert_eq!(changed.reason(), Some(Reason::InvalidParam));
    crypto.update_backup(&who, &new, &algorithm("a")).await.expect("the same algorithm");
    crypto.delete_backup(&who, &new).await.expect("deleted");
    for gone in [&new, "7", "seven", ""] {
        let errors = [
            crypto.backup(&who, Some(gone)).await.expect_err(gone),
            crypto.delete_backup(&who, gone).await.expect_err(gone),
            crypto.room_keys(&who, gone, BackupScope::All).await.expect_err(gone),
            crypto.store_room_keys(&who, gone, Keys::new()).await.expect_err(gone),
        ];
        assert!(errors.iter().all(|error| error.reason() == Some(Reason::NotFound)), "{gone:?}: {errors:?}");
    }
    assert_eq!(crypto.backup(&who, None).await.expect("the older one").version, old);
    assert_ne!(crypto.create_backup(&who, &algorithm("a")).await.expect("a version"), new);
}

#[tokio::test]
async fn malformed_keys_are_refused_and_nothing_is_stored() {
    let world = World::new();
    let who = world.device("alice", "PHONE").await.who;
    let version = world.crypto.create_backup(&who, &algorithm("a")).await.expect("a version");
    let large = "x".repeat(hearth_base::limits::BACKUP_SESSION_BYTES_MAX);
    let cases = [
        (
            "negative index",
            json!({ "first_message_index": -1, "forwarded_count": 0, "is_verified": true, "session_data": {} }),
        ),
        (
            "index beyond 2^53",
            json!({ "first_message_index": u64::MAX, "forwarded_count": 0, "is_verified": true, "session_data": {} }),
        ),
        ("no data", json!({ "first_message_index": 1, "forwarded_count": 0, "is_verified": true })),
        (
            "data is no object",
            json!({ "first_message_index": 1, "forwarded_count": 0, "is_verified": true, "session_data": "x" }),
        ),
        (
            "no truth value",
            json!({ "first_message_index": 1, "forwarded_count": 0, "is_verified": 1, "session_data": {} }),
        ),
        ("a list", json!([])),
        (
            "too large",
            json!({ "first_message_index": 1, "forwarded_count": 0, "is_verified": true, "session_data": { "x": large } }),
        ),
    ];
    for (what, value) in cases {
        let bad = Raw::from_json_string(value.to_string()).expect("JSON");
        let result = world.crypto.store_room_keys(&who, &version, keys(&[("good", key(0, true)), ("zbad", bad)])).await;
        assert!(matches!(result.expect_err(what).reason(), Some(Reason::BadJson | Reason::TooLarge)), "{what}");
    }
    assert!(world.crypto.room_keys(&who, &version, BackupScope::All).await.expect("keys").is_empty());
    for bad in [
        "{}",
        r#"{"algorithm":1,"auth_data":{}}"#,
        r#"{"algorithm":"a","auth_data":[]}"#,
        // Text and numbers that no client can parse: reading the version back must not fail.
        r#"{"algorithm":"a","auth_data":{"public_key":"\ud800"}}"#,
        r#"{"algorithm":"a","auth_data":{"n":1E400}}"#,
    ] {
        let raw = Raw::from_json_string(bad.to_owned()).expect("JSON");
        let error = world.crypto.create_backup(&who, &raw).await.expect_err("malformed");
        assert_eq!(error.reason(), Some(Reason::BadJson), "{bad}");
    }
}

/// One write holds up all others, so it stores only so many keys.
#[tokio::test]
async fn many_keys_take_several_writes() {
    let world = World::new();
    let who = world.device("alice", "PHONE").await.who;
    let version = world.crypto.create_backup(&who, &algorithm("a")).await.expect("a version");
    let names: Vec<String> = (0..2 * BACKUP_ROWS_PER_WRITE_MAX + 1).map(|n| n.to_string()).collect();
    let sessions: Vec<_> = names.iter().map(|name| (name.as_str(), key(0, true))).collect();
    let stored = world.crypto.store_room_keys(&who, &version, keys(&sessions)).await.expect("stored");
    assert_eq!(stored.count, sessions.len() as u64);
    let writes = |name: &str| {
        let operations = world.core.store.operations();
        operations.iter().find(|operation| operation.name == name).map_or(0, |operation| operation.count)
    };
    assert_eq!(writes("backup_keys_store"), 3);
    let stored = world.crypto.store_room_keys(&who, &version, keys(&[])).await.expect("nothing to store");
    assert_eq!((stored.count, writes("backup_keys_store")), (sessions.len() as u64, 4));

    let left = world.crypto.delete_room_keys(&who, &version, BackupScope::All).await.expect("deleted");
    assert_eq!((left.count, writes("backup_keys_delete")), (0, 3));
    world.crypto.store_room_keys(&who, &version, keys(&sessions)).await.expect("stored");
    world.crypto.delete_backup(&who, &version).await.expect("deleted");
    assert_eq!(writes("backup_keys_delete"), 6, "the keys first, in several writes");
    let gone = world.crypto.room_keys(&who, &version, BackupScope::All).await;
    assert_eq!(gone.expect_err("no version").reason(), Some(Reason::NotFound));
}
