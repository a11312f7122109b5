//! This server's published keys, and checks of its own signatures.

use hearth_core::keys;
use ruma::room_version_rules::RoomVersionRules;
use ruma::signatures::hash_and_sign_event;
use serde_json::Value;

use super::super::document;
use super::world::{DAY_MS, HERE, NOW_MS, World, event};

fn published(world: &World) -> Value {
    let list = world.keyring.own_document().expect("a list");
    serde_json::from_str(list.get()).expect("JSON")
}

#[tokio::test]
async fn the_list_is_good_by_its_own_measure() {
    let world = World::new();
    let list = published(&world);
    assert_eq!(list["server_name"], HERE);
    assert_eq!(list["valid_until_ts"], NOW_MS + DAY_MS);
    let checked = document::check(serde_json::from_value(list).expect("an object"), NOW_MS).expect("it is good");
    assert_eq!(checked.keys[0].key_id, world.core.key.id());
}

#[tokio::test]
async fn the_list_is_made_anew_in_time() {
    let world = World::new();
    let first = published(&world);
    world.clock.advance(30 * 60 * 1_000);
    assert_eq!(published(&world), first);
    world.clock.advance(31 * 60 * 1_000);
    assert!(published(&world)["valid_until_ts"].as_u64() > first["valid_until_ts"].as_u64());
}

#[tokio::test]
async fn a_key_is_replaced_and_the_old_one_published_as_out_of_use() {
    let world = World::new();
    let rules = RoomVersionRules::V11;
    let first = world.core.key.id();
    let before = {
        let mut event = event(HERE, &super::world::key("x"), NOW_MS, &rules);
        event.remove("signatures");
        hash_and_sign_event(HERE, world.core.key.pair(), &mut event, &rules.redaction).expect("signed");
        event
    };
    world.clock.advance(DAY_MS);
    let second = keys::rotate(&world.core, |_, _| Ok(())).await.expect("a new key");
    assert_ne!(first, second);
    assert_eq!(world.core.key.id(), second);
    let list = published(&world);
    assert_eq!(list["verify_keys"].as_object().expect("keys").keys().collect::<Vec<_>>(), [&second]);
    let expired_ms = list["old_verify_keys"][&first]["expired_ts"].as_u64().expect("a time");
    assert!(expired_ms >= NOW_MS + DAY_MS);
    document::check(serde_json::from_value(list).expect("an object"), NOW_MS).expect("signed with the new key");
    world.keyring.verify_event(&before, &rules).await.expect("what was signed before counts");

    let again = keys::SigningKey::load_or_create(&world.core.store, &world.core.seams).expect("it is kept");
    assert_eq!(again.id(), second);
    assert_eq!(again.pair().public_key(), world.core.key.pair().public_key());
    assert_eq!(again.retired(), world.core.key.retired());
}

#[tokio::test]
async fn a_run_has_so_many_keys_and_no_more() {
    let world = World::new();
    let mut ids = vec![world.core.key.id()];
    let error = loop {
        match keys::rotate(&world.core, |_, _| Ok(())).await {
            Ok(id) => ids.push(id),
            Err(error) => break error.to_string(),
        }
        assert!(ids.len() < 100);
    };
    assert!(error.contains("restart"), "{error}");
    let again = keys::SigningKey::load_or_create(&world.core.store, &world.core.seams).expect("it is kept");
    assert_eq!(Some(&again.id()), ids.last(), "a refusal changes nothing");
    let two = (keys::SigningKey::load_or_create(&World::new().core.store, &world.core.seams), &world);
    assert!(two.0.is_ok());
}
