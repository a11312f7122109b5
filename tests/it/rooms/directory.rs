//! Room aliases and the public room directory.

use crate::harness::{World, json, list, v3};

#[tokio::test]
async fn an_alias_leads_to_one_room_until_it_is_removed() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let (room, other) = (alice.creates_room().public().await, alice.creates_room().await);
    let alias = v3!("directory/room/{}", "#tea:localhost");
    alice.put(&alias, json!({ "room_id": room.0 })).await.ok();
    alice.put(&alias, json!({ "room_id": other.0 })).await.refused(409, "M_UNKNOWN");
    assert_eq!(world.anyone().get(&alias).await.ok()["room_id"], room.0.as_str());
    bob.post(v3!("join/{}", "#tea:localhost"), json!({})).await.ok();
    let aliases = bob.get(v3!("rooms/{}/aliases", room)).await.ok();
    assert_eq!(aliases["aliases"], json!(["#tea:localhost"]));
    bob.delete(&alias).await.refused(403, "M_FORBIDDEN");
    alice.delete(&alias).await.ok();
    world.anyone().get(&alias).await.refused(404, "M_NOT_FOUND");
    bob.post(v3!("join/{}", "#tea:localhost"), json!({})).await.refused(404, "M_NOT_FOUND");
    world.ends().await;
}

#[tokio::test]
async fn the_main_alias_of_a_room_must_lead_to_it() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    let main = v3!("rooms/{}/state/m.room.canonical_alias/", room);
    alice.put(&main, json!({ "alias": "#nowhere:localhost" })).await.refused(400, "M_BAD_ALIAS");
    alice.put(&main, json!({ "alias": "no alias" })).await.refused(400, "M_INVALID_PARAM");
    alice.put(v3!("directory/room/{}", "#here:localhost"), json!({ "room_id": room.0 })).await.ok();
    alice.put(&main, json!({ "alias": "#here:localhost" })).await.ok();
    world.ends().await;
}

#[tokio::test]
async fn the_directory_shows_no_room_that_is_closed_to_its_reader() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    for version in ["11", "12"] {
        let room = alice.creates_room().public().version(version).with("visibility", json!("public")).await;
        let shown = async || list(&world.anyone().get(v3!("publicRooms")).await.ok()["chunk"]).len();
        for (rule, history, is_shown) in [
            ("public", "shared", true),
            ("invite", "shared", false),
            ("knock", "shared", true),
            ("restricted", "shared", false),
            ("invite", "world_readable", true),
        ] {
            alice.sets("m.room.join_rules", "", json!({ "join_rule": rule, "allow": [] })).in_room(&room).await;
            let history_rule = json!({ "history_visibility": history });
            alice.sets("m.room.history_visibility", "", history_rule).in_room(&room).await;
            assert_eq!(shown().await, usize::from(is_shown), "{version}: {rule}, {history}");
        }
        let listing = world.anyone().get(v3!("directory/list/room/{}", room)).await.ok();
        assert_eq!(listing["visibility"], "public", "it stays published");
        alice.put(v3!("directory/list/room/{}", room), json!({ "visibility": "private" })).await.ok();
    }
    world.ends().await;
}

#[tokio::test]
async fn the_directory_lists_published_rooms_largest_first() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let small = alice.creates_room().public().with("name", json!("Tea")).with("visibility", json!("public")).await;
    let large = alice.creates_room().public().with("name", json!("Coffee")).with("visibility", json!("public")).await;
    alice.creates_room().public().with("name", json!("Unlisted")).await;
    bob.joins(&large).await;
    let shown = world.anyone().get(v3!("publicRooms")).await.ok();
    let names: Vec<_> = list(&shown["chunk"]).iter().map(|card| card["name"].as_str().unwrap_or_default()).collect();
    assert_eq!(names, ["Coffee", "Tea"]);
    assert_eq!(shown["chunk"][0]["num_joined_members"], 2);
    assert_eq!(shown["total_room_count_estimate"], 2);

    let page = world.anyone().get(v3!("publicRooms")).query(&[("limit", "1")]).await.ok();
    let next = page["next_batch"].as_str().expect("there is more").to_owned();
    let rest = world.anyone().get(v3!("publicRooms")).query(&[("limit", "1"), ("since", &next)]).await.ok();
    assert_eq!(rest["chunk"][0]["room_id"], small.0.as_str());
    let search = json!({ "filter": { "generic_search_term": "TEA" } });
    let found = alice.post(v3!("publicRooms"), search).await.ok();
    assert_eq!(list(&found["chunk"]).len(), 1);

    let listing = v3!("directory/list/room/{}", small);
    bob.put(&listing, json!({ "visibility": "private" })).await.refused(403, "M_FORBIDDEN");
    alice.put(&listing, json!({ "visibility": "private" })).await.ok();
    assert_eq!(world.anyone().get(&listing).await.ok()["visibility"], "private");
    assert_eq!(list(&world.anyone().get(v3!("publicRooms")).await.ok()["chunk"]).len(), 1);
    bob.leaves(&large).await;
    alice.leaves(&large).await;
    let shown = world.anyone().get(v3!("publicRooms")).await.ok();
    assert_eq!((&shown["chunk"], &shown["total_room_count_estimate"]), (&json!([]), &json!(0)), "all have left");
    world.ends().await;
}
