//! Simplified sliding sync: connections, rooms and their changes.

use crate::harness::{Ask, Person, Room, Value, World, bodies, json, list, types, v3};

pub(super) const PATH: &str = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync";

/// A request for the 20 most recently active rooms.
pub(super) fn twenty() -> Value {
    json!({
        "lists": { "all": {
            "ranges": [[0, 19]],
            "timeline_limit": 5,
            "required_state": [["m.room.name", ""], ["m.room.member", "$LAZY"]],
        } },
        "extensions": {
            "to_device": { "enabled": true },
            "e2ee": { "enabled": true },
            "account_data": { "enabled": true },
            "receipts": { "enabled": true },
            "typing": { "enabled": true },
        },
    })
}

pub(super) fn slides(person: &Person, body: &Value, pos: Option<&str>, wait_ms: u64) -> Ask {
    let ask = person.post(PATH, body.clone()).query(&[("timeout", &wait_ms.to_string())]);
    match pos {
        Some(pos) => ask.query(&[("pos", pos)]),
        None => ask,
    }
}

pub(super) async fn first(person: &Person, body: &Value) -> Value {
    slides(person, body, None, 0).await.ok()
}

pub(super) async fn next(person: &Person, body: &Value, before: &Value) -> Value {
    slides(person, body, Some(pos(before)), 0).await.ok()
}

pub(super) fn pos(answer: &Value) -> &str {
    answer["pos"].as_str().expect("an answer has a pos")
}

pub(super) fn room<'a>(answer: &'a Value, room: &Room) -> &'a Value {
    &answer["rooms"][&room.0]
}

fn texts<'a>(answer: &'a Value, of: &Room) -> Vec<&'a str> {
    bodies(list(&room(answer, of)["timeline"]))
}

fn is_empty(answer: &Value) -> bool {
    answer["rooms"].as_object().is_some_and(serde_json::Map::is_empty)
}

#[tokio::test]
async fn the_first_sync_has_rooms_and_the_next_only_what_is_new() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let versions = world.anyone().get("/_matrix/client/versions").await.ok();
    assert_eq!(versions["unstable_features"]["org.matrix.simplified_msc3575"], true);
    for version in ["11", "12"] {
        let here = alice.creates_room().public().version(version).with("name", json!("Tea")).await;
        bob.joins(&here).await;
        alice.sends("one").in_room(&here).await;
        let body = twenty();
        let seen = first(&bob, &body).await;
        let found = room(&seen, &here);
        assert_eq!((&found["initial"], &found["name"]), (&json!(true), &json!("Tea")), "{seen}");
        assert_eq!((&found["joined_count"], &found["num_live"]), (&json!(2), &json!(0)), "{seen}");
        assert_eq!(texts(&seen, &here), ["one"]);
        assert_eq!((&found["limited"], found["prev_batch"].is_string()), (&json!(true), true), "{seen}");
        let state = types(list(&found["required_state"]));
        assert!(state.contains(&"m.room.name") && state.contains(&"m.room.member"), "{seen}");
        assert!(!state.contains(&"m.room.create"), "{seen}");
        assert!(is_empty(&next(&bob, &body, &seen).await));
        alice.sends("two").in_room(&here).await;
        let news = next(&bob, &body, &seen).await;
        assert_eq!(texts(&news, &here), ["two"]);
        let found = room(&news, &here);
        assert_eq!((&found["num_live"], &found["limited"]), (&json!(1), &json!(false)), "{news}");
        assert!(found["initial"].is_null() && found["name"].is_null(), "{news}");
        assert!(found["bump_stamp"].as_i64() > room(&seen, &here)["bump_stamp"].as_i64(), "{news}");
        // The response may have been lost.
        assert_eq!(texts(&next(&bob, &body, &seen).await, &here), ["two"]);
        alice.sets("m.room.name", "", json!({ "name": "Coffee" })).in_room(&here).await;
        let again = next(&bob, &body, &news).await;
        assert_eq!(room(&again, &here)["name"], "Coffee", "{again}");
    }
    world.ends().await;
}

#[tokio::test]
async fn a_pos_is_bound_to_its_device_and_connection_and_outlives_a_restart() {
    let mut world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let here = alice.creates_room_with(&[&bob]).await;
    let (mut body, phone) = (twenty(), bob.at_another_device().await);
    body["conn_id"] = json!("main");
    let seen = first(&bob, &body).await;
    for stranger in [&alice, &phone] {
        slides(stranger, &body, Some(pos(&seen)), 0).await.refused(400, "M_UNKNOWN_POS");
    }
    slides(&bob, &twenty(), Some(pos(&seen)), 0).await.refused(400, "M_UNKNOWN_POS");
    slides(&bob, &body, Some("1_1"), 0).await.refused(400, "M_UNKNOWN_POS");
    slides(&bob, &body, Some("garbage"), 0).await.refused(400, "M_UNKNOWN_POS");
    world.restart().await;
    let (alice, bob) = (again(&world, &alice), again(&world, &bob));
    assert!(is_empty(&next(&bob, &body, &seen).await), "a restart sent rooms again");
    alice.sends("two").in_room(&here).await;
    let news = next(&bob, &body, &seen).await;
    assert_eq!(texts(&news, &here), ["two"]);
    assert!(room(&news, &here)["initial"].is_null(), "{news}");
    world.ends().await;
}

/// The same session at the server's new address.
pub(super) fn again(world: &World, person: &Person) -> Person {
    let login = json!({ "access_token": person.token, "user_id": person.id, "device_id": person.device });
    Person::from_login(world.anyone(), &login)
}

#[tokio::test]
async fn two_connections_of_a_device_are_independent() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let here = alice.creates_room_with(&[&bob]).await;
    let (rooms, mut keys) = (twenty(), json!({ "extensions": { "to_device": { "enabled": true } } }));
    keys["conn_id"] = json!("encryption");
    let (one, two) = (first(&bob, &rooms).await, first(&bob, &keys).await);
    alice.sends("hello").in_room(&here).await;
    assert_eq!(texts(&next(&bob, &rooms, &one).await, &here), ["hello"]);
    assert!(is_empty(&next(&bob, &keys, &two).await));
    // Nine more connections: the ones used longest ago go.
    for n in 0..9 {
        keys["conn_id"] = json!(format!("c{n}"));
        first(&bob, &keys).await;
    }
    slides(&bob, &rooms, Some(pos(&one)), 0).await.refused(400, "M_UNKNOWN_POS");
    world.ends().await;
}

#[tokio::test]
async fn a_gap_after_sleep_is_limited_and_can_be_filled() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    for version in ["11", "12"] {
        let here = alice.creates_room().public().version(version).await;
        bob.joins(&here).await;
        let seen = first(&bob, &twenty()).await;
        for n in 0..8 {
            alice.sends(&n.to_string()).in_room(&here).await;
        }
        let news = next(&bob, &twenty(), &seen).await;
        assert_eq!(texts(&news, &here), ["3", "4", "5", "6", "7"]);
        let found = room(&news, &here);
        assert_eq!((&found["limited"], &found["initial"]), (&json!(true), &Value::Null), "{news}");
        let page = bob.reads_back(&here).from(found["prev_batch"].as_str().expect("a token")).limit(3).await;
        assert_eq!(bodies(&page.chunk), ["2", "1", "0"]);
        let mut more = twenty();
        more["room_subscriptions"] =
            json!({ &here.0: { "timeline_limit": 8, "required_state": [["m.room.create", ""]] } });
        let expanded = next(&bob, &more, &news).await;
        assert_eq!(texts(&expanded, &here).len(), 8, "{expanded}");
        let found = room(&expanded, &here);
        assert_eq!(found["unstable_expanded_timeline"], true, "{expanded}");
        assert!(types(list(&found["required_state"])).contains(&"m.room.create"), "{expanded}");
        assert!(is_empty(&next(&bob, &more, &expanded).await));
        // To want less and then the same again costs nothing.
        let less = next(&bob, &twenty(), &expanded).await;
        assert!(is_empty(&next(&bob, &more, &less).await));
    }
    world.ends().await;
}

#[tokio::test]
async fn the_end_of_a_stay_is_told_once_and_nothing_afterwards() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    for (version, end) in [("11", "leave"), ("12", "kick"), ("11", "ban"), ("12", "leave")] {
        let here = alice.creates_room().public().version(version).await;
        bob.joins(&here).await;
        let seen = first(&bob, &twenty()).await;
        match end {
            "leave" => bob.leaves(&here).await,
            "kick" => alice.kicks(&bob, &here).await,
            _ => alice.bans(&bob, &here).await,
        }
        alice.sends("a secret").in_room(&here).await;
        alice.sets("m.room.name", "", json!({ "name": "a secret" })).in_room(&here).await;
        // A window without the room tells it as well.
        let mut narrow = twenty();
        narrow["lists"]["all"]["filters"] = json!({ "is_invite": true });
        let told = next(&bob, &narrow, &seen).await;
        let state = list(&room(&told, &here)["required_state"]);
        let own = state.iter().find(|event| event["state_key"] == bob.id.as_str()).expect("the own member event");
        assert_eq!(own["content"]["membership"], if end == "ban" { "ban" } else { "leave" });
        assert!(!told.to_string().contains("a secret"), "{told}");
        let after = next(&bob, &twenty(), &told).await;
        assert!(room(&after, &here).is_null(), "{after}");
        alice.sends("another secret").in_room(&here).await;
        let mut subscribed = twenty();
        subscribed["room_subscriptions"] = json!({ &here.0: { "timeline_limit": 50, "required_state": [["*", "*"]] } });
        for answer in [next(&bob, &subscribed, &after).await, first(&bob, &subscribed).await] {
            let shown = room(&answer, &here).to_string();
            assert!(!shown.contains("secret"), "{shown}");
        }
        if end != "ban" {
            bob.joins(&here).await;
            let back = next(&bob, &twenty(), &after).await;
            assert_eq!(room(&back, &here)["initial"], true, "{end}: {back}");
        }
    }
    world.ends().await;
}

#[tokio::test]
async fn invites_and_knocks_show_stripped_state_only() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let here = alice.creates_room().with("name", json!("Tea")).await;
    alice.sends("a secret").in_room(&here).await;
    let seen = first(&bob, &twenty()).await;
    alice.invites(&bob, &here).await;
    let invited = next(&bob, &twenty(), &seen).await;
    let found = room(&invited, &here);
    assert!(types(list(&found["invite_state"])).contains(&"m.room.name"), "{invited}");
    assert!(found["timeline"].is_null() && found["required_state"].is_null(), "{invited}");
    assert!(is_empty(&next(&bob, &twenty(), &invited).await), "an invite came twice");
    let mut invites = twenty();
    invites["lists"]["all"]["filters"] = json!({ "is_invite": true });
    assert_eq!(first(&bob, &invites).await["lists"]["all"]["count"], 1);
    bob.joins(&here).await;
    let joined = next(&bob, &twenty(), &invited).await;
    assert_eq!(room(&joined, &here)["initial"], true, "{joined}");
    assert_eq!(first(&bob, &invites).await["lists"]["all"]["count"], 0);
    world.ends().await;
}

#[tokio::test]
async fn a_window_grows_and_rooms_outside_come_with_all_they_missed() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let mut rooms = Vec::new();
    for version in ["11", "12", "11", "12"] {
        let here = alice.creates_room().public().version(version).await;
        bob.joins(&here).await;
        alice.sends("first").in_room(&here).await;
        rooms.push(here);
    }
    let mut body = twenty();
    body["lists"]["all"]["ranges"] = json!([[0, 1]]);
    let seen = first(&bob, &body).await;
    assert_eq!((seen["rooms"].as_object().expect("rooms").len(), &seen["lists"]["all"]["count"]), (2, &json!(4)));
    assert!(!room(&seen, &rooms[3]).is_null() && !room(&seen, &rooms[2]).is_null(), "{seen}");
    body["lists"]["all"]["ranges"] = json!([[0, 3]]);
    let grown = next(&bob, &body, &seen).await;
    assert_eq!(grown["rooms"].as_object().expect("rooms").len(), 2, "{grown}");
    // Two rooms leave the window, and something happens in one of them meanwhile.
    alice.sends("missed").in_room(&rooms[0]).await;
    let fully = json!({ "m.fully_read": alice.sends("x").in_room(&rooms[2]).await });
    alice.sends("x").in_room(&rooms[3]).await;
    bob.post(v3!("rooms/{}/read_markers", rooms[2]), fully).await.ok();
    body["lists"]["all"]["ranges"] = json!([[0, 0]]);
    let narrow = next(&bob, &body, &grown).await;
    assert!(room(&narrow, &rooms[0]).is_null(), "{narrow}");
    body["lists"]["all"]["ranges"] = json!([[0, 3]]);
    let wide = next(&bob, &body, &narrow).await;
    assert_eq!(texts(&wide, &rooms[0]), ["missed"], "{wide}");
    assert!(room(&wide, &rooms[0])["initial"].is_null(), "{wide}");
    assert!(wide["extensions"]["account_data"]["rooms"][&rooms[2].0].is_array(), "{wide}");
    assert!(is_empty(&next(&bob, &body, &wide).await));
    world.ends().await;
}

#[tokio::test]
async fn filters_choose_rooms() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let plain = alice.creates_room().await;
    let space = alice.creates_room().with("creation_content", json!({ "type": "m.space" })).await;
    let secret = alice.creates_room().state("m.room.encryption", json!({ "algorithm": "m.megolm.v1.aes-sha2" })).await;
    alice.sets("m.space.child", &plain.0, json!({ "via": ["home.example"] })).in_room(&space).await;
    let tags = v3!("user/{}/rooms/{}/tags/{}", alice, plain, "m.favourite");
    alice.put(tags, json!({ "order": 0.5 })).await.ok();
    let direct = json!({ "@bob:home.example": [secret.0] });
    alice.put(v3!("user/{}/account_data/{}", alice, "m.direct"), direct).await.ok();
    for (filters, expected) in [
        (json!({ "is_dm": true }), vec![&secret]),
        (json!({ "is_dm": false }), vec![&plain, &space]),
        (json!({ "is_encrypted": true }), vec![&secret]),
        (json!({ "room_types": ["m.space"] }), vec![&space]),
        (json!({ "not_room_types": ["m.space"] }), vec![&plain, &secret]),
        (json!({ "room_types": [null], "is_encrypted": false }), vec![&plain]),
        (json!({ "spaces": [space.0, "!none:home.example"] }), vec![&plain]),
        (json!({ "tags": ["m.favourite", "x"] }), vec![&plain]),
        (json!({ "not_tags": ["m.favourite"] }), vec![&space, &secret]),
        (json!({ "tags": ["m.favourite"], "not_tags": ["m.favourite"] }), vec![]),
    ] {
        let mut body = twenty();
        body["lists"]["all"]["filters"] = filters.clone();
        let seen = first(&alice, &body).await;
        let mut found: Vec<_> = seen["rooms"].as_object().expect("rooms").keys().collect();
        let mut expected: Vec<_> = expected.iter().map(|room| &room.0).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{filters}");
    }
    world.ends().await;
}
