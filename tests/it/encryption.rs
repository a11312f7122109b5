//! End-to-end encryption: device keys, signatures, key backups, and to-device messages.
//!
//! The server verifies signatures, so these are real: see `signed`.

use futures_util::future::join_all;
use ruma::signatures::Ed25519KeyPair;

use crate::harness::keys::{base64, device_keys, key_pair, public, signed};
use crate::harness::{Person, Value, World, json, list, v3};

/// Uploads device keys and `count` one-time keys.
async fn uploads_keys(person: &Person, seed: u8, count: usize) {
    let (keys, pair) = device_keys(person, seed);
    let one_time: serde_json::Map<_, _> = (0..count)
        .map(|n| {
            let key = json!({ "key": base64(&[n as u8; 32]) });
            (format!("signed_curve25519:AAA{n:04}"), signed(key, &person.id, &pair))
        })
        .collect();
    let answer = person.post(v3!("keys/upload"), json!({ "device_keys": keys, "one_time_keys": one_time })).await.ok();
    assert_eq!(answer["one_time_key_counts"]["signed_curve25519"], count);
}

fn claim_of(person: &Person) -> Value {
    json!({ "one_time_keys": { person.id.clone(): { person.device.clone(): "signed_curve25519" } } })
}

/// The ids of the keys in a `/keys/claim` response.
fn claimed(answer: &Value, person: &Person) -> Vec<String> {
    let keys = answer["one_time_keys"][&person.id][&person.device].as_object();
    keys.map(|keys| keys.keys().cloned().collect()).unwrap_or_default()
}

#[tokio::test]
async fn of_a_hundred_claims_at_once_each_gets_a_key_of_its_own() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    uploads_keys(&alice, 1, 60).await;
    let claims = join_all((0..100).map(|_| async { bob.post(v3!("keys/claim"), claim_of(&alice)).await.ok() })).await;
    let mut handed: Vec<_> = claims.iter().flat_map(|answer| claimed(answer, &alice)).collect();
    assert_eq!(handed.len(), 60, "sixty keys were there to be handed out");
    handed.sort_unstable();
    handed.dedup();
    assert_eq!(handed.len(), 60, "a key was handed out twice");
    let seen = alice.syncs().await;
    assert_eq!(seen.0["device_one_time_keys_count"]["signed_curve25519"].as_u64().unwrap_or(0), 0);
    world.ends().await;
}

#[tokio::test]
async fn a_claimed_key_is_gone_after_a_restart_too() {
    let mut world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    uploads_keys(&alice, 1, 2).await;
    let first = claimed(&bob.post(v3!("keys/claim"), claim_of(&alice)).await.ok(), &alice);
    world.restart().await;
    let second = claimed(&bob.post(v3!("keys/claim"), claim_of(&alice)).await.ok(), &alice);
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first, second);
    // Uploading a claimed key again must not make it available with other content.
    assert!(claimed(&bob.post(v3!("keys/claim"), claim_of(&alice)).await.ok(), &alice).is_empty());
    world.ends().await;
}

#[tokio::test]
async fn a_fallback_key_is_handed_out_when_the_others_are_gone() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    uploads_keys(&alice, 1, 1).await;
    let (_, pair) = device_keys(&alice, 1);
    let key = json!({ "key": base64(&[9; 32]), "fallback": true });
    let fallback = json!({ "fallback_keys": { "signed_curve25519:FALL": signed(key, &alice.id, &pair) } });
    alice.post(v3!("keys/upload"), fallback).await.ok();
    let unused = |seen: &crate::harness::Seen| seen.0["device_unused_fallback_key_types"].clone();
    assert_eq!(unused(&alice.syncs().await), json!(["signed_curve25519"]));
    let mut handed = Vec::new();
    for _ in 0..3 {
        handed.extend(claimed(&bob.post(v3!("keys/claim"), claim_of(&alice)).await.ok(), &alice));
    }
    assert_eq!(handed, ["signed_curve25519:AAA0000", "signed_curve25519:FALL", "signed_curve25519:FALL"]);
    assert_eq!(unused(&alice.syncs().await), json!([]));
    world.ends().await;
}

#[tokio::test]
async fn a_one_time_key_cannot_be_replaced() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    uploads_keys(&alice, 1, 1).await;
    uploads_keys(&alice, 1, 1).await;
    let (_, pair) = device_keys(&alice, 1);
    let other = json!({ "key": base64(&[200; 32]) });
    let body = json!({ "one_time_keys": { "signed_curve25519:AAA0000": signed(other, &alice.id, &pair) } });
    let answer = alice.post(v3!("keys/upload"), body).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    world.ends().await;
}

#[tokio::test]
async fn keys_that_their_device_has_not_signed_so_are_refused() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let (mut keys, pair) = device_keys(&alice, 1);
    let other = key_pair(&alice.device, 2);
    keys["algorithms"] = json!(["changed"]);
    alice.post(v3!("keys/upload"), json!({ "device_keys": keys })).await.refused(400, "M_INVALID_SIGNATURE");
    uploads_keys(&alice, 1, 1).await;
    // With the keys that the server has of the device.
    let key = json!({ "key": base64(&[7; 32]) });
    for (kind, name) in [("one_time_keys", "signed_curve25519:BBB"), ("fallback_keys", "signed_curve25519:CCC")] {
        let wrong = json!({ kind: { name: signed(key.clone(), &alice.id, &other) } });
        alice.post(v3!("keys/upload"), wrong).await.refused(400, "M_INVALID_SIGNATURE");
        let right = json!({ kind: { name: signed(key.clone(), &alice.id, &pair) } });
        alice.post(v3!("keys/upload"), right).await.ok();
    }
    world.ends().await;
}

#[tokio::test]
async fn no_one_uploads_keys_for_another_device_or_person() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let (keys, _) = device_keys(&alice, 1);
    let answer = bob.post(v3!("keys/upload"), json!({ "device_keys": keys })).await;
    assert!(matches!(answer.status, 400 | 403), "{}", answer.text());
    let phone = alice.at_another_device().await;
    let answer = phone.post(v3!("keys/upload"), json!({ "device_keys": keys })).await;
    assert!(matches!(answer.status, 400 | 403), "{}", answer.text());
    let found = bob.post(v3!("keys/query"), json!({ "device_keys": { alice.id.clone(): [] } })).await.ok();
    assert_eq!(found["device_keys"][&alice.id].as_object().map_or(0, serde_json::Map::len), 0, "{found}");
    world.ends().await;
}

#[tokio::test]
async fn new_keys_are_announced_to_those_who_share_a_room() {
    let world = World::new().await;
    let (alice, bob, eve) = (world.register("alice").await, world.register("bob").await, world.register("eve").await);
    alice.creates_room_with(&[&bob]).await;
    let (bobs, eves) = (bob.syncs().await, eve.syncs().await);
    uploads_keys(&alice, 1, 1).await;
    let changed = |seen: &crate::harness::Seen| list(&seen.0["device_lists"]["changed"]).contains(&json!(alice.id));
    let seen = bob.syncs().since(bobs.next()).await;
    assert!(changed(&seen));
    assert!(!changed(&eve.syncs().since(eves.next()).await));
    let query = [("from", bobs.next()), ("to", seen.next())];
    let changes = bob.get(v3!("keys/changes")).query(&query).await.ok();
    assert!(list(&changes["changed"]).contains(&json!(alice.id)), "{changes}");
    assert!(!changed(&bob.syncs().since(seen.next()).await), "announced twice");
    let found = bob.post(v3!("keys/query"), json!({ "device_keys": { alice.id.clone(): [] } })).await.ok();
    assert_eq!(found["device_keys"][&alice.id][&alice.device]["user_id"], alice.id.as_str());
    world.ends().await;
}

/// Alice's cross-signing keys.
fn cross_signing(person: &Person, seed: u8) -> Value {
    let master = key_pair("master", seed);
    let own = |name: &str, pair: &Ed25519KeyPair| {
        let key = public(pair);
        json!({ "user_id": person.id, "usage": [name], "keys": { format!("ed25519:{key}"): key } })
    };
    let signer = key_pair(&public(&master), seed);
    let sub = |name: &str, seed: u8| signed(own(name, &key_pair("x", seed)), &person.id, &signer);
    json!({
        "master_key": own("master", &master),
        "self_signing_key": sub("self_signing", seed + 1),
        "user_signing_key": sub("user_signing", seed + 2),
    })
}

#[tokio::test]
async fn cross_signing_keys_need_a_proof_only_to_be_replaced() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let upload = v3!("keys/device_signing/upload");
    alice.post(&upload, cross_signing(&alice, 40)).await.ok();
    // Uploading the same keys changes nothing; other keys do.
    alice.post(&upload, cross_signing(&alice, 40)).await.ok();
    let other = cross_signing(&alice, 50);
    let asked = alice.post(&upload, other.clone()).await;
    assert_eq!(asked.status, 401, "{}", asked.text());
    let mut proven = other.clone();
    proven["auth"] = alice.proof(Some(&asked.json()["session"]));
    alice.post(&upload, proven).await.ok();

    let query = json!({ "device_keys": { alice.id.clone(): [] } });
    let (own, others) =
        (alice.post(v3!("keys/query"), query.clone()).await.ok(), bob.post(v3!("keys/query"), query).await.ok());
    assert_eq!(others["master_keys"][&alice.id]["keys"], other["master_key"]["keys"]);
    assert_eq!(own["user_signing_keys"][&alice.id]["keys"], other["user_signing_key"]["keys"]);
    assert!(others["user_signing_keys"].get(&alice.id).is_none(), "whom somebody trusts is theirs to know");
    world.ends().await;
}

#[tokio::test]
async fn cross_signing_keys_must_be_signed_by_the_master_key() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let upload = v3!("keys/device_signing/upload");
    for field in ["self_signing_key", "user_signing_key"] {
        let mut keys = cross_signing(&alice, 40);
        keys[field]["signatures"] = json!({ alice.id.clone(): { "ed25519:x": "AAAA" } });
        let answer = alice.post(&upload, keys).await;
        assert_eq!(answer.status, 400, "{field}: {}", answer.text());
    }
    let mut others = cross_signing(&alice, 40);
    others["master_key"]["user_id"] = json!("@bob:localhost");
    let answer = alice.post(&upload, others).await;
    assert!(matches!(answer.status, 400 | 403), "{}", answer.text());
    world.ends().await;
}

#[tokio::test]
async fn a_backup_keeps_the_better_key() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let version =
        json!({ "algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": { "public_key": "abc" } });
    let made = alice.post(v3!("room_keys/version"), version.clone()).await.ok();
    let version_id = made["version"].as_str().expect("a version").to_owned();
    let key = v3!("room_keys/keys/{}/{}", "!r:localhost", "session");
    let query = [("version", version_id.as_str())];
    let put = async |index: u64, forwarded: u64, verified: bool, data: &str| {
        let body = json!({
            "first_message_index": index, "forwarded_count": forwarded, "is_verified": verified,
            "session_data": { "ciphertext": data },
        });
        alice.put(&key, body).query(&query).await.ok()
    };
    let first = put(10, 0, false, "a").await;
    assert_eq!(first["count"], 1);
    let stored = async || alice.get(&key).query(&query).await.ok()["session_data"]["ciphertext"].clone();
    // A worse session (unverified, later index, more forwards) is not stored; a better one is.
    let unchanged = put(11, 0, false, "b").await;
    assert_eq!((stored().await, &unchanged["etag"]), (json!("a"), &first["etag"]));
    put(10, 1, false, "c").await;
    assert_eq!(stored().await, "a");
    let better = put(9, 3, false, "d").await;
    assert_eq!(stored().await, "d");
    assert_ne!(better["etag"], first["etag"]);
    put(50, 9, true, "e").await;
    assert_eq!(stored().await, "e");

    let second = alice.post(v3!("room_keys/version"), version).await.ok()["version"].clone();
    assert_ne!(second, version_id.as_str());
    let old = alice
        .put(&key, json!({ "first_message_index": 0, "forwarded_count": 0, "is_verified": true, "session_data": {} }));
    let refused = old.query(&query).await.refused(403, "M_WRONG_ROOM_KEYS_VERSION");
    assert_eq!(refused["current_version"], second);
    alice
        .get(v3!("room_keys/keys/{}/{}", "!r:localhost", "session"))
        .query(&[("version", second.as_str().expect("text"))])
        .await
        .refused(404, "M_NOT_FOUND");
    world.ends().await;
}

#[tokio::test]
async fn messages_between_devices_arrive_until_they_are_acknowledged_and_then_no_more() {
    let mut world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let phone = bob.at_another_device().await;
    let start = bob.syncs().await;
    let send = v3!("sendToDevice/org.example.hello/{}", "t1");
    let body = json!({ "messages": { bob.id.clone(): { bob.device.clone(): { "n": 1 } } } });
    alice.put(&send, body.clone()).await.ok();
    alice.put(&send, body).await.ok();

    let seen = bob.syncs().since(start.next()).await;
    assert_eq!(seen.to_device().len(), 1, "the same transaction came twice: {}", seen.0);
    assert_eq!((&seen.to_device()[0]["sender"], &seen.to_device()[0]["content"]["n"]), (&json!(alice.id), &json!(1)));
    assert!(phone.syncs().await.to_device().is_empty());
    // The response may have been lost, so messages stay until the client syncs from the next token.
    assert_eq!(bob.syncs().since(start.next()).await.to_device().len(), 1);
    world.restart().await;
    assert_eq!(bob.syncs().since(start.next()).await.to_device().len(), 1);
    assert!(bob.syncs().since(seen.next()).await.to_device().is_empty());
    assert!(bob.syncs().since(start.next()).await.to_device().is_empty(), "an acknowledged message came back");

    let all = json!({ "messages": { bob.id.clone(): { "*": { "n": 2 } } } });
    alice.put(v3!("sendToDevice/org.example.hello/{}", "t2"), all).await.ok();
    assert_eq!(bob.syncs().await.to_device().len(), 1);
    assert_eq!(phone.syncs().await.to_device().len(), 1);
    world.ends().await;
}

#[tokio::test]
async fn many_messages_between_devices_come_in_order_and_in_portions() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    for n in 0..250 {
        let body = json!({ "messages": { bob.id.clone(): { bob.device.clone(): { "n": n } } } });
        alice.put(v3!("sendToDevice/org.example.hello/{}", format!("t{n}")), body).await.ok();
    }
    let (mut numbers, mut since) = (Vec::new(), None::<String>);
    for _ in 0..10 {
        let seen = match &since {
            Some(since) => bob.syncs().since(since).await,
            None => bob.syncs().await,
        };
        numbers.extend(seen.to_device().iter().filter_map(|event| event["content"]["n"].as_u64()));
        since = Some(seen.next().to_owned());
    }
    assert_eq!(numbers, (0..250).collect::<Vec<_>>());
    world.ends().await;
}

fn named(seen: &Value, list_name: &str) -> Vec<String> {
    list(&seen[list_name]).iter().filter_map(|user| user.as_str().map(str::to_owned)).collect()
}

/// `device_lists.changed` of a sync, which must equal that of `/keys/changes` for the same interval.
async fn changed_since(person: &Person, since: &str) -> Vec<String> {
    let seen = person.syncs().since(since).await;
    let query = [("from", since), ("to", seen.next())];
    let changes = person.get(v3!("keys/changes")).query(&query).await.ok();
    let mut told = named(&seen.0["device_lists"], "changed");
    let mut again = named(&changes, "changed");
    told.sort_unstable();
    again.sort_unstable();
    assert_eq!(told, again, "sync and /keys/changes");
    told
}

#[tokio::test]
async fn who_left_and_came_back_between_two_syncs_may_have_other_devices() {
    let world = World::new().await;
    let (alice, bob, carol) =
        (world.register("alice").await, world.register("bob").await, world.register("carol").await);
    for version in ["11", "12"] {
        let room = alice.creates_room().version(version).public().await;
        bob.joins(&room).await;
        carol.joins(&room).await;
        let before = alice.syncs().await;
        bob.leaves(&room).await;
        uploads_keys(&bob, 1, 1).await;
        bob.joins(&room).await;
        assert_eq!(changed_since(&alice, before.next()).await, std::slice::from_ref(&bob.id));

        // When a user joins again, the changes of the others in the meantime were not sent.
        let before = alice.syncs().await;
        alice.leaves(&room).await;
        alice.joins(&room).await;
        assert_eq!(changed_since(&alice, before.next()).await, [bob.id.clone(), carol.id.clone()]);
        assert!(changed_since(&alice, alice.syncs().await.next()).await.is_empty());
    }
    world.ends().await;
}

#[tokio::test]
async fn who_comes_into_a_room_looks_at_their_own_devices_too() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    for version in ["11", "12"] {
        let room = alice.creates_room().version(version).public().await;
        let before = bob.syncs().await;
        bob.joins(&room).await;
        assert_eq!(changed_since(&bob, before.next()).await, [alice.id.clone(), bob.id.clone()]);
    }
    world.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_tells_the_servers_that_newly_listen() {
    for (version, with_names) in [("11", false), ("12", true)] {
        let change = |config: &mut hearth_base::config::Config| config.federation.share_device_names = with_names;
        let cluster = crate::harness::Cluster::with(["a.example", "b.example"], 1, change).await;
        let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
        let (alice, bob, carol) = (a.register("alice").await, b.register("bob").await, b.register("carol").await);
        for person in [&bob, &carol] {
            uploads_keys(person, 1, 1).await;
            person.put(v3!("devices/{}", person.device), json!({ "display_name": "Telephone" })).await.ok();
        }
        let room = alice.creates_room().version(version).public().await;
        let updates = async |of: &Person| {
            for _ in 0..50 {
                let seen = cluster.network.seen();
                let bodies = seen.iter().filter(|(from, _)| from == "b.example");
                let bodies = bodies.filter_map(|(_, call)| serde_json::from_slice::<Value>(&call.body).ok());
                let edus: Vec<Value> = bodies.flat_map(|body| list(&body["edus"]).to_vec()).collect();
                let of_user = |edu: &Value| {
                    edu["edu_type"] == "m.device_list_update" && edu["content"]["user_id"] == of.id.as_str()
                };
                let found: Vec<Value> = edus.into_iter().filter(of_user).collect();
                if !found.is_empty() {
                    return found;
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            Vec::new()
        };
        let via = [("via", "a.example"), ("server_name", "a.example")];
        for person in [&bob, &carol] {
            // The second user finds this server in the room already.
            person.post(v3!("join/{}", room), json!({})).query(&via).await.ok();
            let told = updates(person).await;
            let update = &told.first().expect("a.example is told")["content"];
            assert_eq!(
                (&update["device_id"], update["prev_id"].as_array().map_or(0, Vec::len)),
                (&json!(person.device), 0)
            );
            assert!(update["keys"].is_object(), "{update}");
            let name = if with_names { json!("Telephone") } else { Value::Null };
            assert_eq!(update["device_display_name"], name);
            let queried = alice.post(v3!("keys/query"), json!({ "device_keys": { person.id.clone(): [] } })).await.ok();
            let device = &queried["device_keys"][&person.id][&person.device];
            assert_eq!(device["unsigned"]["device_display_name"], name, "{queried}");
        }
        // Another room with the same servers causes no update.
        let before = updates(&bob).await.len();
        let second = alice.creates_room().version(version).public().await;
        bob.post(v3!("join/{}", second), json!({})).query(&via).await.ok();
        bob.sends("here").in_room(&second).await;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert_eq!(updates(&bob).await.len(), before);
        cluster.ends().await;
    }
}

#[tokio::test]
async fn an_inbox_keeps_everything_that_came_while_the_device_was_away() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    bob.syncs().await;
    // More than an earlier limit.
    let count: u64 = 10_050;
    for first in (0..count).step_by(150) {
        let sends = (first..(first + 150).min(count)).map(|n| {
            let body = json!({ "messages": { bob.id.clone(): { bob.device.clone(): { "n": n } } } });
            alice.put(v3!("sendToDevice/org.example.key/{}", n.to_string()), body).into_future()
        });
        for answer in join_all(sends).await {
            answer.ok();
        }
    }
    let mut since: Option<String> = None;
    let mut got = std::collections::BTreeSet::new();
    loop {
        let syncing = bob.syncs();
        let seen = match &since {
            Some(since) => syncing.since(since).await,
            None => syncing.await,
        };
        if seen.to_device().is_empty() {
            break;
        }
        got.extend(seen.to_device().iter().filter_map(|message| message["content"]["n"].as_u64()));
        since = Some(seen.next().to_owned());
    }
    assert_eq!(u64::try_from(got.len()).expect("small"), count);
    world.ends().await;
}

#[tokio::test]
async fn logging_out_everywhere_keeps_the_dehydrated_device() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let path = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device";
    let pair = key_pair("DEHYDRATED", 9);
    let keys = json!({
        "user_id": alice.id, "device_id": "DEHYDRATED", "algorithms": ["m.olm.v1.curve25519-aes-sha2"], "dehydrated": true,
        "keys": { "curve25519:DEHYDRATED": public(&pair), "ed25519:DEHYDRATED": public(&pair) },
    });
    let body = json!({ "device_id": "DEHYDRATED", "device_data": { "algorithm": "m.dehydration.v2" },
        "device_keys": signed(keys, &alice.id, &pair) });
    alice.put(path, body).await.ok();
    alice.at_another_device().await;
    alice.post(v3!("logout/all"), json!({})).await.ok();
    alice.get(v3!("account/whoami")).await.refused(401, "M_UNKNOWN_TOKEN");
    let again = Person::logs_in(world.anyone(), "alice").await;
    assert_eq!(again.get(path).await.ok()["device_id"], "DEHYDRATED");
    // Deactivation removes it too.
    again.post(v3!("account/deactivate"), json!({ "auth": again.proof(None) })).await.ok();
    let bob = world.register("bob").await;
    let queried = bob.post(v3!("keys/query"), json!({ "device_keys": { alice.id.clone(): [] } })).await.ok();
    assert!(queried["device_keys"][&alice.id]["DEHYDRATED"].is_null(), "{queried}");
    world.ends().await;
}
