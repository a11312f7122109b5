//! States at gaps of which parts cannot be had, and extremities at gaps: a server that was away comes to the same state
//! as all others.

use hearth_rooms::Message;
use ruma::{OwnedEventId, owned_server_name};
use serde_json::json;

use super::graph::Wish;
use super::orders::check_states;
use super::past::pages_back;
use super::world::World;
use crate::pdu::{self, IncomingPdu, PduOutcome, StateNeed};

const CREATOR: &str = "@creator:far.example";
const BOB: &str = "@bob:far.example";
const ANN: &str = "@ann:one.example";
/// A user whose server has given no one its keys.
const DAN: &str = "@dan:dark.example";
const VERSIONS: [&str; 2] = ["11", "12"];

/// A world in which missing events cannot be fetched by their place, but states can.
async fn cut_off(version: &str) -> World {
    let world = World::of_version(version).await;
    world.others.silent.lock().push("get_missing_events");
    world
}

fn joins(world: &World, who: &str, prev: &OwnedEventId) -> OwnedEventId {
    world.sets(who, "m.room.member", who, json!({ "membership": "join" }), &[prev.clone()])
}

fn notes(world: &World, who: &str, text: &str, prev: &OwnedEventId) -> OwnedEventId {
    world.sets(who, "org.example.note", "x", json!({ "text": text }), &[prev.clone()])
}

fn far() -> ruma::OwnedServerName {
    owned_server_name!("far.example")
}

/// An event of the model, as if its signatures had been checked.
fn checked(world: &World, id: &OwnedEventId) -> IncomingPdu {
    world.graph(|graph| pdu::parse(graph.rules, Some(&graph.room_id), &graph.made(id).json).expect("an event"))
}

/// Has two remote servers in the room, then a note and an event after it that comes in without it.
async fn note_in_a_gap(world: &World, author: &str) -> OwnedEventId {
    let joined = joins(world, ANN, &world.joined);
    world.receives(&[&joined]).await;
    let old = notes(world, CREATOR, "old", &joined);
    world.receives(&[&old]).await;
    assert!(world.timeline().await.contains(&old));
    let new = match author {
        DAN => joins(world, DAN, &old),
        _ => notes(world, author, "new", &old),
    };
    world.says(CREATOR, "after", &[new])
}

#[tokio::test]
async fn a_state_is_not_taken_without_a_part_that_a_busy_server_has() {
    // The server that knows the note is busy, down, or loses the request; the other one does not have it.
    for (version, status) in [("11", 429), ("11", 0), ("12", 429), ("12", 503)] {
        let world = cut_off(version).await;
        let after = note_in_a_gap(&world, CREATOR).await;
        world.others.failing.lock().extend([("far.example", "/event/", status), ("one.example", "/event/", 404)]);
        let outcome = world.receives(&[&after]).await;
        assert!(outcome[&after].is_ok(), "it is kept for later: {outcome:?}");
        let (room, candidate) = (world.room, checked(&world, &after));
        let outcome = world.federation.handle_pdu(room, candidate, &far(), StateNeed::Fetched).await;
        assert_eq!(outcome.expect_err("not now").reason(), Some(hearth_base::Reason::ConnectionFailed));
        assert!(!world.timeline().await.contains(&after), "version {version}, status {status}");
        world.others.failing.lock().clear();
        world.works_off().await;
        assert_eq!(world.timeline().await.last(), Some(&after), "version {version}, status {status}");
        check_states(&world, version).await;
        assert_eq!(world.current_state().await, world.graph(|graph| graph.state_after(&after)));
    }
}

#[tokio::test]
async fn a_state_is_not_taken_without_a_part_whose_keys_cannot_be_had_now() {
    for version in VERSIONS {
        let world = cut_off(version).await;
        let after = note_in_a_gap(&world, DAN).await;
        world.others.failing.lock().push(("dark.example", "/key/", 0));
        world.receives(&[&after]).await;
        assert!(!world.timeline().await.contains(&after), "version {version}");
        // A server that is gone for good does not stop the room: at some time the rest has to do.
        let (room, candidate) = (world.room, checked(&world, &after));
        let outcome = world.federation.handle_pdu(room, candidate, &far(), StateNeed::Fetched).await.expect("handled");
        assert_eq!(outcome, PduOutcome::Accepted);
        let state = world.current_state().await;
        assert!(!state.contains_key(&("m.room.member".to_owned(), DAN.to_owned())));
        assert_eq!(state.len() + 1, world.graph(|graph| graph.state_after(&after)).len());
    }
}

#[tokio::test]
async fn servers_in_the_room_give_keys_of_one_that_is_gone() {
    for version in VERSIONS {
        let world = cut_off(version).await;
        let joined = joins(&world, DAN, &world.joined);
        let said = world.says(DAN, "I was here", &[joined.clone()]);
        let left = world.sets(DAN, "m.room.member", DAN, json!({ "membership": "leave" }), &[said.clone()]);
        let after = world.says(CREATOR, "after", &[left]);
        world.others.failing.lock().push(("dark.example", "", 0));
        *world.others.vouching.lock() = true;
        world.receives(&[&after]).await;
        world.works_off().await;
        assert_eq!(world.timeline().await.last(), Some(&after), "version {version}: the state is whole");
        let (seen, _) = pages_back(&world).await;
        assert!(seen.contains(&joined) && seen.contains(&said), "version {version}");
        check_states(&world, version).await;
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_asked_may_know_the_state() {
    for version in VERSIONS {
        let world = cut_off(version).await;
        let after = note_in_a_gap(&world, CREATOR).await;
        world.others.failing.lock().extend([("far.example", "/state", 429), ("one.example", "/state", 404)]);
        let candidate = checked(&world, &after);
        let error =
            world.federation.handle_pdu(world.room, candidate, &far(), StateNeed::Whole).await.expect_err("not now");
        assert_eq!(error.reason(), Some(hearth_base::Reason::ConnectionFailed), "it is tried again: {error}");
    }
}

/// Two branches, one of them long, that meet; then so many events that one batch of history ends within the long branch.
/// Returns the event where they meet and the last one.
fn two_branches(world: &World) -> (OwnedEventId, OwnedEventId) {
    // Bob's join and his note are on the short branch, which the batch does not reach.
    let joined = joins(world, BOB, &world.joined);
    let short = notes(world, CREATOR, "short", &joined);
    let mut long = world.joined.clone();
    for nth in 0..60 {
        long = world.says(CREATOR, &nth.to_string(), &[long]);
    }
    let meet = world.says(BOB, "meet", &[short, long]);
    let mut last = meet.clone();
    for nth in 0..70 {
        last = world.says(CREATOR, &nth.to_string(), &[last]);
    }
    (meet, last)
}

#[tokio::test]
async fn history_whose_state_is_not_certain_is_shown_and_nothing_builds_on_it() {
    for version in VERSIONS {
        let world = cut_off(version).await;
        let (meet, last) = two_branches(&world);
        world.receives(&[&last]).await;
        world.works_off().await;
        // The state where the branches meet cannot be had, and one branch is not here.
        let id: &'static str = meet.as_str()[1..].to_owned().leak();
        world.others.failing.lock().push(("far.example", id, 503));
        let (seen, _) = pages_back(&world).await;
        assert!(
            seen.contains(&meet),
            "version {version}: its sender is not known here, which is no reason to reject it"
        );
        world.others.failing.lock().clear();
        // Another server goes on from there.
        let fork = notes(&world, CREATOR, "fork", &meet);
        let on = world.says(CREATOR, "on", &[fork.clone(), last.clone()]);
        world.receives(&[&fork, &on]).await;
        world.works_off().await;
        assert!(world.timeline().await.contains(&on));
        check_states(&world, version).await;
        assert_eq!(world.current_state().await, world.graph(|graph| graph.state_after(&on)), "version {version}");
    }
}

#[tokio::test]
async fn an_extremity_that_turns_out_to_be_an_ancestor_counts_no_longer() {
    for version in VERSIONS {
        let world = cut_off(version).await;
        let old = notes(&world, CREATOR, "old", &world.joined);
        world.receives(&[&old]).await;
        // The newer note claims to be older, so that a resolution of both picks the old one.
        let object = world.graph(|graph| {
            let content = json!({ "text": "new" });
            let wish = Wish { sender: CREATOR, kind: "org.example.note", state_key: Some("x"), content };
            let mut object = graph.object(&wish, &[old.clone()]);
            object.insert("origin_server_ts".to_owned(), ruma::Int::from(1_000).into());
            object
        });
        let new = world.graph(|graph| graph.finish(object));
        let last = world.says(CREATOR, "last", &[new.clone()]);
        world.receives(&[&last]).await;
        world.works_off().await;
        assert!(!world.timeline().await.contains(&new));
        pages_back(&world).await;
        assert!(world.timeline().await.contains(&new), "the history between them came in");
        let on = world.says(CREATOR, "on", &[last]);
        world.receives(&[&on]).await;
        assert_eq!(world.current_state().await, world.graph(|graph| graph.state_after(&on)), "version {version}");
    }
}

#[tokio::test]
async fn what_only_a_soft_failed_event_follows_is_an_extremity() {
    for version in VERSIONS {
        let world = cut_off(version).await;
        let joined = joins(&world, BOB, &world.joined);
        let ban = world.sets(CREATOR, "m.room.member", BOB, json!({ "membership": "ban" }), &[joined.clone()]);
        world.receives(&[&joined, &ban]).await;
        let note = notes(&world, CREATOR, "between", &joined);
        let late = world.says(BOB, "late", &[note.clone()]);
        world.receives(&[&late]).await;
        world.works_off().await;
        assert!(world.event(&late).await.is_some_and(|event| event.is_soft_failed()));
        // A user pages over the gap, and no server gives anything.
        world.others.silent.lock().push("backfill");
        pages_back(&world).await;
        world.receives(&[&note]).await;
        world.works_off().await;
        let expected = world.graph(|graph| graph.state_after_all(&[ban.clone(), note.clone()]));
        assert_eq!(world.current_state().await, expected, "version {version}");
    }
}

#[tokio::test]
async fn an_own_event_after_some_of_many_ends_has_the_state_after_these() {
    for version in VERSIONS {
        let world = World::of_version(version).await;
        let ends: Vec<_> = (0..30)
            .map(|nth| {
                let (key, content) = ((nth % 25).to_string(), json!({ "nth": nth }));
                world.sets(CREATOR, "org.example.note", &key, content, &[world.joined.clone()])
            })
            .collect();
        world.receives(&ends.iter().collect::<Vec<_>>()).await;
        world.works_off().await;
        let message = Message {
            room_id: world.graph(|graph| graph.room_id.clone()),
            kind: "m.room.message".to_owned(),
            content: json!({ "msgtype": "m.text", "body": "hello" }).to_string(),
            txn: "one".to_owned(),
            timestamp_ms: None,
        };
        let sent = world.rooms.send(&world.alice().await, message).await.expect("sent");
        let own = world.event(&sent).await.expect("stored");
        assert_eq!(own.pdu.prev_events.len(), 20);
        let (before, all) =
            world.graph(|graph| (graph.state_after_all(&own.pdu.prev_events), graph.state_after_all(&ends)));
        assert_ne!(before, all);
        assert_eq!(world.state_before(&own).await, before, "version {version}: as all other servers compute it");
        assert_eq!(world.current_state().await, all);
    }
}
