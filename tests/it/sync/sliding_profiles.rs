//! Simplified sliding sync: profiles (MSC4262), and the status of users in them (MSC4426).

use std::future::IntoFuture;

use futures_util::future::join;

use super::sliding::{PATH, first, next, pos, slides, twenty};
use crate::harness::{Person, Value, World, json, v3};

const EXTENSION: &str = "org.matrix.msc4262.profiles";
const STATUS: &str = "org.matrix.msc4426.status";
const CALL: &str = "org.matrix.msc4426.call";

/// A request like that of Element X.
fn with_profiles() -> Value {
    let mut body = twenty();
    body["extensions"] = json!({ EXTENSION: { "enabled": true } });
    body
}

/// A request for some fields, of rooms in which the client wants all members.
fn with_fields(fields: &[&str]) -> Value {
    let mut body = with_profiles();
    body["lists"]["all"]["required_state"] = json!([]);
    body["extensions"][EXTENSION]["fields"] = json!(fields);
    body
}

fn users(answer: &Value) -> &Value {
    &answer["extensions"][EXTENSION]["users"]
}

async fn sets(person: &Person, field: &str, value: Value) {
    person.put(v3!("profile/{}/{}", person, field), json!({ field: value })).await.ok();
}

async fn removes(person: &Person, field: &str) {
    person.delete(v3!("profile/{}/{}", person, field)).await.ok();
}

fn away(text: &str) -> Value {
    json!({ "text": text, "emoji": "\u{1F334}" })
}

#[tokio::test]
async fn a_status_has_a_length_and_a_form() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let versions = alice.get("/_matrix/client/versions").await.ok();
    assert_eq!(versions["unstable_features"]["org.matrix.msc4262"], true);
    let capabilities = alice.get(v3!("capabilities")).await.ok();
    assert_eq!(capabilities["capabilities"]["m.profile_fields"]["enabled"], true, "Element X looks for it");
    for field in ["m.status", STATUS] {
        let path = v3!("profile/{}/{}", alice, field);
        let long = json!({ field: { "text": "x".repeat(257), "emoji": "" } });
        alice.put(&path, long).await.refused(400, "M_TOO_LARGE");
        let long = json!({ field: { "text": "", "emoji": "x".repeat(33) } });
        alice.put(&path, long).await.refused(400, "M_TOO_LARGE");
        alice.put(&path, json!({ field: "away" })).await.refused(400, "M_INVALID_PARAM");
        sets(&alice, field, json!({ "text": "x".repeat(256), "emoji": "x".repeat(32) })).await;
        sets(&alice, field, away("on holiday")).await;
        assert_eq!(bob.get(&path).await.ok()[field], away("on holiday"));
    }
    let call = v3!("profile/{}/{}", alice, CALL);
    alice.put(&call, json!({ CALL: { "call_joined_ts": "now" } })).await.refused(400, "M_INVALID_PARAM");
    sets(&alice, CALL, json!({ "call_joined_ts": 1_770_140_640 })).await;
    removes(&alice, CALL).await;
    bob.get(&call).await.refused(404, "M_NOT_FOUND");
    world.ends().await;
}

#[tokio::test]
async fn a_status_arrives_at_once_and_a_restart_repeats_nothing() {
    for version in ["11", "12"] {
        let mut world = World::new().await;
        let (alice, bob) = (world.register("alice").await, world.register("bob").await);
        let room = alice.creates_room().public().version(version).await;
        bob.joins(&room).await;
        sets(&alice, STATUS, away("standup")).await;
        let body = with_profiles();
        let seen = first(&bob, &body).await;
        assert_eq!(users(&seen)[&alice.id]["updated"][STATUS], away("standup"), "a hero: {seen}");
        assert!(users(&seen)[&alice.id]["removed"].is_null(), "{seen}");
        world.restart().await;
        let none = next(&bob, &body, &seen).await;
        assert!(none["extensions"][EXTENSION].is_null(), "{none}");
        let waiting = slides(&bob, &body, Some(pos(&none)), 30_000).into_future();
        let (woken, ()) = join(waiting, sets(&alice, STATUS, away("lunch"))).await;
        let woken = woken.ok();
        let expected = json!({ &alice.id: { "updated": { STATUS: away("lunch") } } });
        assert_eq!(users(&woken), &expected, "what changed, and not more: {woken}");
        sets(&alice, "org.example.null", json!(null)).await;
        removes(&alice, STATUS).await;
        world.restart().await;
        let news = next(&bob, &body, &woken).await;
        let expected = json!({ &alice.id: { "updated": { "org.example.null": null }, "removed": [STATUS] } });
        assert_eq!(users(&news), &expected, "also after a restart: {news}");
        assert_eq!(users(&next(&bob, &body, &woken).await), &expected, "the client may ask again");
        assert!(next(&bob, &body, &news).await["extensions"][EXTENSION].is_null());
        world.ends().await;
    }
}

#[tokio::test]
async fn profiles_are_those_of_users_who_share_a_room() {
    let world = World::new().await;
    let (alice, bob, carol) =
        (world.register("alice").await, world.register("bob").await, world.register("carol").await);
    let room = alice.creates_room_with(&[&bob]).await;
    for person in [&alice, &bob, &carol] {
        sets(person, STATUS, away(person.name())).await;
    }
    let body = with_profiles();
    let seen = first(&bob, &body).await;
    assert_eq!(users(&seen)[&bob.id]["updated"][STATUS], away("bob"), "one's own: {seen}");
    assert!(users(&seen)[&alice.id].is_object() && users(&seen)[&carol.id].is_null(), "{seen}");
    sets(&carol, STATUS, away("elsewhere")).await;
    sets(&bob, STATUS, away("here")).await;
    let own = next(&bob, &body, &seen).await;
    assert_eq!(users(&own), &json!({ &bob.id: { "updated": { STATUS: away("here") } } }), "{own}");
    carol.joins(&room).await;
    let joined = next(&bob, &body, &own).await;
    assert_eq!(users(&joined)[&carol.id]["updated"][STATUS], away("elsewhere"), "{joined}");
    carol.leaves(&room).await;
    let left = next(&bob, &body, &joined).await;
    let found = users(&left).as_object().expect("users");
    assert_eq!(found.get(&carol.id), Some(&Value::Null), "the client forgets them: {left}");
    sets(&carol, STATUS, away("gone")).await;
    let none = next(&bob, &body, &left).await;
    assert!(none["extensions"][EXTENSION].is_null(), "{none}");
    world.ends().await;
}

#[tokio::test]
async fn a_client_gets_the_fields_that_it_wants() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    alice.creates_room_with(&[&bob]).await;
    sets(&alice, STATUS, away("one")).await;
    sets(&alice, "displayname", json!("Alice")).await;
    let (status, both) = (with_fields(&[STATUS]), with_fields(&[STATUS, "displayname"]));
    let seen = first(&bob, &status).await;
    assert_eq!(users(&seen)[&alice.id], json!({ "updated": { STATUS: away("one") } }), "{seen}");
    sets(&alice, "displayname", json!("Alice B.")).await;
    let none = next(&bob, &status, &seen).await;
    assert!(none["extensions"][EXTENSION].is_null(), "{none}");
    let more = next(&bob, &both, &none).await;
    let expected = json!({ "updated": { STATUS: away("one"), "displayname": "Alice B." } });
    assert_eq!(users(&more)[&alice.id], expected, "{more}");
    // Without the extension for a while, the client has missed something.
    let without = next(&bob, &twenty(), &more).await;
    assert!(without["extensions"][EXTENSION].is_null(), "{without}");
    assert_eq!(users(&next(&bob, &both, &without).await)[&alice.id], expected);
    let names: Vec<String> = (0..201).map(|n| n.to_string()).collect();
    let many = with_fields(&names.iter().map(String::as_str).collect::<Vec<_>>());
    bob.post(PATH, many).await.refused(400, "M_INVALID_PARAM");
    world.ends().await;
}

#[tokio::test]
async fn large_profiles_come_with_several_responses_and_many_changes_as_a_new_profile() {
    let world = World::new().await;
    let bob = world.register("bob").await;
    let room = bob.creates_room().public().await;
    let mut others = Vec::new();
    for n in 0..10 {
        let other = world.register(&format!("other{n}")).await;
        other.joins(&room).await;
        sets(&other, "org.example.long", json!("x".repeat(60_000))).await;
        others.push(other);
    }
    let body = with_fields(&["org.example.long", "org.example.a", "org.example.n0"]);
    let (mut seen, mut found) = (first(&bob, &body).await, 0);
    let mut responses = 0;
    while let Some(some) = users(&seen).as_object() {
        found += some.len();
        responses += 1;
        seen = next(&bob, &body, &seen).await;
    }
    assert_eq!((found, responses), (10, 2), "each of them once");
    let alice = &others[0];
    sets(alice, "org.example.n0", json!(0)).await;
    let seen = next(&bob, &body, &seen).await;
    assert_eq!(users(&seen)[&alice.id], json!({ "updated": { "org.example.n0": 0 } }), "{seen}");
    removes(alice, "org.example.n0").await;
    for n in 1..=256 {
        let field = format!("org.example.n{n}");
        sets(alice, &field, json!(n)).await;
        removes(alice, &field).await;
    }
    sets(alice, "org.example.a", json!("b")).await;
    let forget = next(&bob, &body, &seen).await;
    assert_eq!(users(&forget), &json!({ &alice.id: null }), "which ones were removed is forgotten");
    let anew = next(&bob, &body, &forget).await;
    assert_eq!(users(&anew)[&alice.id]["updated"]["org.example.a"], "b");
    assert!(users(&anew)[&alice.id]["updated"]["org.example.long"].is_string());
    world.ends().await;
}
