//! History from before this server's join, or from an outage: its places, and the state before each event.

use hearth_rooms::read::Token;
use hearth_rooms::read::page::{PageFilter, Paging};
use hearth_rooms::state::snapshot;
use hearth_store::tables::history_gaps;
use ruma::OwnedEventId;
use ruma::api::Direction;
use serde_json::json;

use super::graph::{Graph, Wish};
use super::world::{ALICE, Home, World};

const CREATOR: &str = "@creator:far.example";
const BOB: &str = "@bob:far.example";

/// Alice paginates back to the start; returns the event ids in the order of the pages, and the number of pages.
pub(super) async fn pages_back(world: &World) -> (Vec<OwnedEventId>, usize) {
    let (alice, mut from, mut seen, mut pages) = (world.alice().await, None, Vec::new(), 0);
    let room_id = world.graph(|graph| graph.room_id.clone());
    loop {
        let filter = PageFilter::default();
        let paging = Paging { direction: Direction::Backward, from, to: None, limit: 50, filter };
        let page = world.page(&alice, room_id.clone(), paging).await;
        pages += 1;
        for event in page.chunk {
            seen.push(event.get_field::<OwnedEventId>("event_id").expect("an event").expect("an id"));
        }
        match page.end {
            Some(end) if pages < 100 => from = Some(Token::parse(&end.to_string()).expect("a token")),
            _ => return (seen, pages),
        }
    }
}

/// Compares the state before every timeline event with the model.
async fn states_are_right(world: &World) {
    for id in world.timeline().await {
        let event = world.event(&id).await.expect("an event");
        let expected = world.graph(|graph| graph.made(&id).before.clone());
        let found = world
            .read(move |core, tx| {
                if event.snapshot.is_none() {
                    return Vec::new();
                }
                let state = snapshot::full(tx.tx(), event.snapshot).expect("a state");
                state
                    .into_values()
                    .map(|sn| core.events.get(tx.tx(), sn).expect("stored").pdu.event_id.clone())
                    .collect()
            })
            .await;
        let (mut found, mut expected): (Vec<_>, Vec<_>) = (found, expected.into_values().collect());
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "the state before {id}");
    }
}

fn join(graph: &mut Graph, prev: &[OwnedEventId]) -> OwnedEventId {
    let content = json!({ "membership": "join" });
    graph.make(&Wish { sender: ALICE, kind: "m.room.member", state_key: Some(ALICE), content }, prev)
}

#[tokio::test]
async fn a_long_past_is_fetched_piece_by_piece() {
    for version in ["6", "10", "12"] {
        let home = Home::open();
        let mut graph = Graph::new(version, &home.core);
        let mut last = graph.newest();
        for nth in 0..320 {
            let wish = match nth % 7 {
                3 => Wish {
                    sender: CREATOR,
                    kind: "m.room.topic",
                    state_key: Some(""),
                    content: json!({ "topic": nth }),
                },
                _ => Wish { sender: CREATOR, kind: "m.room.message", state_key: None, content: json!({ "body": nth }) },
            };
            last = graph.make(&wish, &[last]);
        }
        let joined = join(&mut graph, &[last]);
        let world = World::in_room(home, graph, &joined).await;
        let before = world.current_state().await;
        let (mut seen, pages) = pages_back(&world).await;
        seen.reverse();
        assert_eq!(seen, world.graph(|graph| graph.order.clone()), "{version}");
        assert!(pages < 12, "{pages} pages");
        assert_eq!(world.timeline().await, seen);
        states_are_right(&world).await;
        assert_eq!(world.current_state().await, before, "the past changes nothing");
        let asked = world.others.asked.lock().len();
        pages_back(&world).await;
        assert_eq!(world.others.asked.lock().len(), asked, "nothing is asked twice");
    }
}

#[tokio::test]
async fn a_past_with_forks_and_conflicts_has_the_states_that_it_had() {
    for version in ["10", "12"] {
        let home = Home::open();
        let mut graph = Graph::new(version, &home.core);
        let topic = |text: &'static str| json!({ "topic": text });
        let mut last = graph.newest();
        for round in 0..12 {
            let state = |kind, content| Wish { sender: CREATOR, kind, state_key: Some(""), content };
            let left = graph.make(&state("m.room.topic", topic("left")), &[last.clone()]);
            let left = graph.make(&state("m.room.name", json!({ "name": round })), &[left]);
            let right = graph.make(&state("m.room.topic", topic("right")), &[last]);
            let content = json!({ "membership": "join" });
            let comes = Wish { sender: BOB, kind: "m.room.member", state_key: Some(BOB), content };
            let right = graph.make(&comes, &[right]);
            let says =
                Wish { sender: CREATOR, kind: "m.room.message", state_key: None, content: json!({ "body": round }) };
            last = graph.make(&says, &[left, right]);
            for _ in 0..9 {
                let says =
                    Wish { sender: BOB, kind: "m.room.message", state_key: None, content: json!({ "body": "x" }) };
                last = graph.make(&says, &[last]);
            }
        }
        let joined = join(&mut graph, &[last]);
        let world = World::in_room(home, graph, &joined).await;
        let (seen, _) = pages_back(&world).await;
        let (mut seen, mut all) = (seen, world.graph(|graph| graph.order.clone()));
        seen.sort();
        all.sort();
        assert_eq!(seen, all, "{version}: everything once");
        states_are_right(&world).await;
    }
}

#[tokio::test]
async fn what_was_never_allowed_is_not_in_the_past_either() {
    let home = Home::open();
    let mut graph = Graph::new("10", &home.core);
    let mut last = graph.newest();
    let content = json!({ "membership": "join" });
    last = graph.make(&Wish { sender: BOB, kind: "m.room.member", state_key: Some(BOB), content }, &[last]);
    let usurps = Wish {
        sender: BOB,
        kind: "m.room.power_levels",
        state_key: Some(""),
        content: json!({ "users": { BOB: 100 } }),
    };
    let usurped = graph.make(&usurps, &[last.clone()]);
    let says = Wish { sender: CREATOR, kind: "m.room.message", state_key: None, content: json!({ "body": "no" }) };
    last = graph.make(&says, &[usurped.clone()]);
    let joined = join(&mut graph, &[last]);
    let world = World::in_room(home, graph, &joined).await;
    let (seen, _) = pages_back(&world).await;
    assert!(!seen.contains(&usurped));
    assert_eq!(seen.len(), world.graph(|graph| graph.order.len()) - 1);
    states_are_right(&world).await;
}

#[tokio::test]
async fn a_hole_in_the_middle_is_filled_when_a_user_pages_over_it() {
    let world = World::of_version("11").await;
    let mut chain = vec![world.joined.clone()];
    for nth in 1..=300 {
        let last = chain[chain.len() - 1].clone();
        chain.push(world.says(CREATOR, &nth.to_string(), &[last]));
    }
    world.others.silent.lock().push("get_missing_events");
    world.receives(&[&chain[300]]).await;
    world.works_off().await;
    assert_eq!(world.timeline().await, [chain[0].clone(), chain[300].clone()]);
    let (mut seen, _) = pages_back(&world).await;
    seen.reverse();
    assert_eq!(seen, world.graph(|graph| graph.order.clone()));
    states_are_right(&world).await;
}

#[tokio::test]
async fn a_hole_whose_state_could_not_be_fetched_is_filled_soon_after() {
    for version in ["11", "12"] {
        let world = World::of_version(version).await;
        let mut chain = vec![world.joined.clone()];
        for nth in 1..=150 {
            let last = chain[chain.len() - 1].clone();
            chain.push(world.says(CREATOR, &nth.to_string(), &[last]));
        }
        world.others.silent.lock().push("get_missing_events");
        world.receives(&[&chain[150]]).await;
        world.works_off().await;
        // The batch arrives, and the request for the state before it fails.
        world.others.silent.lock().push("/state");
        let (seen, _) = pages_back(&world).await;
        assert!(seen.contains(&chain[150]) && !seen.contains(&chain[149]));
        assert!(world.others.has_asked("backfill") && world.others.has_asked("/state"));
        world.others.silent.lock().clear();
        tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
        let (mut seen, _) = pages_back(&world).await;
        seen.reverse();
        assert_eq!(seen, world.graph(|graph| graph.order.clone()), "{version}");
        states_are_right(&world).await;
    }
}

#[tokio::test]
async fn while_no_one_answers_there_is_more_to_come() {
    let world = World::of_version("10").await;
    world.others.silent.lock().push("backfill");
    let (alice, room_id) = (world.alice().await, world.graph(|graph| graph.room_id.clone()));
    for _ in 0..2 {
        let filter = PageFilter::default();
        let paging = Paging { direction: Direction::Backward, from: None, to: None, limit: 50, filter };
        let page = world.page(&alice, room_id.clone(), paging).await;
        assert_eq!((page.chunk.len(), page.end.is_some()), (1, true));
    }
    let asked = world.others.asked.lock().iter().filter(|asked| asked.contains("backfill")).count();
    assert_eq!(asked, 1, "a server that does not answer is left alone for a while");
}

#[tokio::test]
async fn a_gap_that_cannot_be_filled_hides_no_other() {
    for version in ["11", "12"] {
        let world = World::of_version(version).await;
        world.others.silent.lock().push("get_missing_events");
        let mut chain = vec![world.joined.clone()];
        for name in ["lower", "shown", "upper", "last"] {
            chain.push(world.says(CREATOR, name, &[chain[chain.len() - 1].clone()]));
        }
        for heard in [&chain[2], &chain[4]] {
            world.receives(&[heard]).await;
            world.works_off().await;
        }
        world.others.silent.lock().push(chain[3].as_str()[1..].to_owned().leak());
        let (seen, _) = pages_back(&world).await;
        assert_eq!(seen[..4], [4, 2, 1, 0].map(|at: usize| chain[at].clone()), "version {version}");
        // It was tried in vain lately, and is passed over at once.
        assert_eq!(pages_back(&world).await.0, seen);
    }
}

#[tokio::test]
async fn a_gap_closes_when_what_is_missing_has_come_in_elsewhere() {
    for version in ["11", "12"] {
        let world = World::of_version(version).await;
        world.others.silent.lock().push("get_missing_events");
        let late = world.says(CREATOR, "late", &[world.joined.clone()]);
        let last = world.says(CREATOR, "last", &[late.clone()]);
        for heard in [&last, &late] {
            world.receives(&[heard]).await;
            world.works_off().await;
        }
        let (seen, _) = pages_back(&world).await;
        assert_eq!(seen[..3], [late.clone(), last, world.joined.clone()], "version {version}");
        assert!(!world.others.has_asked(&late.as_str()[1..]), "it is here: no one has to be asked");
        let room = world.room;
        let gaps = world.read(move |_, tx| history_gaps::of_room(tx.tx(), room).expect("gaps")).await;
        assert!(gaps.iter().all(|gap| gap.floor < 0), "{gaps:?}");
    }
}
