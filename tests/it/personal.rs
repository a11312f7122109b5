//! Data of one user: profile, account data, tags, filters.

use crate::harness::{Value, World, json, list, v3};

#[tokio::test]
async fn a_new_name_shows_in_every_room() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let before = bob.syncs().await;
    alice.put(v3!("profile/{}/displayname", alice), json!({ "displayname": "Alice A." })).await.ok();
    alice.put(v3!("profile/{}/avatar_url", alice), json!({ "avatar_url": "mxc://localhost/cat" })).await.ok();
    let profile = world.anyone().get(v3!("profile/{}", alice)).await.ok();
    assert_eq!((&profile["displayname"], &profile["avatar_url"]), (&json!("Alice A."), &json!("mxc://localhost/cat")));
    let member = alice.state_of(&room, "m.room.member", &alice.id).await;
    assert_eq!(member["displayname"], "Alice A.");
    let seen = bob.syncs().since(before.next()).await;
    let last = seen.timeline(&room).last().expect("the change is in the timeline").clone();
    assert_eq!(last["content"]["avatar_url"], "mxc://localhost/cat");
    world.ends().await;
}

#[tokio::test]
async fn no_one_changes_the_profile_of_others() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let body = json!({ "displayname": "Mallory" });
    bob.put(v3!("profile/{}/displayname", alice), body).await.refused(403, "M_FORBIDDEN");
    world.anyone().get(v3!("profile/{}", "@nobody:localhost")).await.refused(404, "M_NOT_FOUND");
    world.ends().await;
}

#[tokio::test]
async fn fields_of_a_profile_come_and_go() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let field = v3!("profile/{}/{}", alice, "m.tz");
    alice.put(&field, json!({ "m.tz": "Europe/Berlin" })).await.ok();
    assert_eq!(alice.get(&field).await.ok()["m.tz"], "Europe/Berlin");
    alice.delete(&field).await.ok();
    alice.get(&field).await.refused(404, "M_NOT_FOUND");
    let large = json!({ "m.tz": "x".repeat(70_000) });
    alice.put(&field, large).await.refused(400, "M_PROFILE_TOO_LARGE");
    world.ends().await;
}

#[tokio::test]
async fn account_data_reaches_the_other_devices_and_no_one_else() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let phone = alice.at_another_device().await;
    let (phones, bobs) = (phone.syncs().await, bob.syncs().await);
    alice.put(v3!("user/{}/account_data/org.example", alice), json!({ "n": 1 })).await.ok();
    alice.put(v3!("user/{}/rooms/{}/account_data/org.example", alice, room), json!({ "n": 2 })).await.ok();
    let seen = phone.syncs().since(phones.next()).await;
    assert_eq!(seen.account_data("org.example")["n"], 1);
    assert_eq!(seen.room_account_data(&room, "org.example")["n"], 2);
    assert!(bob.syncs().since(bobs.next()).await.is_quiet());
    bob.get(v3!("user/{}/account_data/org.example", alice)).await.refused(403, "M_FORBIDDEN");
    bob.put(v3!("user/{}/account_data/org.example", alice), json!({})).await.refused(403, "M_FORBIDDEN");
    alice.get(v3!("user/{}/account_data/org.other", alice)).await.refused(404, "M_NOT_FOUND");
    world.ends().await;
}

#[tokio::test]
async fn account_data_can_be_deleted_and_syncs_tell_of_it() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let unstable = "/_matrix/client/unstable/org.matrix.msc3391/";
    let features = alice.get("/_matrix/client/versions").await.ok();
    assert_eq!(features["unstable_features"]["org.matrix.msc3391"], true);
    let whole = v3!("user/{}/account_data/{}", alice, "org.test");
    let of_room = v3!("user/{}/rooms/{}/account_data/{}", alice, room, "org.test");
    for path in [&whole, &of_room] {
        let told = |seen: &Value| match path == &whole {
            true => seen["account_data"]["events"].clone(),
            false => seen["rooms"]["join"][&room.0]["account_data"]["events"].clone(),
        };
        let of_test = |seen: &Value| {
            let events = told(seen);
            list(&events).iter().find(|event| event["type"] == "org.test").map(|event| event["content"].clone())
        };
        for way in ["stable", "unstable"] {
            alice.put(path, json!({ "a": 1 })).await.ok();
            let before = alice.syncs().await;
            assert_eq!(of_test(&before.0), Some(json!({ "a": 1 })));
            match way {
                "stable" => alice.delete(path).await.ok(),
                _ => alice.delete(path.replace("/_matrix/client/v3/", unstable)).await.ok(),
            };
            alice.get(path).await.refused(404, "M_NOT_FOUND");
            assert_eq!(of_test(&alice.syncs().since(before.next()).await.0), Some(json!({})), "{way} {path}");
            assert_eq!(of_test(&alice.syncs().await.0), None, "a first sync has no deleted item");
            // A second time changes nothing.
            alice.delete(path).await.ok();
            // matrix-js-sdk empties items that never were there, and waits until a sync shows them.
            let before = alice.syncs().await;
            alice.put(path, json!({})).await.ok();
            assert_eq!(of_test(&alice.syncs().since(before.next()).await.0), Some(json!({})), "{way} {path}");
            assert_eq!(of_test(&alice.syncs().await.0), Some(json!({})), "what is set is in a first sync");
            assert_eq!(alice.get(path).await.ok(), json!({}));
        }
        bob.delete(path).await.refused(403, "M_FORBIDDEN");
    }
    alice.delete(v3!("user/{}/account_data/m.push_rules", alice)).await.refused(405, "M_BAD_JSON");
    let elsewhere = v3!("user/{}/rooms/{}/account_data/{}", alice, "!other:localhost", "org.test");
    alice.delete(elsewhere).await.refused(404, "M_NOT_FOUND");
    world.ends().await;
}

#[tokio::test]
async fn account_data_has_a_quota_that_one_gets_back_under() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let large = json!({ "x": "x".repeat(500_000) });
    for n in 0..20 {
        alice.put(v3!("user/{}/account_data/org.example.{}", alice, n.to_string()), large.clone()).await.ok();
    }
    let more = json!({ "x": "x".repeat(520_000) });
    alice.put(v3!("user/{}/account_data/org.example.0", alice), more.clone()).await.ok();
    alice.put(v3!("user/{}/account_data/org.more", alice), more.clone()).await.refused(403, "M_USER_LIMIT_EXCEEDED");
    bob.put(v3!("user/{}/account_data/org.more", bob), more.clone()).await.ok();
    alice.put(v3!("user/{}/account_data/org.example.0", alice), json!({})).await.ok();
    alice.put(v3!("user/{}/account_data/org.more", alice), large).await.ok();
    world.ends().await;
}

#[tokio::test]
async fn types_that_the_server_manages_cannot_be_set_as_account_data() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    alice.put(v3!("user/{}/account_data/m.push_rules", alice), json!({})).await.refused(405, "M_BAD_JSON");
    let room_path = v3!("user/{}/rooms/{}/account_data/m.fully_read", alice, room);
    alice.put(room_path, json!({ "event_id": "$x" })).await.refused(405, "M_BAD_JSON");
    world.ends().await;
}

#[tokio::test]
async fn tags_can_be_set_listed_and_removed() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    let before = alice.syncs().await;
    let tag = v3!("user/{}/rooms/{}/tags/{}", alice, room, "m.favourite");
    alice.put(&tag, json!({ "order": 0.25 })).await.ok();
    alice.put(v3!("user/{}/rooms/{}/tags/{}", alice, room, "u.work"), json!({})).await.ok();
    let tags = alice.get(v3!("user/{}/rooms/{}/tags", alice, room)).await.ok();
    assert_eq!(tags["tags"], json!({ "m.favourite": { "order": 0.25 }, "u.work": {} }));
    let seen = alice.syncs().since(before.next()).await;
    assert_eq!(seen.room_account_data(&room, "m.tag")["tags"]["m.favourite"]["order"], 0.25);
    alice.delete(&tag).await.ok();
    let tags = alice.get(v3!("user/{}/rooms/{}/tags", alice, room)).await.ok();
    assert_eq!(tags["tags"], json!({ "u.work": {} }));
    world.ends().await;
}

#[tokio::test]
async fn a_stored_filter_works_like_one_in_the_request() {
    let mut world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    alice.sends("hello").in_room(&room).await;
    let filter = json!({ "room": { "timeline": { "types": ["m.room.message"], "limit": 5 } } });
    let made = alice.post(v3!("user/{}/filter", alice), filter.clone()).await.ok();
    let id = made["filter_id"].as_str().expect("a filter has an id").to_owned();
    world.restart().await;
    let kept = alice.get(v3!("user/{}/filter/{}", alice, id)).await.ok();
    assert_eq!(kept["room"]["timeline"]["types"], json!(["m.room.message"]));
    let stored = alice.syncs().with("filter", &id).await;
    let given = alice.syncs().filter(&filter).await;
    assert_eq!(stored.texts(&room), ["hello"]);
    assert_eq!(stored.timeline(&room).len(), 1, "the filter lets other types through");
    // `age` differs; every other field must be equal.
    assert_eq!(stored.timeline(&room)[0]["event_id"], given.timeline(&room)[0]["event_id"]);
    alice.get(v3!("user/{}/filter/{}", alice, "nonsense")).await.refused(404, "M_NOT_FOUND");
    world.ends().await;
}

#[tokio::test]
async fn an_ignored_person_is_not_heard() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let ignored = json!({ "ignored_users": { bob.id.clone(): {} } });
    alice.put(v3!("user/{}/account_data/m.ignored_user_list", alice), ignored).await.ok();
    let before = alice.syncs().await;
    bob.sends("psst").in_room(&room).await;
    alice.sends("anyone?").in_room(&room).await;
    let seen = alice.syncs().since(before.next()).await;
    assert_eq!(seen.texts(&room), ["anyone?"]);
    let own = bob.syncs().await;
    assert!(list(&own.joined(&room)["timeline"]["events"]).iter().any(|event| event["content"]["body"] == "psst"));
    world.ends().await;
}
