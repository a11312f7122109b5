//! Devices: list, rename, delete, and the permissions for that.

use crate::harness::keys::device_keys;
use crate::harness::{Person, World, json, list, v3};

#[tokio::test]
async fn devices_are_listed_with_their_names_and_when_they_were_last_seen() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let phone = alice.at_another_device().await;
    phone.put(v3!("devices/{}", phone.device), json!({ "display_name": "Telephone" })).await.ok();
    let devices = alice.get(v3!("devices")).await.ok();
    assert_eq!(list(&devices["devices"]).len(), 2);
    let shown = alice.get(v3!("devices/{}", phone.device)).await.ok();
    assert_eq!(shown["display_name"], "Telephone");
    assert_eq!(shown["last_seen_ip"], "127.0.0.1");
    assert!(shown["last_seen_ts"].as_u64().is_some_and(|at| at > 0), "{shown}");
    world.ends().await;
}

#[tokio::test]
async fn no_one_sees_or_names_the_devices_of_others() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    bob.get(v3!("devices/{}", alice.device)).await.refused(404, "M_NOT_FOUND");
    bob.put(v3!("devices/{}", alice.device), json!({ "display_name": "mine" })).await.refused(404, "M_NOT_FOUND");
    let unnamed = alice.get(v3!("devices/{}", alice.device)).await.ok();
    assert_ne!(unnamed["display_name"], "mine");
    world.ends().await;
}

#[tokio::test]
async fn several_devices_are_removed_at_once_with_one_proof() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let (phone, tablet) = (alice.at_another_device().await, alice.at_another_device().await);
    let body = json!({ "devices": [phone.device, tablet.device], "auth": alice.proof(None) });
    alice.post(v3!("delete_devices"), body).await.ok();
    let devices = alice.get(v3!("devices")).await.ok();
    assert_eq!(list(&devices["devices"]).len(), 1);
    tablet.get(v3!("sync")).await.refused(401, "M_UNKNOWN_TOKEN");
    world.ends().await;
}

#[tokio::test]
async fn logging_in_with_a_known_device_id_replaces_its_token() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let who = json!({ "type": "m.id.user", "user": "alice" });
    let body = json!({
        "type": "m.login.password", "identifier": who, "password": crate::harness::PASSWORD, "device_id": alice.device,
    });
    let again = world.anyone().post(v3!("login"), body).await.ok();
    assert_eq!(again["device_id"], alice.device.as_str());
    alice.get(v3!("account/whoami")).await.refused(401, "M_UNKNOWN_TOKEN");
    let devices = world.anyone().with_token(again["access_token"].as_str().expect("a token")).get(v3!("devices")).await;
    assert_eq!(list(&devices.ok()["devices"]).len(), 1);
    world.ends().await;
}

#[tokio::test]
async fn notification_settings_of_a_device_go_with_it() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let (phone, tablet) = (alice.at_another_device().await, alice.at_another_device().await);
    for prefix in ["m.local_notification_settings.", "org.matrix.msc3890.local_notification_settings."] {
        for device in [&phone, &tablet] {
            let kind = format!("{prefix}{}", device.device);
            alice.put(v3!("user/{}/account_data/{}", alice, kind), json!({ "is_silenced": true })).await.ok();
        }
    }
    let before = alice.syncs().await;
    phone.post(v3!("logout"), json!({})).await.ok();
    let seen = alice.syncs().since(before.next()).await;
    let events = list(&seen.0["account_data"]["events"]).to_vec();
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events.iter().all(|event| event["content"] == json!({})));
    for (device, status) in [(&phone, 404), (&tablet, 200)] {
        let kind = format!("org.matrix.msc3890.local_notification_settings.{}", device.device);
        alice.get(v3!("user/{}/account_data/{}", alice, kind)).await.status_is(status);
    }
    world.ends().await;
}

/// Skips 40 days and runs what the server does every few minutes; returns the devices that are left.
async fn after_forty_days(world: &World, person: &Person) -> Vec<String> {
    world.clock.skip(40 * 24 * 60 * 60 * 1_000);
    person.get(v3!("account/whoami")).await.ok();
    world.server().domain.upkeep().await;
    let devices = person.get(v3!("devices")).await.ok();
    let mut ids: Vec<_> = list(&devices["devices"])
        .iter()
        .map(|device| device["device_id"].as_str().expect("an id").to_owned())
        .collect();
    ids.sort();
    ids
}

fn sorted(devices: &[&Person]) -> Vec<String> {
    let mut ids: Vec<_> = devices.iter().map(|device| device.device.clone()).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn unused_devices_are_logged_out_if_nothing_is_lost() {
    let world = World::with(|config| config.tokens.unused_device_days = 30).await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let (plain, encrypted) = (alice.at_another_device().await, alice.at_another_device().await);
    encrypted.post(v3!("keys/upload"), json!({ "device_keys": device_keys(&encrypted, 3).0 })).await.ok();
    // Without a key backup the encrypted one may hold the only keys.
    assert_eq!(after_forty_days(&world, &alice).await, sorted(&[&alice, &encrypted]));
    plain.get(v3!("account/whoami")).await.refused(401, "M_UNKNOWN_TOKEN");
    // The only device of a user stays.
    bob.get(v3!("account/whoami")).await.ok();
    let backup = json!({ "algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": { "public_key": "x" } });
    alice.post(v3!("room_keys/version"), backup).await.ok();
    assert_eq!(after_forty_days(&world, &alice).await, sorted(&[&alice]));
    world.ends().await;
}

#[tokio::test]
async fn unused_devices_stay_unless_the_operator_wants_otherwise() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let phone = alice.at_another_device().await;
    assert_eq!(after_forty_days(&world, &alice).await, sorted(&[&alice, &phone]));
    world.ends().await;
}
