//! What one user may use up: refused with a Matrix error at the bound, and what others have stays.

use std::time::Duration;

use hearth_admin::wire::{Destination, UserDetail, paths};
use hearth_base::config::Config;
use serde_json::{Value, json};

use crate::harness::{Answer, Ask, Cluster, Person, Room, World, v3};
use crate::operator::ctl;

const MIB: usize = 1024 * 1024;

/// Ten messages of 60 kB to devices that need not exist.
async fn floods(who: &Person, to: &str, n: usize) -> Answer {
    let devices: serde_json::Map<String, Value> =
        (0..10).map(|k| (format!("D{k}"), json!({"pad": "x".repeat(60_000)}))).collect();
    who.put(v3!("sendToDevice/org.example.flood/{}", n.to_string()), json!({"messages": {to: devices}})).await
}

async fn tells(who: &Person, to: &Person, txn: &str) -> Answer {
    let body = json!({"messages": {&to.id: {&to.device: {"key": txn}}}});
    who.put(v3!("sendToDevice/org.example.key/{}", txn), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_floods_a_server_that_is_away_is_refused_and_nothing_is_lost() {
    let mut cluster = Cluster::of(["a.example", "b.example"]).await;
    let (alice, mallory) = (cluster.worlds[0].register("alice").await, cluster.worlds[0].register("mallory").await);
    let bob = cluster.worlds[1].register("bob").await;
    cluster.network.part("a.example", "b.example");
    tells(&alice, &bob, "before").await.ok();
    tells(&mallory, &bob, "mine").await.ok();
    let mut taken = 0;
    let refused = loop {
        let answer = floods(&mallory, &bob.id, taken).await;
        if answer.status != 200 {
            break answer;
        }
        taken += 1;
        assert!(taken * 600_000 < 9 * MIB, "there is no bound");
    };
    let refusal = refused.refused(429, "M_LIMIT_EXCEEDED");
    assert!(refusal["error"].as_str().is_some_and(|text| text.starts_with("b.example is away")), "{refusal}");
    assert!(refusal["retry_after_ms"].is_u64(), "{refusal}");
    assert!(taken * 600_000 > 7 * MIB && taken * 600_000 <= 8 * MIB, "{taken} requests");
    // Nothing but this is refused.
    tells(&mallory, &alice, "here").await.ok();
    tells(&alice, &bob, "after").await.ok();

    cluster.worlds[0].restart().await;
    let mut refused_again = false;
    // The queue is read beside the first requests.
    for n in 0..3 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        refused_again |= floods(&mallory, &bob.id, 100 + n).await.status == 429;
    }
    assert!(refused_again, "a restart does not forget what waits");

    cluster.network.heal();
    // Any request of theirs ends the wait.
    bob.post(v3!("keys/query"), json!({"device_keys": {&alice.id: []}})).await.ok();
    let (mut since, mut keys) = (None::<String>, Vec::new());
    for _ in 0..60 {
        let syncing = bob.syncs().waiting_ms(500);
        let seen = match &since {
            Some(since) => syncing.since(since).await,
            None => syncing.await,
        };
        keys.extend(seen.to_device().iter().filter_map(|event| event["content"]["key"].as_str().map(str::to_owned)));
        since = Some(seen.next().to_owned());
        if keys.len() == 3 {
            break;
        }
    }
    assert_eq!(keys, ["before", "mine", "after"]);
    let mut accepted = false;
    for n in 0..60 {
        accepted = floods(&mallory, &bob.id, 200 + n).await.status == 200;
        if accepted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert!(accepted, "what is delivered makes room");
    cluster.ends().await;
}

/// The numbers that arrive at a device, until there are `most` of them or no more for a while.
async fn hears(who: &Person, most: usize) -> Vec<String> {
    let (mut since, mut keys, mut quiet) = (None::<String>, Vec::new(), 0);
    while keys.len() < most && quiet < 240 {
        let syncing = who.syncs().waiting_ms(250);
        let seen = match &since {
            Some(since) => syncing.since(since).await,
            None => syncing.await,
        };
        let found = seen.to_device().iter().filter_map(|event| event["content"]["key"].as_str().map(str::to_owned));
        quiet = if seen.to_device().is_empty() { quiet + 1 } else { 0 };
        keys.extend(found);
        since = Some(seen.next().to_owned());
    }
    // What has arrived leaves the inbox with the next sync.
    who.syncs().since(&since.expect("a sync")).await;
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_leaves_out_its_own_messages_and_no_others() {
    let cluster = Cluster::of(["a.example", "b.example", "c.example"]).await;
    let (alice, dave) = (cluster.worlds[0].register("alice").await, cluster.worlds[0].register("dave").await);
    let (bob, carol) = (cluster.worlds[1].register("bob").await, cluster.worlds[2].register("carol").await);
    // Without a room, bob's server would take little of what alice sends.
    let room = alice.creates_room().public().version("12").await;
    bob.post(v3!("join/{}", room), json!({})).query(&[("via", "a.example")]).await.ok();
    cluster.network.part("a.example", "b.example");
    tells(&alice, &bob, "before").await.ok();
    let mut floods_taken = 0;
    while floods(&alice, &bob.id, floods_taken).await.status == 200 {
        floods_taken += 1;
    }
    let given_up = async || {
        let path = paths::destination("b.example");
        cluster.worlds[0].operator().get::<Destination>(&path).await.expect("a destination")
    };
    tells(&alice, &bob, "too much").await.ok();
    let large = json!({"key": "lost", "pad": "x".repeat(60_000)});
    let to = |who: &[&Person]| {
        let messages: serde_json::Map<_, _> =
            who.iter().map(|who| (who.id.clone(), json!({&who.device: large}))).collect();
        json!({"messages": messages})
    };
    let send = |txn: &str, body: Value| alice.put(v3!("sendToDevice/org.example.key/{}", txn), body);
    // Less room than for a large request is left by now.
    let mut rest = 0;
    while send(&format!("rest {rest}"), to(&[&bob])).await.status == 200 {
        rest += 1;
    }
    assert!(rest < 10, "{rest}");
    send("alone", to(&[&bob])).await.refused(429, "M_LIMIT_EXCEEDED");
    assert_eq!(given_up().await.given_up, 0, "who is told no has lost nothing");
    send("with others", to(&[&bob, &carol, &dave])).await.ok();
    assert_eq!(hears(&carol, 1).await, ["lost"]);
    assert_eq!(hears(&dave, 1).await, ["lost"]);
    let mut shown = given_up().await;
    for _ in 0..40 {
        if shown.given_up > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        shown = given_up().await;
    }
    assert_eq!((shown.given_up, shown.given_up_at_ms.is_some()), (1, true));
    let reason = shown.given_up_reason.expect("a reason");
    assert_eq!(reason, "their senders have too many messages waiting for the server");
    let shown = ctl(&cluster.worlds[0], &["federation", "show", "b.example"]).await;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let line = shown.lines().find(|line| line.starts_with("Given up")).unwrap_or_else(|| panic!("{shown}"));
    assert!(line.contains("1 to-device messages, the last ") && line.ends_with(&reason), "{line}");

    cluster.network.heal();
    bob.post(v3!("keys/query"), json!({"device_keys": {&alice.id: []}})).await.ok();
    while tells(&alice, &bob, "after").await.status == 429 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let heard = hears(&bob, 3 + rest).await;
    assert_eq!(heard[..2], ["before", "too much"]);
    assert_eq!(heard[2 + rest..], ["after"], "what was queued is there, and nothing else");
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_inbox_leaves_out_its_own_messages_and_no_others() {
    let world = World::with(|config| config.quotas.to_device_mib = 1).await;
    let (alice, bob, carol) =
        (world.register("alice").await, world.register("bob").await, world.register("carol").await);
    let large = |key: usize| json!({"key": key.to_string(), "pad": "x".repeat(60_000)});
    let send = |txn: usize, who: &[&Person]| {
        let messages: serde_json::Map<_, _> =
            who.iter().map(|who| (who.id.clone(), json!({&who.device: large(txn)}))).collect();
        alice.put(v3!("sendToDevice/org.example.key/{}", txn.to_string()), json!({"messages": messages}))
    };
    let mut taken = 0;
    while send(taken, &[&bob]).await.status == 200 {
        taken += 1;
        assert!(taken < 20, "there is no quota");
    }
    send(100, &[&bob]).await.refused(429, "M_LIMIT_EXCEEDED");
    send(101, &[&bob, &carol]).await.ok();
    assert_eq!(hears(&carol, 1).await, ["101"]);
    let (bytes, limit) = used(&world, &bob, "to_device_bytes").await;
    assert_eq!(limit, Some(MIB as u64));
    assert!((900_000..=MIB as u64).contains(&bytes), "{bytes}");
    assert_eq!(hears(&bob, taken).await.len(), taken);
    send(102, &[&bob]).await.ok();
    world.ends().await;
}

fn small(config: &mut Config) {
    let quotas = &mut config.quotas;
    (quotas.media_mib, quotas.account_data_mib, quotas.account_data_items) = (1, 1, 3);
    (quotas.key_backup_mib, quotas.key_backup_versions) = (1, 2);
    (quotas.filters, quotas.devices, quotas.pushers, quotas.aliases) = (2, 2, 2, 2);
}

const FULL: (u16, &str) = (403, "M_USER_LIMIT_EXCEEDED");

/// What an administrator sees of a quota.
async fn used(world: &World, who: &Person, quota: &str) -> (u64, Option<u64>) {
    let user: UserDetail = world.operator().get(&paths::user(&who.id)).await.expect("a user");
    let found = user.quotas.iter().find(|one| one.quota == quota).expect("a quota of that name");
    (found.used, found.limit)
}

fn upload(who: &Person, bytes: usize) -> Ask {
    who.ask(reqwest::Method::POST, "/_matrix/media/v3/upload").bytes("text/plain", vec![b'x'; bytes])
}

#[tokio::test(flavor = "multi_thread")]
async fn media_ends_at_the_quota_of_its_user() {
    let world = World::with(small).await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    upload(&alice, 600_000).await.ok();
    upload(&alice, 600_000).await.refused(FULL.0, FULL.1);
    upload(&alice, 400_000).await.ok();
    upload(&bob, 600_000).await.ok();
    // Of several at the same time only those count that fit.
    let ends = futures_util::future::join_all((0..4).map(|_| upload(&bob, 300_000).into_future())).await;
    assert_eq!(ends.iter().filter(|answer| answer.status == 200).count(), 1, "{ends:?}");
    assert_eq!(used(&world, &alice, "media_bytes").await, (1_000_000, Some(1024 * 1024)));
    assert_eq!(used(&world, &bob, "media_bytes").await, (900_000, Some(1024 * 1024)));
    world.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_backup_ends_at_the_quota_and_deleting_makes_room() {
    let world = World::with(small).await;
    let alice = world.register("alice").await;
    let version = json!({"algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": {"public_key": "k"}});
    let create = || alice.post(v3!("room_keys/version"), version.clone());
    let first = create().await.ok()["version"].as_str().expect("a version").to_owned();
    let second = create().await.ok()["version"].as_str().expect("a version").to_owned();
    create().await.refused(FULL.0, FULL.1);
    alice.delete(v3!("room_keys/version/{}", first)).await.ok();
    let third = create().await.ok()["version"].as_str().expect("a version").to_owned();
    assert!(third != first && third != second, "numbers are not used again");
    assert_eq!(used(&world, &alice, "key_backup_versions").await, (2, Some(2)));

    let key = |bytes: usize| {
        json!({
            "first_message_index": 1, "forwarded_count": 0, "is_verified": false,
            "session_data": {"ciphertext": "x".repeat(bytes)},
        })
    };
    let put = |session: &str, bytes: usize| {
        let path = v3!("room_keys/keys/{}/{}", "!r:localhost", session);
        alice.put(path, key(bytes)).query(&[("version", &third)])
    };
    for n in 0..17 {
        put(&n.to_string(), 60_000).await.ok();
    }
    put("one too many", 60_000).await.refused(FULL.0, FULL.1);
    let (bytes, _) = used(&world, &alice, "key_backup_bytes").await;
    assert!((17 * 60_000..1024 * 1024).contains(&bytes), "{bytes}");
    let path = v3!("room_keys/keys/{}/{}", "!r:localhost", "3");
    alice.delete(path).query(&[("version", &third)]).await.ok();
    put("in its place", 60_000).await.ok();
    assert_eq!(used(&world, &alice, "key_backup_bytes").await.0, bytes);
    alice.delete(v3!("room_keys/version/{}", third)).await.ok();
    assert_eq!(used(&world, &alice, "key_backup_bytes").await, (0, Some(1024 * 1024)));
    world.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_things_end_at_their_number() {
    let world = World::with(small).await;
    let alice = world.register("alice").await;
    let rooms = [alice.creates_room().version("11").await, alice.creates_room().version("12").await];
    let alias = |name: &str, room: &Room| {
        alice.put(v3!("directory/room/{}", format!("#{name}:localhost")), json!({"room_id": room.0}))
    };
    alias("one", &rooms[0]).await.ok();
    alias("two", &rooms[1]).await.ok();
    alias("three", &rooms[1]).await.refused(FULL.0, FULL.1);
    let body = json!({"room_alias_name": "four"});
    alice.post(v3!("createRoom"), body.clone()).await.refused(FULL.0, FULL.1);
    alice.delete(v3!("directory/room/{}", "#one:localhost")).await.ok();
    alice.post(v3!("createRoom"), body).await.ok();
    assert_eq!(used(&world, &alice, "aliases").await, (2, Some(2)));

    let pusher = |key: &str| {
        let pusher = json!({
            "kind": "http", "app_id": "a.b", "pushkey": key, "app_display_name": "a", "device_display_name": "d",
            "lang": "en", "append": true, "data": {"url": "https://example.org/_matrix/push/v1/notify"},
        });
        alice.post(v3!("pushers/set"), pusher)
    };
    pusher("one").await.ok();
    pusher("two").await.ok();
    pusher("three").await.refused(FULL.0, FULL.1);
    pusher("two").await.ok();
    assert_eq!(used(&world, &alice, "pushers").await, (2, Some(2)));

    let data = |kind: &str, bytes: usize| {
        alice.put(v3!("user/{}/account_data/{}", alice, kind), json!({"pad": "x".repeat(bytes)}))
    };
    let (items, _) = used(&world, &alice, "account_data_items").await;
    for n in items..3 {
        data(&format!("org.example.{n}"), 10).await.ok();
    }
    data("org.example.more", 10).await.refused(FULL.0, FULL.1);
    data("org.example.2", 400_000).await.ok();
    assert_eq!(used(&world, &alice, "account_data_items").await, (3, Some(3)));

    // The oldest filter makes room.
    let mut ids = Vec::new();
    for limit in 1..=3 {
        let filter = json!({"room": {"timeline": {"limit": limit}}});
        let made = alice.post(v3!("user/{}/filter", alice), filter).await.ok();
        ids.push(made["filter_id"].as_str().expect("an id").to_owned());
    }
    alice.get(v3!("user/{}/filter/{}", alice, ids[0])).await.refused(404, "M_NOT_FOUND");
    alice.get(v3!("user/{}/filter/{}", alice, ids[2])).await.ok();
    assert_eq!(used(&world, &alice, "filters").await, (2, Some(2)));

    let second = alice.at_another_device().await;
    let third = alice.at_another_device().await;
    third.syncs().await;
    assert_eq!(used(&world, &alice, "devices").await, (2, Some(2)));
    drop(second);
    world.ends().await;
}
