//! Device lists of remote users: fetched once, updated by EDUs, and fetched again after a possible gap.

use hearth_base::{Reason, limits};
use hearth_store::tables::memberships::Membership;
use hearth_users::crypto::keys::KeysQuery;
use serde_json::{Value, json};

use super::{World, device_keys, id};

const BOB: &str = "@bob:b.example";

fn update(device: &str, stream: i64, follows: &[i64], keys: Option<Value>) -> Value {
    let mut update = json!({ "user_id": BOB, "device_id": device, "stream_id": stream, "prev_id": follows });
    match keys {
        Some(keys) => update["keys"] = keys,
        None => update["deleted"] = true.into(),
    }
    update
}

fn list(devices: &[(&str, &str)]) -> Vec<(String, String)> {
    devices.iter().map(|(device, what)| ((*device).to_owned(), (*what).to_owned())).collect()
}

#[tokio::test]
async fn a_list_is_asked_for_once_and_updates_follow_upon_it() {
    let world = World::new().await;
    world.room_with(&[BOB]).await;
    world.wire.set_devices(BOB, 7, &[("A", device_keys(BOB, "A", "one"))]);
    assert_eq!(world.devices_of(BOB).await, list(&[("A", "one")]));
    assert_eq!(world.devices_of(BOB).await, list(&[("A", "one")]));
    assert_eq!(world.wire.asked(), 1, "the second answer came from here");

    let before = world.core().store.position();
    world.hears("b.example", "m.device_list_update", &[update("B", 9, &[7], Some(device_keys(BOB, "B", "two")))]).await;
    assert_eq!(world.changed_since(before).await, [BOB]);
    assert_eq!(world.devices_of(BOB).await, list(&[("A", "one"), ("B", "two")]));
    world.hears("b.example", "m.device_list_update", &[update("A", 12, &[9], None)]).await;
    assert_eq!(world.devices_of(BOB).await, list(&[("B", "two")]));
    // A repeated EDU, as sent after a lost response.
    let before = world.core().store.position();
    world.hears("b.example", "m.device_list_update", &[update("A", 12, &[9], None)]).await;
    assert!(world.changed_since(before).await.is_empty());
    assert_eq!(world.wire.asked(), 1);
}

#[tokio::test]
async fn a_gap_means_asking_again_when_a_user_wants_to_know() {
    let world = World::new().await;
    world.room_with(&[BOB]).await;
    world.wire.set_devices(BOB, 7, &[("A", device_keys(BOB, "A", "one"))]);
    world.devices_of(BOB).await;
    for missed in [vec![8], vec![], vec![7, 8], vec![-7]] {
        let before = (world.wire.asked(), world.core().store.position());
        let news = update("B", 9, &missed, Some(device_keys(BOB, "B", "two")));
        world.hears("b.example", "m.device_list_update", &[news]).await;
        if missed == [-7] {
            // The EDU is malformed (bad stream ids), so it causes no request.
            assert_eq!(world.wire.asked(), before.0);
            continue;
        }
        assert_eq!(world.wire.asked(), before.0, "nobody wants to know yet");
        assert_eq!(world.changed_since(before.1).await, [BOB], "{missed:?}");
        assert_eq!(world.devices_of(BOB).await, list(&[("A", "one")]));
        assert_eq!(world.wire.asked(), before.0 + 1, "{missed:?}");
    }
    // Malformed keys: the update shows that something changed, so the server fetches the device list.
    let before = world.wire.asked();
    world.hears("b.example", "m.device_list_update", &[update("B", 9, &[7], Some(json!({"keys": 7})))]).await;
    world.devices_of(BOB).await;
    assert_eq!(world.wire.asked(), before + 1);
}

#[tokio::test]
async fn who_was_out_of_sight_is_asked_for_again() {
    let world = World::new().await;
    let room = world.room_with(&[BOB]).await;
    world.wire.set_devices(BOB, 7, &[("A", device_keys(BOB, "A", "one"))]);
    world.devices_of(BOB).await;
    world.moves(&room, BOB, Membership::Leave).await;
    world.moves(&room, BOB, Membership::Join).await;
    world.wire.set_devices(BOB, 8, &[("B", device_keys(BOB, "B", "two"))]);
    assert_eq!(world.devices_of(BOB).await, list(&[("B", "two")]), "an update may have passed by");
    assert_eq!(world.wire.asked(), 2);
    // The user joins a second room before leaving the first, so the device list stays tracked.
    world.room_with(&[BOB]).await;
    world.devices_of(BOB).await;
    world.moves(&room, BOB, Membership::Leave).await;
    world.devices_of(BOB).await;
    assert_eq!(world.wire.asked(), 3, "asked once more, as the second room began after the last answer");
    world.devices_of(BOB).await;
    assert_eq!(world.wire.asked(), 3);
    world.moves(&room, BOB, Membership::Join).await;
    world.devices_of(BOB).await;
    assert_eq!(world.wire.asked(), 3);
}

#[tokio::test]
async fn who_shares_no_room_is_asked_for_every_time() {
    let world = World::new().await;
    world.wire.set_devices(BOB, 7, &[("A", device_keys(BOB, "A", "one"))]);
    for asked in 1..3 {
        assert_eq!(world.devices_of(BOB).await, list(&[("A", "one")]));
        assert_eq!(world.wire.asked(), asked);
    }
}

#[tokio::test]
async fn a_server_that_tells_less_is_asked_in_the_other_way() {
    let world = World::new().await;
    world.wire.refuse("b.example", "/_matrix/federation/v1/user/devices/", 403, "M_FORBIDDEN");
    let keys = json!({ "device_keys": { BOB: { "A": device_keys(BOB, "A", "one") } } });
    world.wire.set("b.example", "/_matrix/federation/v1/user/keys/query", keys);
    assert_eq!(world.devices_of(BOB).await, list(&[("A", "one")]));
}

#[tokio::test]
async fn silent_servers_are_failures_and_keep_no_one_from_their_answer() {
    let world = World::new().await;
    world.room_with(&[BOB]).await;
    world.wire.set_devices(BOB, 7, &[("A", device_keys(BOB, "A", "one"))]);
    let query = [(id(BOB), vec![]), (id("@carol:c.example"), vec![]), (id("@alice:home.example"), vec![])].into();
    let found = world.domain.actions.query_keys(&world.alice, query, None).await.expect("an answer");
    assert_eq!(found.failures.keys().collect::<Vec<_>>(), ["c.example"]);
    assert!(found.device_keys.contains_key(&id(BOB)) && found.device_keys.contains_key(&id("@alice:home.example")));
    // Known keys are returned even if their server is down.
    world.wire.silence("b.example");
    assert_eq!(world.devices_of(BOB).await, list(&[("A", "one")]));
}

#[tokio::test]
async fn a_server_speaks_for_its_own_users_only() {
    let world = World::new().await;
    world.room_with(&[BOB]).await;
    let keys = [
        ("A", device_keys(BOB, "A", "good")),
        ("B", device_keys("@eve:b.example", "B", "another user's")),
        ("C", device_keys(BOB, "X", "another device's")),
        ("D", json!({})),
        ("E", json!("text")),
        ("F", json!({"user_id": BOB, "device_id": "F", "algorithms": [], "keys": {"ed25519:F": "short"}})),
    ];
    world.wire.set_devices(BOB, 7, &keys);
    assert_eq!(world.devices_of(BOB).await, list(&[("A", "good")]));
    let answer = json!({ "user_id": "@eve:b.example", "stream_id": 1, "devices": [] });
    world.wire.set("b.example", &format!("/_matrix/federation/v1/user/devices/{BOB}"), answer);
    let bulk = json!({ "device_keys": { "@eve:b.example": { "A": device_keys("@eve:b.example", "A", "x") } } });
    world.wire.set("b.example", "/_matrix/federation/v1/user/keys/query", bulk);
    world.hears("b.example", "m.device_list_update", &[update("A", 99, &[], None)]).await;
    assert_eq!(world.devices_of(BOB).await, []);
    let profile = world.domain.actions.profile(&id(BOB)).await.expect_err("nobody answers");
    assert_eq!(profile.reason(), Some(Reason::ConnectionFailed));
}

#[tokio::test]
async fn one_time_keys_are_those_that_were_asked_for() {
    let world = World::new().await;
    let answer = json!({ "one_time_keys": {
        BOB: {
            "A": { "signed_curve25519:AAAA": { "key": "x" }, "signed_curve25519:BBBB": { "key": "y" } },
            "B": { "curve25519:AAAA": "of another algorithm" },
            "C": { "signed_curve25519:AAAA": { "key": "not asked for" } },
        },
        "@eve:b.example": { "A": { "signed_curve25519:AAAA": { "key": "not asked for" } } },
        "@alice:home.example": { "A": { "signed_curve25519:AAAA": { "key": "not theirs" } } },
    } });
    world.wire.set("b.example", "/_matrix/federation/v1/user/keys/claim", answer);
    let algorithm = || ruma::OneTimeKeyAlgorithm::SignedCurve25519;
    let devices = [("A".into(), algorithm()), ("B".into(), algorithm())];
    let claims = [(id(BOB), devices.into()), (id("@dan:d.example"), [("A".into(), algorithm())].into())];
    let claimed = world.domain.actions.claim_keys(claims.into(), None).await.expect("an answer");
    let keys = serde_json::to_value(&claimed.keys).expect("JSON");
    assert_eq!(keys, json!({ BOB: { "A": { "signed_curve25519:AAAA": { "key": "x" } } } }));
    assert_eq!(claimed.failures.keys().collect::<Vec<_>>(), ["d.example"]);
    let body: Value = serde_json::from_slice(&world.wire.last().body).expect("JSON");
    assert!(!body.to_string().contains("dan:d.example") || !body.to_string().contains("bob:b.example"), "{body}");
}

/// What all servers answer to one query has a bound; servers with small answers are heard, whatever the others do.
#[tokio::test]
async fn answers_of_hostile_servers_end_in_failures() {
    let world = World::new().await;
    let answers = |server: &str, bytes: usize| {
        let user = format!("@x:{server}");
        let answer = json!({ "user_id": user, "stream_id": 1, "devices": [], "pad": "x".repeat(bytes) });
        world.wire.set(server, &format!("/_matrix/federation/v1/user/devices/{user}"), answer);
        (id(&user), Vec::new())
    };
    let part = limits::REMOTE_KEYS_BYTES_MAX / 3 - 1_000;
    let mut query: KeysQuery = (0..5).map(|n| answers(&format!("s{n}.example"), part)).collect();
    query.extend([answers("large.example", limits::DEVICE_LISTS_BYTES_MAX), answers("zz.example", 1_000)]);
    let queried = world.domain.federation.query_remote_keys(&world.alice, query, None).await;
    let failed: Vec<_> = queried.failures.keys().filter(|server| *server != "large.example").collect();
    assert!(queried.failures.contains_key("large.example"), "an answer has a bound of its own");
    assert_eq!(failed.len(), 2, "three of five fit: {failed:?}");
    assert!(failed.iter().all(|server| *server != "zz.example"));
}
