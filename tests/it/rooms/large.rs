//! Pages of large events end by size, and their tokens lead through everything exactly once.

use hearth_base::limits::{PAGE_BYTES_MAX, SYNC_TIMELINES_BYTES_MAX};

use crate::harness::{Person, Room, Value, World, ids, json, list, v1, v3};

/// Messages in a room, and the size of each: more than one page, and two rooms have more than one sync.
const MESSAGES: usize = 150;
const TEXT_BYTES: usize = 60_000;
/// What a body has besides events.
const REST_BYTES: usize = 64 * 1024;

/// A room with large messages that all refer to the first one.
struct Large {
    room: Room,
    root: String,
    sent: Vec<String>,
}

async fn large(alice: &Person, bob: &Person, version: &str) -> Large {
    let room = alice.creates_room().version(version).inviting(&[bob]).await;
    bob.joins(&room).await;
    let root = alice.sends("root").in_room(&room).await;
    let text = format!("plum {}", "x".repeat(TEXT_BYTES));
    let mut sent = Vec::new();
    for _ in 0..MESSAGES {
        sent.push(alice.replies(&text, "m.reference", &root).in_room(&room).await);
    }
    Large { room, root, sent }
}

fn bytes(events: &[Value]) -> usize {
    events.iter().map(|event| event.to_string().len()).sum()
}

fn named(events: &[Value]) -> Vec<String> {
    ids(events).into_iter().map(str::to_owned).collect()
}

/// The messages among `found`, without the events that came with the room.
fn messages(found: &[String], large: &Large) -> Vec<String> {
    found.iter().filter(|id| large.sent.contains(id)).cloned().collect()
}

/// Follows the pages of `/messages` from a token; returns all events, and the number of pages.
async fn walks(person: &Person, room: &Room, forward: bool, from: Option<&str>) -> (Vec<String>, usize) {
    let (mut found, mut pages, mut from) = (Vec::new(), 0, from.map(str::to_owned));
    loop {
        let paging = if forward { person.reads_forward(room) } else { person.reads_back(room) }.limit(1_000);
        let page = match &from {
            Some(from) => paging.from(from).await,
            None => paging.await,
        };
        assert!(bytes(&page.chunk) <= PAGE_BYTES_MAX);
        pages += usize::from(!page.chunk.is_empty());
        found.extend(named(&page.chunk));
        match page.end {
            Some(end) => from = Some(end),
            None => return (found, pages),
        }
    }
}

async fn relations(person: &Person, large: &Large, dir: &str) -> (Vec<String>, usize) {
    let (mut found, mut pages, mut from) = (Vec::new(), 0, None::<String>);
    loop {
        let mut query = vec![("limit", "1000"), ("dir", dir)];
        query.extend(from.as_deref().map(|from| ("from", from)));
        let page = person.get(v1!("rooms/{}/relations/{}", large.room, large.root)).query(&query).await.ok();
        assert!(bytes(list(&page["chunk"])) <= PAGE_BYTES_MAX);
        pages += 1;
        found.extend(named(list(&page["chunk"])));
        match page["next_batch"].as_str() {
            Some(next) => from = Some(next.to_owned()),
            None => return (found, pages),
        }
    }
}

fn reversed(mut ids: Vec<String>) -> Vec<String> {
    ids.reverse();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_large_events_end_by_size_and_lose_nothing() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let rooms = [large(&alice, &bob, "11").await, large(&alice, &bob, "12").await];
    for large in &rooms {
        let (back, pages) = walks(&bob, &large.room, false, None).await;
        assert_eq!(messages(&back, large), reversed(large.sent.clone()));
        assert_eq!(pages, 2, "9 MB in pages of 8 MiB");
        let (forth, pages) = walks(&bob, &large.room, true, None).await;
        assert_eq!((messages(&forth, large), pages), (large.sent.clone(), 2));
        assert_eq!(relations(&bob, large, "b").await, (reversed(large.sent.clone()), 2));
        assert_eq!(relations(&bob, large, "f").await, (large.sent.clone(), 2));
        around_the_middle(&bob, large).await;
    }
    syncs_are_bounded(&bob, &rooms).await;
    world.ends().await;
}

/// The events of `/context` are next to one another, and its tokens go on where they end.
async fn around_the_middle(bob: &Person, large: &Large) {
    let middle = &large.sent[MESSAGES / 2];
    let path = v3!("rooms/{}/context/{}", large.room, middle);
    let context = bob.get(path).query(&[("limit", "1000")]).await.ok();
    let (before, after) = (list(&context["events_before"]), list(&context["events_after"]));
    // Old fields, such as `user_id`, are not counted.
    assert!(bytes(before) + bytes(after) <= PAGE_BYTES_MAX + 100 * MESSAGES);
    assert!(before.len() > 50 && after.len() > 50, "{} before, {} after", before.len(), after.len());
    let (start, end) = (context["start"].as_str().expect("a token"), context["end"].as_str().expect("a token"));
    let mut all = reversed(walks(bob, &large.room, false, Some(start)).await.0);
    all.extend(reversed(named(before)));
    all.push(middle.clone());
    all.extend(named(after));
    all.extend(walks(bob, &large.room, true, Some(end)).await.0);
    assert_eq!(messages(&all, large), large.sent);
}

/// Both rooms are in the answer, each with a part of the bytes and a way back to the rest.
async fn syncs_are_bounded(bob: &Person, rooms: &[Large]) {
    let filter = json!({ "room": { "timeline": { "limit": 1000 } } });
    let seen = bob.syncs().filter(&filter).await;
    let total: usize = rooms.iter().map(|large| bytes(seen.timeline(&large.room))).sum();
    assert!(total <= SYNC_TIMELINES_BYTES_MAX && total > SYNC_TIMELINES_BYTES_MAX / 2, "{total}");
    for large in rooms {
        let timeline = &seen.joined(&large.room)["timeline"];
        assert_eq!(timeline["limited"], true);
        let back = timeline["prev_batch"].as_str().expect("a way back");
        let mut all = reversed(walks(bob, &large.room, false, Some(back)).await.0);
        all.extend(named(seen.timeline(&large.room)));
        assert_eq!(messages(&all, large), large.sent);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_counts_the_context_of_its_results() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let rooms = [large(&alice, &bob, "11").await, large(&alice, &bob, "12").await];
    for order in ["recent", "rank"] {
        let (mut found, mut pages, mut from) = (Vec::new(), 0, None::<String>);
        loop {
            let criteria = json!({
                "search_term": "plum",
                "order_by": order,
                "filter": { "limit": 1000 },
                "event_context": { "before_limit": 2, "after_limit": 2 },
            });
            let query: Vec<_> = from.as_deref().map(|from| ("next_batch", from)).into_iter().collect();
            let asked = bob.post(v3!("search"), json!({ "search_categories": { "room_events": criteria } }));
            let answer = asked.query(&query).await;
            assert!(answer.bytes.len() <= PAGE_BYTES_MAX + REST_BYTES, "{}", answer.bytes.len());
            let page = answer.ok();
            let page = &page["search_categories"]["room_events"];
            assert_eq!(page["count"], 2 * MESSAGES);
            let results: Vec<_> = list(&page["results"]).iter().map(|result| result["result"].clone()).collect();
            found.extend(named(&results));
            pages += 1;
            for result in list(&page["results"]) {
                assert!(list(&result["context"]["events_before"]).len() == 2, "whole, or on the next page");
            }
            match page["next_batch"].as_str() {
                Some(next) => from = Some(next.to_owned()),
                None => break,
            }
        }
        for large in &rooms {
            assert_eq!(messages(&found, large), reversed(large.sent.clone()), "by {order}");
        }
        assert_eq!(found.len(), 2 * MESSAGES);
        assert!((9..=16).contains(&pages), "about 26 results of 300 kB on a page: {pages}");
    }
    // What one request could ask for before: a thousand results with a hundred events around each.
    let context = json!({ "before_limit": 50, "after_limit": 50 });
    let criteria = json!({ "search_term": "plum", "filter": { "limit": 1000 }, "event_context": context });
    let answer = bob.post(v3!("search"), json!({ "search_categories": { "room_events": criteria } })).await;
    assert!(answer.bytes.len() <= PAGE_BYTES_MAX + REST_BYTES, "{}", answer.bytes.len());
    let page = answer.ok();
    assert!(!list(&page["search_categories"]["room_events"]["results"]).is_empty());
    world.ends().await;
}
