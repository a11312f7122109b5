//! Backfill: history from before the local server joined.

use crate::harness::{Cluster, Person, Room, Value, World, bodies, json, list, v1, v3};

/// Longer than the backoff after a failed backfill.
const A_DAY_MS: u64 = 25 * 60 * 60 * 1_000;

async fn joins_via(person: &Person, room: &Room, server: &str) {
    person.post(v3!("join/{}", room), json!({})).query(&[("via", server), ("server_name", server)]).await.ok();
}

/// Sends messages; returns their event ids.
async fn says(person: &Person, room: &Room, what: &str, times: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..times {
        ids.push(person.sends(&format!("{what} {number}")).in_room(room).await);
    }
    ids
}

fn told(what: &str, times: usize) -> Vec<String> {
    (0..times).map(|number| format!("{what} {number}")).collect()
}

/// The texts of all messages that a user may read, oldest first.
async fn reads(person: &Person, room: &Room) -> Vec<String> {
    bodies(&person.reads_all_of(room).await).into_iter().map(str::to_owned).collect()
}

/// Waits until a message arrives in a sync.
async fn hears(person: &Person, room: &Room, text: &str) {
    for _ in 0..200 {
        let page = person.reads_back(room).limit(5).await;
        if bodies(&page.chunk).contains(&text) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    unreachable!("{} never heard {text:?}", person.id)
}

async fn two() -> (Cluster, Person, Person) {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let alice = cluster.worlds[0].register("alice").await;
    let bob = cluster.worlds[1].register("bob").await;
    (cluster, alice, bob)
}

#[tokio::test(flavor = "multi_thread")]
async fn newcomers_page_back_to_the_beginning() {
    for version in ["10", "12"] {
        let (cluster, alice, bob) = two().await;
        let room = alice.creates_room().public().version(version).await;
        says(&alice, &room, "old", 130).await;
        alice.sets("m.room.topic", "", json!({ "topic": "first" })).in_room(&room).await;
        says(&alice, &room, "newer", 130).await;
        alice.sets("m.room.topic", "", json!({ "topic": "second" })).in_room(&room).await;
        joins_via(&bob, &room, "a.example").await;
        let all = bob.reads_all_of(&room).await;
        assert_eq!(bodies(&all), [told("old", 130), told("newer", 130)].concat());
        assert_eq!(all[0]["type"], "m.room.create");
        let topic = all.iter().rfind(|event| event["type"] == "m.room.topic").expect("a topic");
        assert_eq!(topic["unsigned"]["prev_content"]["topic"], "first", "{topic}");
        // The second read requests nothing from another server.
        let asked = cluster.network.seen().len();
        assert_eq!(bob.reads_all_of(&room).await.len(), all.len());
        assert_eq!(backfills(&cluster, asked), 0);
        cluster.ends().await;
    }
}

fn backfills(cluster: &Cluster, from: usize) -> usize {
    cluster.network.seen()[from..].iter().filter(|(_, call)| call.target.contains("/backfill/")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_hidden_from_later_members_stays_hidden() {
    let (cluster, alice, bob) = two().await;
    let strict = alice.creates_room().public().history("joined").await;
    says(&alice, &strict, "secret", 5).await;
    joins_via(&bob, &strict, "a.example").await;
    says(&alice, &strict, "open", 2).await;
    hears(&bob, &strict, "open 1").await;
    assert_eq!(reads(&bob, &strict).await, told("open", 2));

    // History visibility was opened before he joined; earlier messages stay invisible to him.
    let opened = alice.creates_room().public().history("joined").await;
    says(&alice, &opened, "secret", 5).await;
    alice.sets("m.room.history_visibility", "", json!({ "history_visibility": "shared" })).in_room(&opened).await;
    says(&alice, &opened, "open", 5).await;
    joins_via(&bob, &opened, "a.example").await;
    assert_eq!(reads(&bob, &opened).await, told("open", 5));
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_reads_what_was_said_meanwhile() {
    let (cluster, alice, bob) = two().await;
    let room = alice.creates_room().public().await;
    says(&alice, &room, "before", 3).await;
    joins_via(&bob, &room, "a.example").await;
    says(&alice, &room, "there", 3).await;
    hears(&bob, &room, "there 2").await;
    let since = bob.syncs().await.next().to_owned();
    bob.leaves(&room).await;
    says(&alice, &room, "away", 30).await;
    joins_via(&bob, &room, "a.example").await;
    says(&alice, &room, "back", 3).await;
    hears(&bob, &room, "back 2").await;
    let seen = bob.syncs().since(&since).await;
    assert_eq!(seen.joined(&room)["timeline"]["limited"], true);
    let all = [told("before", 3), told("there", 3), told("away", 30), told("back", 3)].concat();
    assert_eq!(reads(&bob, &room).await, all);
    // The same after a restart.
    let Cluster { network, mut worlds } = cluster;
    worlds[1].restart().await;
    assert_eq!(reads(&bob, &room).await, all);
    Cluster { network, worlds }.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_not_the_last_while_no_one_can_be_asked() {
    let (cluster, alice, bob) = two().await;
    let room = alice.creates_room().public().await;
    says(&alice, &room, "old", 5).await;
    joins_via(&bob, &room, "a.example").await;
    cluster.network.part("a.example", "b.example");
    let page = bob.reads_back(&room).limit(50).await;
    assert!(bodies(&page.chunk).is_empty());
    let end = page.end.expect("there is more");
    // The failed backfill is in backoff, and the response is still not the end.
    let again = bob.reads_back(&room).from(&end).limit(50).await;
    assert_eq!((again.chunk.len(), again.end.is_some()), (0, true));
    cluster.network.heal();
    cluster.worlds[1].clock.skip(A_DAY_MS);
    let page = bob.reads_back(&room).from(&end).limit(50).await;
    assert_eq!(bodies(&page.chunk).len(), 5);
    assert_eq!(reads(&bob, &room).await, told("old", 5));
    cluster.ends().await;
}

async fn jumps(person: &Person, room: &Room, at_ms: u64, direction: &str) -> Value {
    let query = [("ts", at_ms.to_string()), ("dir", direction.to_owned())];
    let query: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    person.get(v1!("rooms/{}/timestamp_to_event", room)).query(&query).await.ok()
}

fn now(world: &World) -> u64 {
    hearth_base::Clock::now_ms(&*world.clock)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_can_jump_to_a_day_long_before() {
    let (cluster, alice, bob) = two().await;
    let room = alice.creates_room().public().await;
    says(&alice, &room, "first", 130).await;
    cluster.worlds[0].clock.skip(A_DAY_MS);
    let noon = now(&cluster.worlds[0]);
    let ids = says(&alice, &room, "second", 5).await;
    cluster.worlds[0].clock.skip(A_DAY_MS);
    says(&alice, &room, "third", 130).await;
    joins_via(&bob, &room, "a.example").await;
    let found = jumps(&bob, &room, noon, "f").await;
    assert_eq!(found["event_id"], ids[0], "{found}");
    let found = jumps(&bob, &room, noon + A_DAY_MS / 2, "b").await;
    assert_eq!(found["event_id"], ids[4], "{found}");
    let context = bob.get(v3!("rooms/{}/context/{}", room, ids[0])).query(&[("limit", "10")]).await.ok();
    let before = bodies(list(&context["events_before"]));
    assert_eq!(before[0], "first 129", "{before:?}");
    // Back to the beginning from there, and over the gap from the end: every message once, in order.
    let all = reads(&bob, &room).await;
    assert_eq!(all, [told("first", 130), told("second", 5), told("third", 130)].concat());
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_old_event_can_be_looked_at() {
    let (cluster, alice, bob) = two().await;
    let room = alice.creates_room().public().await;
    let ids = says(&alice, &room, "old", 120).await;
    let strict = alice.creates_room().public().history("joined").await;
    let hidden = says(&alice, &strict, "secret", 3).await;
    joins_via(&bob, &room, "a.example").await;
    joins_via(&bob, &strict, "a.example").await;
    let event = bob.get(v3!("rooms/{}/event/{}", room, ids[7])).await.ok();
    assert_eq!(event["content"]["body"], "old 7");
    bob.get(v3!("rooms/{}/event/{}", strict, hidden[1])).await.refused(404, "M_NOT_FOUND");
    bob.get(v3!("rooms/{}/event/{}", room, "$nothing")).await.refused(404, "M_NOT_FOUND");
    let carol = cluster.worlds[1].register("carol").await;
    let asked = cluster.network.seen().len();
    carol.get(v3!("rooms/{}/event/{}", strict, hidden[1])).await.refused(404, "M_NOT_FOUND");
    assert_eq!(cluster.network.seen().len(), asked, "a stranger makes nobody ask");
    assert_eq!(reads(&bob, &room).await, told("old", 120));
    cluster.ends().await;
}
