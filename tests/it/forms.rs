//! Forms of requests and responses that some client relies on.

use std::fmt::Write as _;

use crate::harness::{PASSWORD, Value, World, json, list, v3};

#[tokio::test]
async fn a_device_that_was_never_used_is_listed_with_nulls() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let phone = alice.at_another_device().await;
    let devices = alice.get(v3!("devices")).await.ok();
    let listed = list(&devices["devices"]).iter().find(|device| device["device_id"] == phone.device.as_str());
    let listed = listed.and_then(Value::as_object).expect("the device is listed");
    for field in ["display_name", "last_seen_ip", "last_seen_ts"] {
        assert_eq!(listed.get(field), Some(&Value::Null), "{field} in {listed:?}");
    }
    let one = alice.get(v3!("devices/{}", phone.device)).await.ok();
    assert_eq!(one.as_object().and_then(|one| one.get("last_seen_ts")), Some(&Value::Null));
    world.ends().await;
}

#[tokio::test]
async fn a_token_in_the_query_may_be_percent_encoded() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let encoded = alice.token.bytes().fold(String::new(), |mut encoded, byte| {
        write!(encoded, "%{byte:02X}").expect("a string takes everything");
        encoded
    });
    let path = format!("{}?access_token={encoded}", v3!("account/whoami"));
    assert_eq!(world.anyone().get(path).await.ok()["user_id"], alice.id.as_str());
    world.ends().await;
}

#[tokio::test]
async fn the_directory_says_that_a_room_is_public() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    alice.creates_room().public().with("visibility", json!("public")).await;
    let knock = json!({ "join_rule": "knock" });
    alice.creates_room().state("m.room.join_rules", knock).with("visibility", json!("public")).await;
    for shown in
        [world.anyone().get(v3!("publicRooms")).await.ok(), alice.post(v3!("publicRooms"), json!({})).await.ok()]
    {
        let mut rules: Vec<_> = list(&shown["chunk"]).iter().filter_map(|room| room["join_rule"].as_str()).collect();
        rules.sort_unstable();
        assert_eq!(rules, ["knock", "public"]);
    }
    world.ends().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_body_is_told_by_its_code_and_field() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    let kick = v3!("rooms/{}/kick", room);
    let refused = alice.post(&kick, json!({ "reason": "x" })).await.refused(400, "M_MISSING_PARAM");
    assert!(refused["error"].as_str().is_some_and(|error| error.contains("`user_id`")), "{refused}");
    let refused = alice.post(&kick, json!({ "user_id": 7 })).await.refused(400, "M_BAD_JSON");
    assert!(refused["error"].as_str().is_some_and(|error| error.contains("`user_id`")), "{refused}");
    alice.post(&kick, json!([])).await.refused(400, "M_BAD_JSON");
    let bytes = |body: &[u8]| alice.ask(reqwest::Method::POST, &kick).bytes("application/json", body);
    bytes(b"{\"user_id\":").await.refused(400, "M_NOT_JSON");
    // Also in a field that is not read, and in a key.
    bytes(b"{\"user_id\":\"@bob:localhost\",\"unknown\":\"\xff\"}").await.refused(400, "M_NOT_JSON");
    bytes(b"{\"user_id\":\"@bob:localhost\",\"\xc3\x28\":1}").await.refused(400, "M_NOT_JSON");
    let refused = world.anyone().get(v3!("register/available")).await.refused(400, "M_MISSING_PARAM");
    assert!(refused["error"].as_str().is_some_and(|error| error.contains("`username`")), "{refused}");
    world.anyone().post(v3!("login"), json!({})).await.refused(400, "M_MISSING_PARAM");
    alice.get(v3!("rooms/{}/state", "not a room")).await.refused(400, "M_INVALID_PARAM");
    world.ends().await;
}

#[tokio::test]
async fn an_upgrade_tells_an_unknown_version_from_an_unknown_room() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    let upgrade = v3!("rooms/{}/upgrade", room);
    let long = "9".repeat(60);
    for version in ["99", "org.example.made up", "", &long] {
        let wish = json!({ "new_version": version });
        alice.post(&upgrade, wish).await.refused(400, "M_UNSUPPORTED_ROOM_VERSION");
    }
    alice.post(&upgrade, json!({})).await.refused(400, "M_MISSING_PARAM");
    alice.post(&upgrade, json!({ "new_version": 11 })).await.refused(400, "M_BAD_JSON");
    let creators = json!({ "new_version": "12", "additional_creators": ["bob"] });
    alice.post(&upgrade, creators).await.refused(400, "M_BAD_JSON");
    let nowhere = v3!("rooms/{}/upgrade", "!nowhere:localhost");
    alice.post(nowhere, json!({ "new_version": "11" })).await.refused(404, "M_NOT_FOUND");
    assert!(alice.state_of(&room, "m.room.tombstone", "").await.is_null());
    world.ends().await;
}

#[tokio::test]
async fn push_rules_of_one_kind_are_a_list() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let rule = json!({ "actions": ["notify"], "pattern": "tea" });
    alice.put(v3!("pushrules/global/content/tea"), rule).await.ok();
    for path in ["/_matrix/client/v3/pushrules/global/content/", "/_matrix/client/r0/pushrules/global/content"] {
        let rules = alice.get(path).await.ok();
        assert!(list(&rules).iter().any(|rule| rule["rule_id"] == "tea"), "{rules}");
    }
    assert_eq!(alice.get(v3!("pushrules/global/room/")).await.ok(), json!([]));
    alice.get(v3!("pushrules/global/whim/")).await.refused(400, "M_INVALID_PARAM");
    world.ends().await;
}

#[tokio::test]
async fn what_else_is_in_the_body_of_a_join_stays_in_the_event() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    for version in ["11", "12"] {
        let room = alice.creates_room().public().version(version).await;
        let body = json!({ "reason": "tea", "org.example.from": ["a list"], "membership": "ban" });
        bob.post(v3!("join/{}", room), body).await.ok();
        let member = alice.state_of(&room, "m.room.member", &bob.id).await;
        assert_eq!((&member["membership"], &member["reason"]), (&json!("join"), &json!("tea")));
        assert_eq!((&member["org.example.from"], &member["displayname"]), (&json!(["a list"]), &json!("bob")));
        alice.post(v3!("join/{}", room), json!({ "x": 1.5 })).await.refused(400, "M_BAD_JSON");
    }
    world.ends().await;
}

#[tokio::test]
async fn an_event_that_is_not_known_here_can_be_redacted() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    for version in ["10", "11", "12"] {
        let (room, other) =
            (alice.creates_room().version(version).public().await, alice.creates_room().version(version).await);
        bob.joins(&room).await;
        let unknown = "$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let redaction = alice.redacts(unknown, &room).await;
        let shown = bob.get(v3!("rooms/{}/event/{}", room, redaction)).await.ok();
        assert_eq!((&shown["type"], &shown["content"]["redacts"]), (&json!("m.room.redaction"), &json!(unknown)));
        // The server knows Bob's own events, and he may redact no others.
        bob.put(v3!("rooms/{}/redact/{}/1", room, unknown), json!({})).await.refused(404, "M_NOT_FOUND");
        let elsewhere = alice.sends("there").in_room(&other).await;
        alice.put(v3!("rooms/{}/redact/{}/1", room, elsewhere), json!({})).await.refused(404, "M_NOT_FOUND");
    }
    world.ends().await;
}

#[tokio::test]
async fn a_proof_in_the_name_of_another_user_is_forbidden() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let phone = alice.at_another_device().await;
    let path = v3!("devices/{}", phone.device);
    for session in [None, Some(alice.delete(&path).json(&json!({})).await.json()["session"].clone())] {
        let body = json!({ "auth": bob.proof(session.as_ref()) });
        alice.delete(&path).json(&body).await.refused(403, "M_FORBIDDEN");
    }
    let old = json!({ "auth": { "type": "m.login.password", "user": bob.id, "password": PASSWORD } });
    alice.delete(&path).json(&old).await.refused(403, "M_FORBIDDEN");
    phone.get(v3!("account/whoami")).await.ok();
    alice.delete(&path).json(&json!({ "auth": alice.proof(None) })).await.ok();
    world.ends().await;
}
