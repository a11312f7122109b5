//! Room creation: presets, versions, initial state.

use crate::harness::{Value, World, bodies, ids, json, list, v3};

/// The room versions that rooms can be created with.
const VERSIONS: [&str; 7] = ["6", "7", "8", "9", "10", "11", "12"];

#[tokio::test]
async fn presets_set_who_may_join_and_what_they_see() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    // preset, join rule, history visibility, guest access
    let presets = [
        ("private_chat", "invite", "shared", "can_join"),
        ("trusted_private_chat", "invite", "shared", "can_join"),
        ("public_chat", "public", "shared", "forbidden"),
    ];
    for (preset, join_rule, visibility, guests) in presets {
        let room = alice.creates_room().with("preset", json!(preset)).inviting(&[&bob]).await;
        let content = async |kind: &str| alice.state_of(&room, kind, "").await;
        assert_eq!(content("m.room.join_rules").await["join_rule"], join_rule, "{preset}");
        assert_eq!(content("m.room.history_visibility").await["history_visibility"], visibility, "{preset}");
        assert_eq!(content("m.room.guest_access").await["guest_access"], guests, "{preset}");
    }
    world.ends().await;
}

#[tokio::test]
async fn in_a_trusted_chat_the_invited_have_the_power_of_the_creator() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    for version in ["10", "12"] {
        let creation = alice.creates_room().with("preset", json!("trusted_private_chat")).version(version);
        let room = creation.inviting(&[&bob]).await;
        bob.joins(&room).await;
        bob.sets("m.room.name", "", json!({ "name": "ours" })).in_room(&room).await;
        // Requires the highest power level.
        bob.sets("m.room.encryption", "", json!({ "algorithm": "m.megolm.v1.aes-sha2" })).in_room(&room).await;
        let mut powers = bob.state_of(&room, "m.room.power_levels", "").await;
        powers["events_default"] = json!(10);
        bob.sets("m.room.power_levels", "", powers).in_room(&room).await;
    }
    world.ends().await;
}

#[tokio::test]
async fn every_room_version_carries_a_conversation() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    for version in VERSIONS {
        let room = alice.creates_room().version(version).public().await;
        bob.joins(&room).await;
        alice.sends("hello").in_room(&room).await;
        let slip = bob.sends("helo").in_room(&room).await;
        bob.redacts(&slip, &room).await;
        alice.kicks(&bob, &room).await;
        bob.joins(&room).await;
        alice.bans(&bob, &room).await;
        alice.unbans(&bob, &room).await;
        bob.joins(&room).await;
        bob.sends("back").in_room(&room).await;
        let read = bob.reads_all_of(&room).await;
        assert_eq!(bodies(&read), ["hello", "back"], "version {version}");
        let create = alice.state_of(&room, "m.room.create", "").await;
        assert_eq!(create["room_version"], version);
        // Version 11 removed `creator` from the content; the sender is the creator.
        assert_eq!(create.get("creator").is_some(), version.parse::<u8>().is_ok_and(|version| version < 11));
    }
    world.ends().await;
}

#[tokio::test]
async fn the_id_of_a_version_12_room_is_that_of_its_creation() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().version("12").await;
    assert!(!room.0.contains(':'), "{room}");
    let state = alice.get(v3!("rooms/{}/state", room)).await.ok();
    let create = list(&state).iter().find(|event| event["type"] == "m.room.create").expect("a creation").clone();
    let id = create["event_id"].as_str().expect("an id");
    assert_eq!(id[1..], room.0[1..]);
    // A creator's power level is above all numbers, and is not in the event.
    let powers = alice.state_of(&room, "m.room.power_levels", "").await;
    assert_eq!(powers["users"].get(&alice.id), None, "{powers}");
    assert_eq!(powers["events"]["m.room.tombstone"], 150);

    let older = alice.creates_room().version("11").await;
    assert!(older.0.ends_with(":localhost"), "{older}");
    world.ends().await;
}

#[tokio::test]
async fn additional_creators_share_the_creators_power() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let content = json!({ "additional_creators": [bob.id] });
    let room = alice.creates_room().version("12").with("creation_content", content).inviting(&[&bob]).await;
    bob.joins(&room).await;
    bob.sets("m.room.tombstone", "", json!({ "body": "moved", "replacement_room": "!x:localhost" }))
        .in_room(&room)
        .await;
    // A creator cannot be demoted, not even by another creator, because creators are not in the list.
    let mut powers = alice.state_of(&room, "m.room.power_levels", "").await;
    powers["users"][&bob.id] = json!(0);
    let answer = alice.put(v3!("rooms/{}/state/m.room.power_levels/", room), powers).await;
    assert!((400..404).contains(&answer.status), "{}", answer.text());
    world.ends().await;
}

#[tokio::test]
async fn a_room_begins_with_what_its_creator_asked_for() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice
        .creates_room()
        .with("name", json!("Kitchen"))
        .with("topic", json!("Who cooks?"))
        .with("room_alias_name", json!("kitchen"))
        .with("is_direct", json!(true))
        .with("creation_content", json!({ "type": "m.space", "m.federate": false }))
        .with("power_level_content_override", json!({ "events_default": 5 }))
        .state("m.room.encryption", json!({ "algorithm": "m.megolm.v1.aes-sha2" }))
        .inviting(&[&bob])
        .await;
    let content = async |kind: &str| alice.state_of(&room, kind, "").await;
    assert_eq!(content("m.room.name").await["name"], "Kitchen");
    assert_eq!(content("m.room.topic").await["topic"], "Who cooks?");
    assert_eq!(content("m.room.canonical_alias").await["alias"], "#kitchen:localhost");
    assert_eq!(content("m.room.create").await["type"], "m.space");
    assert_eq!(content("m.room.create").await["m.federate"], false);
    assert_eq!(content("m.room.power_levels").await["events_default"], 5);
    assert_eq!(content("m.room.encryption").await["algorithm"], "m.megolm.v1.aes-sha2");
    let invited = bob.syncs().await;
    let stripped = invited.invited(&room);
    let own = stripped.iter().find(|event| event["state_key"] == bob.id.as_str()).expect("the invitation");
    assert_eq!(own["content"]["is_direct"], true);
    let kinds: Vec<_> = stripped.iter().filter_map(|event| event["type"].as_str()).collect();
    for kind in ["m.room.create", "m.room.name", "m.room.join_rules", "m.room.encryption"] {
        assert!(kinds.contains(&kind), "an invitation without {kind}: {kinds:?}");
    }
    world.ends().await;
}

#[tokio::test]
async fn nothing_is_left_of_a_room_that_could_not_be_made() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    alice.creates_room().with("room_alias_name", json!("taken")).await;
    let before = alice.syncs().await;
    let refused: [(Value, &str); 7] = [
        (json!({ "room_alias_name": "taken" }), "M_ROOM_IN_USE"),
        (json!({ "room_version": "1" }), "M_UNSUPPORTED_ROOM_VERSION"),
        (json!({ "room_version": "org.example.none" }), "M_UNSUPPORTED_ROOM_VERSION"),
        (json!({ "room_version": "1".repeat(33) }), "M_BAD_JSON"),
        (json!({ "invite": ["not a user"] }), "M_BAD_JSON"),
        (json!({ "power_level_content_override": { "users_default": "many" } }), "M_BAD_JSON"),
        (json!({ "name": "x".repeat(70_000) }), "M_TOO_LARGE"),
    ];
    for (body, errcode) in refused {
        let answer = alice.post(v3!("createRoom"), body.clone()).await;
        assert!((400..500).contains(&answer.status), "{} to {body:.100}", answer.text());
        assert!(
            errcode == answer.json()["errcode"] || answer.json()["errcode"] == "M_INVALID_PARAM",
            "{}",
            answer.text()
        );
    }
    assert!(alice.syncs().since(before.next()).await.is_quiet());
    assert_eq!(list(&alice.get(v3!("joined_rooms")).await.ok()["joined_rooms"]).len(), 1);
    world.ends().await;
}

#[tokio::test]
async fn the_events_of_a_new_room_come_in_the_order_of_the_specification() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().with("name", json!("Kitchen")).await;
    let events = alice.reads_all_of(&room).await;
    let kinds = crate::harness::types(&events);
    assert_eq!(kinds[..3], ["m.room.create", "m.room.member", "m.room.power_levels"]);
    assert_eq!(kinds.last(), Some(&"m.room.name"));
    let mut unique = ids(&events);
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), events.len());
    world.ends().await;
}

#[tokio::test]
async fn rooms_that_are_made_in_the_same_millisecond_are_not_the_same() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    for version in ["11", "12"] {
        world.clock.stop();
        let mut rooms = Vec::new();
        for _ in 0..5 {
            rooms.push(alice.creates_room().version(version).await);
        }
        let upgrade = v3!("rooms/{}/upgrade", rooms[0]);
        alice.post(upgrade, json!({ "new_version": version })).await.ok();
        rooms.sort_unstable();
        rooms.dedup();
        assert_eq!(rooms.len(), 5, "{rooms:?}");
        for room in &rooms {
            alice.sends("here").in_room(room).await;
        }
    }
    world.ends().await;
}

#[tokio::test]
async fn creators_and_levels_that_cannot_be_are_refused() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let creators = |list: Value| json!({ "creation_content": { "additional_creators": list } });
    let levels = |users: Value| json!({ "power_level_content_override": { "users": users } });
    let mut with_bob = levels(json!({ bob.id.clone(): 50 }));
    with_bob["creation_content"] = json!({ "additional_creators": [bob.id] });
    let mut stranger = levels(json!({ alice.id.clone(): 100 }));
    stranger["initial_state"] =
        json!([{ "type": "m.room.power_levels", "content": { "users": { alice.id.clone(): 1 } } }]);
    let wrong = [
        (creators(json!(["bob"])), "M_BAD_JSON"),
        (creators(json!("@bob:localhost")), "M_BAD_JSON"),
        (creators(json!([7])), "M_BAD_JSON"),
        (creators(json!({})), "M_BAD_JSON"),
        (levels(json!({ alice.id.clone(): 100 })), "M_INVALID_ROOM_STATE"),
        (with_bob, "M_INVALID_ROOM_STATE"),
        (levels(json!({ "bob": 50 })), "M_BAD_JSON"),
        (levels(json!({ bob.id.clone(): "many" })), "M_BAD_JSON"),
        (
            json!({ "initial_state": [{ "type": "m.room.power_levels", "content": { "users": { alice.id.clone(): 1 } } }] }),
            "M_INVALID_ROOM_STATE",
        ),
        (stranger, "M_INVALID_ROOM_STATE"),
    ];
    for (mut body, errcode) in wrong {
        body["room_version"] = json!("12");
        alice.post(v3!("createRoom"), body).await.refused(400, errcode);
    }
    // In older versions the creator may set its own level, but not one too low to set up the room.
    let little = json!({ "room_version": "11", "name": "x",
        "power_level_content_override": { "users": { alice.id.clone(): 10 } } });
    alice.post(v3!("createRoom"), little).await.refused(400, "M_INVALID_ROOM_STATE");
    assert_eq!(list(&alice.get(v3!("joined_rooms")).await.ok()["joined_rooms"]).len(), 0);

    let room = alice.creates_room().version("12").await;
    let create = v3!("rooms/{}/state/m.room.create/", room);
    alice.put(&create, json!({ "room_version": "12", "additional_creators": ["x"] })).await.refused(400, "M_BAD_JSON");
    alice.put(&create, json!({ "room_version": "12" })).await.refused(403, "M_FORBIDDEN");
    let mut powers = alice.state_of(&room, "m.room.power_levels", "").await;
    powers["users"][&alice.id] = json!(100);
    alice.put(v3!("rooms/{}/state/m.room.power_levels/", room), powers).await.refused(400, "M_BAD_JSON");
    world.ends().await;
}
