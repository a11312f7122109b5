//! The user directory: which users a search finds.

use hearth_base::config::{AllLocalUsers, RegistrationMode};

use crate::harness::{Cluster, Person, Value, World, json, list, v3};

async fn finds(person: &Person, term: &str) -> Vec<Value> {
    let found = person.post(v3!("user_directory/search"), json!({ "search_term": term })).await.ok();
    list(&found["results"]).to_vec()
}

fn ids(found: &[Value]) -> Vec<&str> {
    found.iter().filter_map(|user| user["user_id"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_other_servers_are_found_by_name_with_their_picture() {
    for version in ["11", "12"] {
        let cluster = Cluster::of(["a.example", "b.example"]).await;
        let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
        let (alice, bob, eve) = (a.register("alice").await, b.register("bob").await, a.register("eve").await);
        bob.put(v3!("profile/{}/displayname", bob), json!({ "displayname": "Róbert \"Bo\" Ölsen" })).await.ok();
        bob.put(v3!("profile/{}/avatar_url", bob), json!({ "avatar_url": "mxc://b.example/bo" })).await.ok();
        let room = alice.creates_room().version(version).inviting(&[&bob]).await;
        bob.post(v3!("join/{}", room), json!({})).query(&[("via", "a.example")]).await.ok();
        for term in ["ölsen", "RÓBERT", "bo", "\"bo\"", "@bob:b.example"] {
            let found = finds(&alice, term).await;
            assert_eq!(ids(&found), [bob.id.as_str()], "{term}");
            assert_eq!(found[0]["display_name"], "Róbert \"Bo\" Ölsen", "{term}");
            assert_eq!(found[0]["avatar_url"], "mxc://b.example/bo", "{term}");
        }
        assert!(finds(&alice, "olga").await.is_empty());
        assert!(finds(&eve, "ölsen").await.is_empty(), "the room is private");
        cluster.ends().await;
    }
}

#[tokio::test]
async fn people_in_rooms_that_are_open_are_found_without_the_room_being_listed() {
    let world = World::new().await;
    let (alice, bob, carol, dora) = (
        world.register("alice").await,
        world.register("bob").await,
        world.register("carol").await,
        world.register("dora").await,
    );
    let open = bob.creates_room().public().await;
    carol.creates_room().history("world_readable").await;
    // To be listed opens no room.
    dora.creates_room().with("visibility", json!("public")).with("preset", json!("private_chat")).await;
    assert_eq!(ids(&finds(&alice, "bob").await), [bob.id.as_str()]);
    assert_eq!(ids(&finds(&alice, "carol").await), [carol.id.as_str()]);
    assert!(finds(&alice, "dora").await.is_empty(), "members of private rooms only are not found");
    // Users find themselves by the same rule: in a public room and not in a private one.
    assert_eq!(ids(&finds(&bob, "bob").await), [bob.id.as_str()]);
    assert!(finds(&dora, "dora").await.is_empty());
    for (rule, is_found) in [("invite", false), ("public", true)] {
        bob.sets("m.room.join_rules", "", json!({ "join_rule": rule })).in_room(&open).await;
        assert_eq!(!finds(&alice, "bob").await.is_empty(), is_found, "{rule}");
    }
    bob.post(v3!("account/deactivate"), json!({ "auth": bob.proof(None) })).await.ok();
    assert!(finds(&alice, "bob").await.is_empty());
    world.ends().await;
}

#[tokio::test]
async fn in_a_household_all_find_each_other() {
    use AllLocalUsers::{Always, Auto, Never};
    use RegistrationMode::{Closed, Open, Token};
    // setting, registration, whether users without a shared room find each other
    for (setting, mode, find_each_other) in
        [(Auto, Open, false), (Auto, Token, true), (Auto, Closed, true), (Always, Open, true), (Never, Closed, false)]
    {
        let world = World::with(|config| {
            config.user_directory.all_local_users = setting;
            config.registration.mode = mode;
        })
        .await;
        let (alice, bob) = (made(&world, "alice").await, made(&world, "bob").await);
        let found = finds(&alice, "bo").await;
        assert_eq!(ids(&found), if find_each_other { vec![bob.id.as_str()] } else { vec![] }, "{setting:?} {mode:?}");
        world.ends().await;
    }
}

/// A user whose account an administrator has created.
async fn made(world: &World, name: &str) -> Person {
    use hearth_domain::accounts::{Authority, NewAccount};
    let new = NewAccount {
        localpart: Some(name.to_owned()),
        displayname: None,
        password: Some(crate::harness::PASSWORD.to_owned()),
        admin: false,
        authority: Authority::Admin,
    };
    world.server().domain.accounts.register(new, None).await.expect("an account");
    Person::logs_in(world.anyone(), name).await
}
