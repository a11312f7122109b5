//! Destinations, order and number of deliveries.

use hearth_store::tables::memberships::Membership;

use super::wire::Mood;
use super::{World, really};

#[tokio::test(start_paused = true)]
async fn a_message_reaches_every_server_of_its_room_once_and_leaves_nothing() {
    let mut world = World::new().await;
    let room = world.room_with(&["a.example", "b.example", "denied.example"]).await;
    world.run();
    for n in 0..5 {
        world.says(&room, &n.to_string()).await;
    }
    for name in ["a.example", "b.example"] {
        world.until_heard(name, 5).await;
    }
    assert_eq!(world.rows_left().await, 0);
    for name in ["a.example", "b.example"] {
        assert_eq!(world.wire.said_to(name), ["0", "1", "2", "3", "4"]);
        assert!(world.health(name).await.last_success_ms.is_some());
    }
    assert_eq!(world.wire.calls_to("denied.example"), 0);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_room_without_other_servers_costs_nothing() {
    let mut world = World::new().await;
    let room = world.room_with(&["denied.example"]).await;
    world.run();
    world.says(&room, "alone").await;
    assert_eq!(world.rows().await, 0);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_goes_out_in_batches_and_each_has_its_own_id() {
    let world = World::new().await;
    let room = world.room_with(&["a.example"]).await;
    for n in 0..120 {
        world.says(&room, &n.to_string()).await;
    }
    let mut world = world.killed().await;
    world.run();
    world.until_heard("a.example", 120).await;
    let heard = world.wire.heard_by("a.example");
    assert_eq!(heard.iter().map(|heard| heard.events.len()).collect::<Vec<_>>(), [50, 50, 20]);
    assert_eq!(world.wire.said_to("a.example"), (0..120).map(|n| n.to_string()).collect::<Vec<_>>());
    let mut world = world.killed().await;
    world.run();
    world.says(&room, "more").await;
    world.until("it is heard", || world.wire.said_to("a.example").last().is_some_and(|last| last == "more")).await;
    let mut ids: Vec<_> = world.wire.heard_by("a.example").into_iter().map(|heard| heard.id).collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "no id is used twice, not even after a restart");
    assert_eq!(world.rows_left().await, 0);
}

#[tokio::test(start_paused = true)]
async fn who_has_to_go_hears_of_it_themselves() {
    let mut world = World::new().await;
    let room = world.room_with(&["a.example", "b.example"]).await;
    world.moves(&room, "@bob:invited.example", Membership::Invite).await;
    world.run();
    for name in ["a.example", "invited.example"] {
        let target = super::user(&format!("@bob:{name}"));
        really(world.services.rooms.ban(&world.alice, room.clone(), target, None)).await.expect("banned");
    }
    world.says(&room, "they are gone").await;
    world.until_heard("b.example", 1).await;
    world
        .until("they hear of it", || {
            ["a.example", "invited.example"].iter().all(|name| !world.wire.heard_by(name).is_empty())
        })
        .await;
    assert_eq!(world.rows_left().await, 0);
    let kinds = |name: &str| -> Vec<_> {
        world
            .wire
            .heard_by(name)
            .iter()
            .flat_map(|heard| heard.events.clone())
            .map(|event| event["type"].clone())
            .collect()
    };
    assert_eq!(kinds("a.example"), ["m.room.member"]);
    assert_eq!(kinds("invited.example"), ["m.room.member"]);
    assert_eq!(kinds("b.example"), ["m.room.member", "m.room.member", "m.room.message"]);
}

#[tokio::test(start_paused = true)]
async fn what_one_server_objects_to_does_not_stand_in_the_way_of_the_rest() {
    let world = World::new().await;
    let room = world.room_with(&["a.example"]).await;
    world.wire.set("a.example", Mood::Picky("poison"));
    for text in ["one", "two", "poison", "three", "four"] {
        world.says(&room, text).await;
    }
    let mut world = world.killed().await;
    world.run();
    world.until_heard("a.example", 4).await;
    assert_eq!(world.wire.said_to("a.example"), ["one", "two", "three", "four"]);
    assert_eq!(world.rows_left().await, 0);
    assert_eq!(world.health("a.example").await.failures, 0);
}
