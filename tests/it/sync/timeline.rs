//! Timelines: every event reaches a client exactly once, by `/sync` or by the pagination token of a gap.

use std::future::IntoFuture as _;
use std::time::{Duration, Instant};

use futures_util::future::join;

use crate::harness::{World, bodies, ids, json, v3};

#[tokio::test]
async fn what_is_new_comes_once() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let before = bob.syncs().await;
    alice.sends("one").in_room(&room).await;
    alice.sends("two").in_room(&room).await;
    let seen = bob.syncs().since(before.next()).await;
    assert_eq!(seen.texts(&room), ["one", "two"]);
    assert_ne!(seen.joined(&room)["timeline"]["limited"], true);
    assert!(bob.syncs().since(seen.next()).await.is_quiet());
    world.ends().await;
}

#[tokio::test]
async fn the_same_question_gets_the_same_answer() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let before = bob.syncs().await;
    alice.sends("one").in_room(&room).await;
    alice.sets("m.room.topic", "", json!({ "topic": "tea" })).in_room(&room).await;
    let timeless = async || {
        let mut seen = bob.syncs().since(before.next()).await;
        let events = seen.0["rooms"]["join"][&room.0]["timeline"]["events"].as_array_mut().expect("a timeline");
        for event in events {
            event["unsigned"].as_object_mut().map(|unsigned| unsigned.remove("age"));
        }
        seen
    };
    let first = timeless().await;
    assert_eq!(timeless().await, first);
    world.ends().await;
}

#[tokio::test]
async fn a_gap_is_closed_by_exactly_the_missing_events() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let other = alice.creates_room_with(&[&bob]).await;
    let before = bob.syncs().await;
    let mut sent = Vec::new();
    for n in 0..30 {
        sent.push(alice.sends(&n.to_string()).in_room(&room).await);
        // Events of other rooms share the stream positions, and must not create gaps.
        alice.sends("elsewhere").in_room(&other).await;
    }
    let filter = json!({ "room": { "timeline": { "limit": 5 } } });
    let seen = bob.syncs().since(before.next()).filter(&filter).await;
    let timeline = &seen.joined(&room)["timeline"];
    assert_eq!(timeline["limited"], true);
    assert_eq!(ids(seen.timeline(&room)), sent[25..]);

    let (mut missing, mut from) = (Vec::new(), timeline["prev_batch"].as_str().expect("a way back").to_owned());
    loop {
        let page = bob.reads_back(&room).from(&from).to(before.next()).limit(10).await;
        missing.extend(page.chunk);
        match page.end {
            Some(end) => from = end,
            None => break,
        }
    }
    missing.reverse();
    assert_eq!(ids(&missing), sent[..25]);
    world.ends().await;
}

#[tokio::test]
async fn a_long_poll_wakes_as_soon_as_there_is_something() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let before = bob.syncs().await;
    let talk = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        alice.sends("wake up").in_room(&room).await;
        Instant::now()
    };
    let (seen, sent_at) = join(bob.syncs().since(before.next()).waiting_ms(30_000).into_future(), talk).await;
    assert_eq!(seen.texts(&room), ["wake up"]);
    assert!(sent_at.elapsed() < Duration::from_secs(5), "it came after {:?}", sent_at.elapsed());
    world.ends().await;
}

#[tokio::test]
async fn a_long_poll_ends_when_its_time_is_up_and_not_before() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let secret = alice.creates_room().await;
    let before = bob.syncs().await;
    // Events in rooms that the user is not in do not wake the long poll.
    let began = Instant::now();
    let (seen, _) =
        join(bob.syncs().since(before.next()).waiting_ms(1_200).into_future(), alice.sends("x").in_room(&secret)).await;
    assert!(seen.is_quiet());
    assert!(began.elapsed() >= Duration::from_millis(1_200), "it came back after {:?}", began.elapsed());
    assert!(bob.syncs().since(seen.next()).await.is_quiet());
    world.ends().await;
}

#[tokio::test]
async fn a_server_that_stops_lets_go_of_those_who_wait() {
    let mut world = World::new().await;
    let alice = world.register("alice").await;
    let before = alice.syncs().await;
    let waiting = async { alice.syncs().since(before.next()).waiting_ms(30_000).await };
    let began = Instant::now();
    let stop = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        world.restart().await;
    };
    let (seen, ()) = join(waiting, stop).await;
    assert!(seen.is_quiet());
    assert!(began.elapsed() < Duration::from_secs(8), "it took {:?}", began.elapsed());
    world.ends().await;
}

#[tokio::test]
async fn positions_from_before_a_restart_go_on_without_gap_or_repetition() {
    let mut world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let before = bob.syncs().await;
    alice.sends("before").in_room(&room).await;
    world.restart().await;
    alice.sends("after").in_room(&room).await;
    let seen = bob.syncs().since(before.next()).await;
    assert_eq!(seen.texts(&room), ["before", "after"]);
    assert!(bob.syncs().since(seen.next()).await.is_quiet());
    world.ends().await;
}

#[tokio::test]
async fn who_joins_anew_sees_the_room_as_it_is_and_may_page_back() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room().public().with("name", json!("Kitchen")).await;
    for n in 0..30 {
        alice.sends(&n.to_string()).in_room(&room).await;
    }
    let before = bob.syncs().await;
    bob.joins(&room).await;
    let seen = bob.syncs().since(before.next()).await;
    let joined = seen.joined(&room);
    assert_eq!(joined["timeline"]["limited"], true);
    assert_eq!(joined["summary"]["m.joined_member_count"], 2);
    assert!(seen.state(&room).iter().any(|event| event["type"] == "m.room.name"), "the state is missing");
    let back = joined["timeline"]["prev_batch"].as_str().expect("a way back");
    let page = bob.reads_back(&room).from(back).limit(100).await;
    let (earlier, shown) = (bodies(&page.chunk).len(), seen.texts(&room).len());
    assert_eq!(earlier + shown, 30, "{earlier} before, {shown} in the timeline");
    world.ends().await;
}

#[tokio::test]
async fn a_token_that_is_not_one_is_refused() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    for token in ["nonsense", "s-1", "s99999999999999999999999", "s1_2_3_4"] {
        let answer = alice.get(v3!("sync")).query(&[("since", token)]).await;
        assert_eq!(answer.status, 400, "{token}: {}", answer.text());
    }
    world.ends().await;
}

#[tokio::test]
async fn filters_choose_rooms_types_and_senders() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let (tea, coffee) = (alice.creates_room_with(&[&bob]).await, alice.creates_room_with(&[&bob]).await);
    alice.sends("tea").in_room(&tea).await;
    bob.sends("tea too").in_room(&tea).await;
    alice.sends("coffee").in_room(&coffee).await;
    let only_tea = json!({ "room": { "rooms": [tea.0] } });
    let seen = bob.syncs().filter(&only_tea).await;
    assert!(seen.joined(&coffee).is_null() && seen.joined(&tea).is_object());
    let not_tea = json!({ "room": { "not_rooms": [tea.0] } });
    let seen = bob.syncs().filter(&not_tea).await;
    assert!(seen.joined(&tea).is_null() && seen.joined(&coffee).is_object());
    let of_alice = json!({ "room": { "timeline": { "senders": [alice.id], "types": ["m.room.mess*"] } } });
    let seen = bob.syncs().filter(&of_alice).await;
    assert_eq!((seen.texts(&tea), seen.timeline(&tea).len()), (vec!["tea"], 1));
    let not_of_alice = json!({ "room": { "timeline": { "not_senders": [alice.id], "types": ["m.room.message"] } } });
    assert_eq!(bob.syncs().filter(&not_of_alice).await.texts(&tea), ["tea too"]);
    world.ends().await;
}
