//! Room upgrades: the new room copies what matters, the old one points to it.

use crate::harness::{Room, World, json, v3};

#[tokio::test]
async fn an_upgraded_room_points_both_ways_and_takes_its_alias_along() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    for (from, to) in [("10", "11"), ("11", "12"), ("12", "12")] {
        let alias = format!("a{from}{to}");
        let creation = alice.creates_room().version(from).public().with("room_alias_name", json!(alias));
        let old = creation.with("name", json!("Kitchen")).await;
        bob.joins(&old).await;
        let last = alice.sends("moving").in_room(&old).await;
        let made = alice.post(v3!("rooms/{}/upgrade", old), json!({ "new_version": to })).await.ok();
        let new = Room(made["replacement_room"].as_str().expect("a new room").to_owned());

        assert_eq!(alice.state_of(&old, "m.room.tombstone", "").await["replacement_room"], new.0.as_str());
        let create = alice.state_of(&new, "m.room.create", "").await;
        assert_eq!((&create["predecessor"]["room_id"], &create["room_version"]), (&json!(old.0), &json!(to)));
        assert_eq!(alice.state_of(&new, "m.room.name", "").await["name"], "Kitchen");
        let found = world.anyone().get(v3!("directory/room/{}", format!("#{alias}:localhost"))).await.ok();
        assert_eq!(found["room_id"], new.0.as_str());
        // Users without power cannot send in the old room; its messages stay.
        let talk = v3!("rooms/{}/send/m.room.message/1{}{}", old, from, to);
        bob.put(talk, json!({ "msgtype": "m.text", "body": "x" })).await.refused(403, "M_FORBIDDEN");
        bob.get(v3!("rooms/{}/event/{}", old, last)).await.ok();
        bob.joins(&new).await;
    }
    world.ends().await;
}

#[tokio::test]
async fn only_those_with_power_upgrade_a_room() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let upgrade = v3!("rooms/{}/upgrade", room);
    bob.post(&upgrade, json!({ "new_version": "12" })).await.refused(403, "M_FORBIDDEN");
    alice.post(&upgrade, json!({ "new_version": "99" })).await.refused(400, "M_UNSUPPORTED_ROOM_VERSION");
    assert!(alice.state_of(&room, "m.room.tombstone", "").await.is_null());
    world.ends().await;
}
