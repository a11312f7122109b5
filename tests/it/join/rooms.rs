//! The rooms of a registration token.

use hearth_admin::wire::{NewRegistrationToken, RegistrationToken, paths};

use super::{joins, token, with_tokens};
use crate::harness::{PASSWORD, Person, World, json, list, v3};

/// An account that an administrator made, at a device.
async fn person(world: &World, name: &str) -> Person {
    let new = json!({ "username": name, "password": PASSWORD });
    world.operator().post::<_, hearth_admin::wire::CreatedUser>(paths::USERS, &new).await.expect("an account");
    Person::logs_in(world.anyone(), name).await
}

async fn joined(person: &Person) -> Vec<String> {
    let rooms = person.get(v3!("joined_rooms")).await.ok();
    let mut rooms: Vec<_> =
        list(&rooms["joined_rooms"]).iter().filter_map(|room| room.as_str().map(str::to_owned)).collect();
    rooms.sort();
    rooms
}

#[tokio::test]
async fn a_new_user_is_in_the_rooms_of_the_invite_from_the_first_sync_on() {
    let world = with_tokens().await;
    let alice = person(&world, "alice").await;
    for version in ["11", "12"] {
        let public =
            alice.creates_room().public().version(version).with("room_alias_name", json!(format!("a{version}")));
        let public = public.with("name", json!("Everyone <here>")).await;
        let private = alice.creates_room().version(version).with("name", json!("Family")).await;
        let restricted = json!({ "join_rule": "restricted",
            "allow": [{ "type": "m.room_membership", "room_id": private.0 }] });
        let inner = alice.creates_room().version(version).state("m.room.join_rules", restricted).await;
        let wish = NewRegistrationToken {
            contact: Some(alice.id.clone()),
            rooms: vec![format!("#a{version}:localhost"), private.0.clone(), inner.0.clone()],
            ..NewRegistrationToken::default()
        };
        let made = token(&world, wish).await;
        let mut rooms = vec![public.0, private.0, inner.0];
        assert_eq!(made.rooms, rooms, "an alias becomes its room");
        rooms.sort();
        let page = world.anyone().get(super::path(&made.token)).await;
        assert!(page.html().contains("Everyone &lt;here&gt;") && page.html().contains("Family"), "{}", page.html());

        // On the page, and through the API.
        let name = format!("bob{version}");
        joins(world.anyone(), &made.token, &name).await.status_is(200);
        let bob = Person::logs_in(world.anyone(), &name).await;
        assert_eq!(joined(&bob).await, rooms, "version {version}");
        let name = format!("cem{version}");
        let registered = Person::registers_with_token(world.anyone(), &name, &made.token).await.ok();
        let cem = Person::from_login(world.anyone(), &registered);
        assert_eq!(joined(&cem).await, rooms, "version {version}");
        let sync = cem.get(v3!("sync")).await.ok();
        assert_eq!(sync["rooms"]["join"].as_object().map_or(0, serde_json::Map::len), 3);
    }
    world.ends().await;
}

#[tokio::test]
async fn a_token_opens_no_room_that_its_contact_could_not_open() {
    let world = with_tokens().await;
    let (alice, bob) = (person(&world, "alice").await, person(&world, "bob").await);
    for version in ["11", "12"] {
        let private = alice.creates_room().version(version).await.0;
        let levels = json!({ "invite": 100, "users_default": 0, "users": {} });
        let strict = alice.creates_room().version(version).inviting(&[&bob]).await;
        bob.joins(&strict).await;
        alice.sets("m.room.power_levels", "", levels_of(&alice, version, levels)).in_room(&strict).await;
        for (contact, room, why) in [
            (None, private.as_str(), "not public"),
            (Some("bob"), &private, "cannot invite"),
            (Some("bob"), &strict.0, "cannot invite"),
            (Some("nobody"), &private, "no account"),
            (Some("@alice:elsewhere.example"), &private, "user of this server"),
            (Some("alice"), "!unknown:localhost", ""),
            (Some("alice"), "#unknown:localhost", ""),
            (Some("alice"), "a room", "neither a room id"),
        ] {
            let wish = NewRegistrationToken {
                contact: contact.map(str::to_owned),
                rooms: vec![room.to_owned()],
                ..NewRegistrationToken::default()
            };
            let refused = world.operator().post::<_, RegistrationToken>(paths::REGISTRATION_TOKENS, &wish).await;
            let refused = refused.expect_err("such a token is not made").to_string();
            assert!(refused.contains(why), "{contact:?} {room}: {refused}");
        }
    }
    world.ends().await;
}

/// Power levels; the creator is named where the room version does not make them stand above all levels.
fn levels_of(creator: &Person, version: &str, mut levels: serde_json::Value) -> serde_json::Value {
    if version == "11" {
        levels["users"][&creator.id] = json!(100);
    }
    levels
}

#[tokio::test]
async fn an_account_is_made_even_if_its_rooms_cannot_be_joined_any_more() {
    let world = with_tokens().await;
    for version in ["11", "12"] {
        let alice = person(&world, &format!("alice{version}")).await;
        let private = alice.creates_room().version(version).await;
        let wish = NewRegistrationToken {
            contact: Some(alice.id.clone()),
            rooms: vec![private.0.clone()],
            ..NewRegistrationToken::default()
        };
        let made = token(&world, wish).await;
        alice.leaves(&private).await;
        let name = format!("bob{version}");
        joins(world.anyone(), &made.token, &name).await.status_is(200);
        let bob = Person::logs_in(world.anyone(), &name).await;
        assert_eq!(joined(&bob).await, Vec::<String>::new());
    }
    world.ends().await;
}
