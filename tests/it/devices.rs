//! Devices: list, rename, delete, and the permissions for that.

use crate::harness::{World, json, list, v3};

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
