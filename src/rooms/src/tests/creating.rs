//! Room creation.

use hearth_base::Reason;
use hearth_store::tables::{events, rooms};
use serde_json::{Value, json};

use super::{World, why};

#[tokio::test]
async fn every_version_makes_rooms() {
    let world = World::new().await;
    for version in ["6", "7", "8", "9", "10", "11", "12"] {
        let id = world.makes(json!({"room_version": version, "name": "Home"})).await.expect(version);
        assert_eq!(id.server_name().is_none(), version == "12", "only from version 12 on the id is a hash");
        assert_eq!(world.state(&id, "m.room.create", "").await["room_version"], version);
        assert_eq!(world.state(&id, "m.room.name", "").await["name"], "Home");
        world
            .send(&world.alice, &id, "m.room.message", "1", json!({"body": "a", "msgtype": "m.text"}))
            .await
            .expect(version);
    }
}

#[tokio::test]
async fn events_come_in_the_order_of_the_specification() {
    let world = World::new().await;
    let wanted = json!({
        "preset": "public_chat", "room_alias_name": "pub", "name": "The pub", "topic": "Beer", "is_direct": true,
        "invite": ["@bob:home.example", "@bob:home.example", "@alice:home.example"],
        "initial_state": [
            {"type": "m.room.guest_access", "content": {"guest_access": "can_join"}},
            {"type": "x", "state_key": "y", "content": {"z": 1}}
        ],
    });
    let id = world.makes(wanted).await.expect("a room");
    let room_id = id.to_string();
    let read = move |tx: &mut hearth_store::ReadTx<'_>| {
        let room = rooms::by_id(tx.tx(), &room_id)?.expect("the room");
        let mut kinds = Vec::new();
        events::timeline(tx.tx(), room.sn, (0, i64::MAX), events::Direction::Forward, 100, &mut |row| {
            let event: Value = serde_json::from_slice(&row.read()?.json).expect("JSON");
            kinds.push(event["type"].as_str().expect("a type").to_owned());
            Ok(true)
        })?;
        Ok(kinds)
    };
    let kinds = world.core.store.read("test", read).await.expect("a timeline");
    let expected = [
        "m.room.create",
        "m.room.member",
        "m.room.power_levels",
        "m.room.canonical_alias",
        "m.room.join_rules",
        "m.room.history_visibility",
        "m.room.guest_access",
        "x",
        "m.room.name",
        "m.room.topic",
        "m.room.member",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(world.state(&id, "m.room.guest_access", "").await["guest_access"], "can_join");
    assert_eq!(world.state(&id, "m.room.topic", "").await["m.topic"]["m.text"][0]["body"], "Beer");
    assert_eq!(world.state(&id, "m.room.member", "@bob:home.example").await["is_direct"], true);
    let taken = world.makes(json!({"room_alias_name": "pub"})).await;
    assert_eq!(why(taken), Reason::RoomInUse);
}

#[tokio::test]
async fn the_trusted_get_the_creators_power() {
    let world = World::new().await;
    let wanted = |version: &str| json!({"room_version": version, "preset": "trusted_private_chat", "invite": ["@bob:home.example"]});
    let old = world.makes(wanted("11")).await.expect("a room");
    assert_eq!(world.state(&old, "m.room.power_levels", "").await["users"]["@bob:home.example"], 100);
    let new = world.makes(wanted("12")).await.expect("a room");
    assert_eq!(world.state(&new, "m.room.create", "").await["additional_creators"], json!(["@bob:home.example"]));
    assert_eq!(world.state(&new, "m.room.power_levels", "").await["users"], json!({}));
    world.joins(&world.bob, &new).await.expect("a join");
    world
        .set(&world.bob, &new, "m.room.tombstone", json!({"body": "moved"}))
        .await
        .expect("creators may do everything");
}

#[tokio::test]
async fn impossible_wishes_leave_nothing_behind() {
    let world = World::new().await;
    let refused = [
        (json!({"room_version": "99"}), Reason::UnsupportedRoomVersion),
        (json!({"preset": "chaotic"}), Reason::InvalidParam),
        (json!({"room_alias_name": "a:b"}), Reason::InvalidParam),
        (json!({"room_version": "11", "power_level_content_override": {"users": {}}}), Reason::BadJson),
        (json!({"power_level_content_override": {"users": {"@alice:home.example": 100}}}), Reason::InvalidRoomState),
        (json!({"creation_content": {"additional_creators": "bob"}}), Reason::BadJson),
        (json!({"initial_state": [{"type": "m.room.create", "content": {}}]}), Reason::InvalidParam),
        (json!({"initial_state": [{"type": "x", "content": {"half": 0.5}}]}), Reason::BadJson),
    ];
    for (wanted, reason) in refused {
        assert_eq!(why(world.makes(wanted.clone()).await), reason, "{wanted}");
    }
    let count = world.core.store.read("test", |tx| rooms::count(tx.tx())).await.expect("a count");
    assert_eq!(count, 0);
}
