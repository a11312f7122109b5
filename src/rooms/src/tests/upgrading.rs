//! Room upgrades and the directory.

use hearth_base::Reason;
use serde_json::json;

use super::{World, why};
use crate::directory::DirectoryQuery;

#[tokio::test]
async fn a_room_moves_with_all_that_makes_it() {
    let world = World::new().await;
    for (from, to) in [("6", "12"), ("12", "11"), ("10", "10"), ("12", "12")] {
        let name = format!("moving{from}{to}");
        let wanted = json!({"room_version": from, "preset": "public_chat", "visibility": "public", "name": "Home",
            "room_alias_name": name, "creation_content": {"type": "m.space"}});
        let old = world.makes(wanted).await.expect("a room");
        world.joins(&world.bob, &old).await.expect("a join");
        world.rooms.ban(&world.alice, old.clone(), world.carol.user_id.clone(), None).await.expect("a ban");
        assert_eq!(why(world.rooms.upgrade(&world.bob, old.clone(), to, vec![]).await), Reason::Forbidden);
        let creators = vec![world.bob.user_id.clone()];
        let new = world.rooms.upgrade(&world.alice, old.clone(), to, creators).await.expect(to);
        assert_eq!(world.state(&old, "m.room.tombstone", "").await["replacement_room"], json!(new));
        let created = world.state(&new, "m.room.create", "").await;
        assert_eq!((&created["predecessor"]["room_id"], &created["type"]), (&json!(old), &json!("m.space")));
        assert_eq!(created["additional_creators"].is_array(), to == "12");
        assert_eq!(world.state(&new, "m.room.name", "").await["name"], "Home");
        assert_eq!(world.state(&new, "m.room.join_rules", "").await["join_rule"], "public");
        assert_eq!(world.membership(&new, &world.carol).await, "ban");
        let alias = ruma::RoomAliasId::parse(format!("#{name}:home.example")).expect("an alias");
        assert_eq!(world.leads_to(alias.clone()).await.expect("an alias"), new);
        assert_eq!(world.state(&new, "m.room.canonical_alias", "").await["alias"], json!(alias));
        assert_eq!(world.state(&old, "m.room.canonical_alias", "").await, json!({}));
        assert!(world.rooms.is_published(new).await.expect("known"));
        assert!(!world.rooms.is_published(old.clone()).await.expect("known"));
        let text = json!({"body": "hi", "msgtype": "m.text"});
        assert_eq!(why(world.send(&world.bob, &old, "m.room.message", &name, text).await), Reason::Forbidden);
    }
}

#[tokio::test]
async fn the_directory_is_searched_and_paged() {
    let world = World::new().await;
    for (name, joins) in [("Garden", false), ("Kitchen", true), ("Cellar", false)] {
        let id = world.makes(json!({"visibility": "public", "name": name})).await.expect("a room");
        if joins {
            world.joins(&world.bob, &id).await.expect("a join");
        }
    }
    let first =
        world.rooms.directory(DirectoryQuery { limit: Some(1), ..DirectoryQuery::default() }).await.expect("a page");
    assert_eq!((first.cards[0].name.as_deref(), first.total, first.previous), (Some("Kitchen"), 3, None));
    let second =
        world.rooms.directory(DirectoryQuery { since: first.next, ..DirectoryQuery::default() }).await.expect("a page");
    assert_eq!((second.cards.len(), second.next), (2, None));
    let mut filter = ruma::directory::Filter::new();
    filter.generic_search_term = Some("cell".to_owned());
    let found = world.rooms.directory(DirectoryQuery { filter, ..DirectoryQuery::default() }).await.expect("a page");
    assert_eq!((found.cards.len(), found.cards[0].name.as_deref()), (1, Some("Cellar")));
    let room = found.cards[0].room_id.clone();
    assert_eq!(why(world.rooms.publish(&world.bob, room.clone(), false).await), Reason::Forbidden);
    world.rooms.publish(&world.alice, room.clone(), false).await.expect("unpublished");
    assert_eq!(world.rooms.directory(DirectoryQuery::default()).await.expect("a page").total, 2);
    world.rooms.report_room(&world.bob, room, "boring".to_owned()).await.expect("reported");
}
