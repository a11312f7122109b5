//! The user's room data is copied to the new room when a room is upgraded.

use crate::harness::{Cluster, Person, Room, Value, World, json, list, v3};

/// Gives a room a tag, a push rule, and an entry in `m.direct`.
async fn settles(person: &Person, room: &Room, with: &Person) {
    person.put(v3!("user/{}/rooms/{}/tags/m.favourite", person, room), json!({ "order": 0.3 })).await.ok();
    person.put(v3!("pushrules/global/room/{}", room), json!({ "actions": [] })).await.ok();
    let condition = json!({ "kind": "event_match", "key": "room_id", "pattern": room.0 });
    let mute = json!({ "actions": [], "conditions": [condition] });
    person.put(v3!("pushrules/global/override/{}", room), mute).await.ok();
    person.put(v3!("user/{}/account_data/m.direct", person), json!({ with.id.clone(): [room.0] })).await.ok();
}

async fn is_settled(person: &Person, room: &Room, with: &Person, case: &str) {
    let tags = person.get(v3!("user/{}/rooms/{}/tags", person, room)).await.ok();
    assert_eq!(tags["tags"], json!({ "m.favourite": { "order": 0.3 } }), "{case}");
    assert_eq!(person.get(v3!("pushrules/global/room/{}", room)).await.ok()["actions"], json!([]), "{case}");
    let mute = person.get(v3!("pushrules/global/override/{}", room)).await.ok();
    assert_eq!(mute["conditions"][0]["pattern"], room.0.as_str(), "{case}");
    let direct = person.get(v3!("user/{}/account_data/m.direct", person)).await.ok();
    assert!(list(&direct[&with.id]).contains(&json!(room.0)), "{case}: {direct}");
}

async fn upgrades(person: &Person, room: &Room, version: &str) -> Room {
    let made = person.post(v3!("rooms/{}/upgrade", room), json!({ "new_version": version })).await.ok();
    Room(made["replacement_room"].as_str().expect("a new room").to_owned())
}

#[tokio::test]
async fn tags_push_rules_and_direct_chats_follow_the_upgrader_and_the_members() {
    let world = World::new().await;
    let (alice, bob, carol) =
        (world.register("alice").await, world.register("bob").await, world.register("carol").await);
    for (from, to) in [("10", "11"), ("11", "12"), ("12", "12")] {
        let old = alice.creates_room().version(from).public().await;
        bob.joins(&old).await;
        settles(&alice, &old, &bob).await;
        settles(&bob, &old, &alice).await;
        let before = bob.syncs().await;
        let new = upgrades(&alice, &old, to).await;
        is_settled(&alice, &new, &bob, to).await;
        bob.joins(&new).await;
        is_settled(&bob, &new, &alice, to).await;
        let seen = bob.syncs().since(before.next()).await;
        let tag = seen.room_account_data(&new, "m.tag");
        assert_eq!(tag["tags"]["m.favourite"]["order"], 0.3, "bob's other clients see it: {tag}");
        // Data that the user deletes from the new room does not return with a change of the profile.
        bob.delete(v3!("user/{}/rooms/{}/tags/m.favourite", bob, new)).await.ok();
        bob.delete(v3!("pushrules/global/room/{}", new)).await.ok();
        bob.put(v3!("profile/{}/displayname", bob), json!({ "displayname": format!("Bob {from}{to}") })).await.ok();
        assert_eq!(bob.get(v3!("user/{}/rooms/{}/tags", bob, new)).await.ok()["tags"], json!({}));
        bob.get(v3!("pushrules/global/room/{}", new)).await.refused(404, "M_NOT_FOUND");
        // A user without such data gets none.
        carol.joins(&new).await;
        assert_eq!(carol.get(v3!("user/{}/rooms/{}/tags", carol, new)).await.ok()["tags"], json!({}));
    }
    world.ends().await;
}

#[tokio::test]
async fn nothing_follows_into_a_room_that_only_claims_to_replace_another() {
    let world = World::new().await;
    let (alice, mallory) = (world.register("alice").await, world.register("mallory").await);
    let old = alice.creates_room().public().await;
    mallory.joins(&old).await;
    settles(&alice, &old, &mallory).await;
    let claim = json!({ "predecessor": { "room_id": old.0 } });
    let false_one = mallory.creates_room().public().with("creation_content", claim).await;
    alice.joins(&false_one).await;
    assert_eq!(alice.get(v3!("user/{}/rooms/{}/tags", alice, false_one)).await.ok()["tags"], json!({}));
    alice.get(v3!("pushrules/global/room/{}", false_one)).await.refused(404, "M_NOT_FOUND");
    world.ends().await;
}

#[tokio::test]
async fn former_creators_get_no_level_between_versions_that_set_creators_above_all() {
    let world = World::new().await;
    let (alice, bob, carol) =
        (world.register("alice").await, world.register("bob").await, world.register("carol").await);
    let creators = json!({ "additional_creators": [bob.id] });
    let levels = json!({ "users": { carol.id.clone(): 100 }, "events": { "m.room.tombstone": 100 } });
    let old = alice
        .creates_room()
        .version("12")
        .public()
        .with("creation_content", creators)
        .with("power_level_content_override", levels)
        .await;
    for person in [&bob, &carol] {
        person.joins(&old).await;
    }
    let new = upgrades(&carol, &old, "12").await;
    let users = carol.state_of(&new, "m.room.power_levels", "").await["users"].clone();
    assert_eq!(users, json!({}), "carol stands above all levels now, and the others have none");
    // In a version without creator power, they keep the highest level that exists.
    let older = alice.creates_room().version("12").public().await;
    let back = upgrades(&alice, &older, "11").await;
    assert_eq!(alice.state_of(&back, "m.room.power_levels", "").await["users"][&alice.id], 100);
    world.ends().await;
}

#[tokio::test]
async fn the_name_in_one_room_survives_a_new_picture() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    for version in ["11", "12"] {
        let (one, two) = (
            alice.creates_room().version(version).public().await,
            alice.creates_room().version(version).public().await,
        );
        bob.joins(&one).await;
        bob.joins(&two).await;
        let nick = json!({ "membership": "join", "displayname": "Captain", "avatar_url": "mxc://x.example/hat" });
        bob.sets("m.room.member", &bob.id, nick).in_room(&one).await;
        let shown = async |room: &Room| {
            let member = alice.state_of(room, "m.room.member", &bob.id).await;
            (member["displayname"].clone(), member["avatar_url"].clone())
        };
        let avatar = format!("mxc://x.example/new{version}");
        bob.put(v3!("profile/{}/avatar_url", bob), json!({ "avatar_url": avatar })).await.ok();
        assert_eq!(shown(&one).await, (json!("Captain"), json!(avatar)));
        assert_eq!(shown(&two).await.1, json!(avatar));
        let name = format!("Bob {version}");
        bob.put(v3!("profile/{}/displayname", bob), json!({ "displayname": name })).await.ok();
        assert_eq!(shown(&one).await, (json!(name), json!(avatar)));
        bob.put(v3!("profile/{}/avatar_url", bob), json!({ "avatar_url": "" })).await.ok();
        assert_eq!(shown(&two).await, (json!(name), Value::Null));
    }
    world.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_upgrade_takes_the_old_room_out_of_the_directory_and_users_take_along_what_is_theirs() {
    for (from, to) in [("10", "11"), ("11", "12")] {
        let cluster = Cluster::of(["a.example", "b.example"]).await;
        let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
        let (alice, bob) = (a.register("alice").await, b.register("bob").await);
        let levels = json!({ "users": { alice.id.clone(): 100, bob.id.clone(): 50 } });
        let old = alice.creates_room().version(from).public().with("power_level_content_override", levels).await;
        let via = [("via", "a.example"), ("server_name", "a.example")];
        bob.post(v3!("join/{}", old), json!({})).query(&via).await.ok();
        settles(&bob, &old, &alice).await;
        let listing = v3!("directory/list/room/{}", old);
        bob.put(&listing, json!({ "visibility": "public" })).await.ok();
        bob.put(v3!("directory/room/{}", "#den:b.example"), json!({ "room_id": old.0 })).await.ok();
        let before = bob.syncs().await;
        let new = upgrades(&alice, &old, to).await;
        let mut seen = bob.syncs().since(before.next()).waiting_ms(10_000).await;
        while !seen.timeline(&old).iter().any(|event| event["type"] == "m.room.tombstone") {
            let since = seen.next().to_owned();
            seen = bob.syncs().since(&since).waiting_ms(10_000).await;
        }
        assert_eq!(b.anyone().get(&listing).await.ok()["visibility"], "private");
        assert_eq!(list(&b.anyone().get(v3!("publicRooms")).await.ok()["chunk"]).len(), 0);
        bob.post(v3!("join/{}", new), json!({})).query(&via).await.ok();
        is_settled(&bob, &new, &alice, to).await;
        let found = b.anyone().get(v3!("directory/room/{}", "#den:b.example")).await.ok();
        assert_eq!(found["room_id"], new.0.as_str());
        cluster.ends().await;
    }
}
