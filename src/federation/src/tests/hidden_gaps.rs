//! Gaps in the timeline that no visible event follows: clients are told of them all the same, and page back to what lies there.

use std::time::Duration;

use hearth_rooms::read::Token;
use hearth_rooms::read::page::{PageFilter, Paging};
use ruma::OwnedEventId;
use ruma::api::Direction;
use ruma::api::client::sync::sync_events::v3::{JoinedRoom, Response};
use serde_json::json;

use super::world::World;

const CREATOR: &str = "@creator:far.example";
const BOB: &str = "@bob:far.example";
/// The versions that rooms have today.
const VERSIONS: [&str; 2] = ["11", "12"];
/// How long a sync may sleep that should be awake.
const WAIT: Duration = Duration::from_secs(5);

fn member(world: &World, by: &str, membership: &str, prev: &OwnedEventId) -> OwnedEventId {
    world.sets(by, "m.room.member", BOB, json!({ "membership": membership }), &[prev.clone()])
}

fn room_in(world: &World, sync: &Response) -> Option<JoinedRoom> {
    sync.rooms.join.get(&world.graph(|graph| graph.room_id.clone())).cloned()
}

/// What Alice finds who pages back over what her sync left out.
async fn left_out(world: &World, room: &JoinedRoom, since: &Response) -> Vec<OwnedEventId> {
    let alice = world.alice().await;
    let token = |text: &str| Some(Token::parse(text).expect("a token"));
    let paging = Paging {
        direction: Direction::Backward,
        from: token(room.timeline.prev_batch.as_deref().expect("a token")),
        to: token(&since.next_batch),
        limit: 50,
        filter: PageFilter::default(),
    };
    let room_id = world.graph(|graph| graph.room_id.clone());
    let page = world.page(&alice, room_id, paging).await;
    let id = |event: &ruma::serde::Raw<_>| event.get_field("event_id").expect("an event").expect("an id");
    page.chunk.iter().map(id).collect()
}

/// Has `hidden` come in, which is shown to no one and comes after `between`, which is not here: Alice's sync wakes and is limited,
/// and she finds `between`, though another event comes before she looks.
async fn clients_hear_of_the_gap(world: &World, between: &OwnedEventId, hidden: &OwnedEventId) {
    let before = world.syncs(None).await;
    let (mut news, at) = (world.core.notifier.subscribe(world.alice().await.user), world.core.store.position());
    world.receives(&[hidden]).await;
    world.works_off().await;
    assert!(!world.timeline().await.contains(hidden));
    tokio::time::timeout(WAIT, news.news_after(at)).await.expect("syncs wake");
    let woken = world.syncs(Some(&before)).await;
    let room = room_in(world, &woken).expect("the room has news");
    assert!(room.timeline.limited && room.timeline.events.is_empty(), "{room:?}");
    // As long as no one has paged back, every sync over the gap is limited; one after it is not.
    let newest = world.timeline().await.last().cloned().expect("an event");
    let after = world.says(CREATOR, "after", &[newest]);
    world.receives(&[&after]).await;
    let both = room_in(world, &world.syncs(Some(&before)).await).expect("news");
    assert_eq!((both.timeline.limited, both.timeline.events.len()), (true, 1));
    let next = room_in(world, &world.syncs(Some(&woken)).await).expect("news");
    assert_eq!((next.timeline.limited, next.timeline.events.len()), (false, 1));
    assert!(left_out(world, &room, &before).await.contains(between));
}

#[tokio::test]
async fn a_rejected_event_tells_clients_of_the_gap_before_it() {
    for version in VERSIONS {
        let world = World::of_version(version).await;
        world.others.silent.lock().push("get_missing_events");
        let between = world.says(CREATOR, "between", &[world.joined.clone()]);
        let joined = member(&world, BOB, "join", &between);
        // Bob has no power to set a topic.
        let topic = world.sets(BOB, "m.room.topic", "", json!({ "topic": "no" }), &[joined]);
        clients_hear_of_the_gap(&world, &between, &topic).await;
        assert!(world.event(&topic).await.is_some_and(|event| event.pdu.rejected), "version {version}");
    }
}

#[tokio::test]
async fn a_soft_failed_event_tells_clients_of_the_gap_before_it() {
    for version in VERSIONS {
        let world = World::of_version(version).await;
        let joined = member(&world, BOB, "join", &world.joined);
        let ban = member(&world, CREATOR, "ban", &joined);
        world.receives(&[&joined, &ban]).await;
        world.others.silent.lock().push("get_missing_events");
        let between = world.says(CREATOR, "between", &[joined]);
        let late = world.says(BOB, "late", &[between.clone()]);
        clients_hear_of_the_gap(&world, &between, &late).await;
        assert!(world.event(&late).await.is_some_and(|event| event.is_soft_failed()), "version {version}");
    }
}
