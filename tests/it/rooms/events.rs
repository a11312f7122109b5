//! Events in rooms: sending, state, redaction, relations, threads.

use futures_util::future::join_all;

use crate::harness::{Value, World, bodies, ids, json, list, v1, v3};

#[tokio::test]
async fn a_message_sent_twice_with_one_transaction_id_is_said_once() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    let first = alice.sends("hello").under_transaction("t").in_room(&room).await;
    assert_eq!(alice.sends("hello").under_transaction("t").in_room(&room).await, first);
    // Transaction ids are scoped to a device.
    let phone = alice.at_another_device().await;
    assert_ne!(phone.sends("hello").under_transaction("t").in_room(&room).await, first);
    let race = join_all((0..10).map(|_| alice.sends("race").under_transaction("r").in_room(&room))).await;
    assert!(race.iter().all(|id| *id == race[0]), "{race:?}");
    let read = alice.reads_all_of(&room).await;
    assert_eq!(bodies(&read), ["hello", "hello", "race"]);
    world.ends().await;
}

#[tokio::test]
async fn a_sender_recognises_their_own_message_by_its_transaction_id() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let phone = alice.at_another_device().await;
    let (own, others, bobs) = (alice.syncs().await, phone.syncs().await, bob.syncs().await);
    alice.sends("hello").under_transaction("mine").in_room(&room).await;
    let transaction = |seen: &crate::harness::Seen| seen.timeline(&room)[0]["unsigned"]["transaction_id"].clone();
    assert_eq!(transaction(&alice.syncs().since(own.next()).await), "mine");
    assert_eq!(transaction(&phone.syncs().since(others.next()).await), Value::Null);
    assert_eq!(transaction(&bob.syncs().since(bobs.next()).await), Value::Null);
    world.ends().await;
}

#[tokio::test]
async fn a_redacted_message_loses_its_content_for_all() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let slip = alice.sends("my password is secret").in_room(&room).await;
    let redaction = alice.redacts(&slip, &room).await;
    let seen = bob.get(v3!("rooms/{}/event/{}", room, slip)).await.ok();
    assert_eq!(seen["content"], json!({}));
    assert_eq!(seen["unsigned"]["redacted_because"]["event_id"], redaction.as_str());
    assert_eq!(seen["unsigned"]["redacted_because"]["content"]["redacts"], slip.as_str());
    assert!(bodies(&bob.reads_all_of(&room).await).is_empty());
    assert!(bodies(bob.syncs().await.timeline(&room)).is_empty());
    // Redacting another user's event requires the power level for it.
    let bobs = bob.sends("rude").in_room(&room).await;
    alice.redacts(&bobs, &room).await;
    assert!(bodies(&bob.reads_all_of(&room).await).is_empty());
    world.ends().await;
}

#[tokio::test]
async fn redacted_state_keeps_what_the_rules_need() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().version("11").await;
    let named = alice.sets("m.room.name", "", json!({ "name": "rude" })).in_room(&room).await;
    alice.redacts(&named, &room).await;
    assert_eq!(alice.state_of(&room, "m.room.name", "").await, json!({}));
    let state = alice.get(v3!("rooms/{}/state", room)).await.ok();
    let powers = list(&state).iter().find(|event| event["type"] == "m.room.power_levels").expect("levels").clone();
    alice.redacts(powers["event_id"].as_str().expect("an id"), &room).await;
    assert_eq!(alice.state_of(&room, "m.room.power_levels", "").await["users"][&alice.id], 100);
    world.ends().await;
}

#[tokio::test]
async fn state_that_does_not_change_is_not_an_event() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    let first = alice.sets("m.room.topic", "", json!({ "topic": "tea" })).in_room(&room).await;
    assert_eq!(alice.sets("m.room.topic", "", json!({ "topic": "tea" })).in_room(&room).await, first);
    let second = alice.sets("m.room.topic", "", json!({ "topic": "coffee" })).in_room(&room).await;
    assert_ne!(second, first);
    let shown = alice.get(v3!("rooms/{}/event/{}", room, second)).await.ok();
    assert_eq!(shown["unsigned"]["prev_content"]["topic"], "tea");
    assert_eq!(shown["unsigned"]["replaces_state"], first.as_str());
    world.ends().await;
}

#[tokio::test]
async fn state_keys_that_are_user_ids_belong_to_these_users() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let powers = json!({ "state_default": 0 });
    let room = alice.creates_room().public().with("power_level_content_override", powers).await;
    bob.joins(&room).await;
    bob.sets("org.example.note", &bob.id, json!({ "n": 1 })).in_room(&room).await;
    let others = v3!("rooms/{}/state/org.example.note/{}", room, alice.id);
    bob.put(others, json!({ "n": 1 })).await.refused(403, "M_FORBIDDEN");
    // Slashes in a state key and the empty key survive in paths.
    bob.sets("org.example.note", "a/b ä", json!({ "n": 2 })).in_room(&room).await;
    assert_eq!(alice.state_of(&room, "org.example.note", "a/b ä").await["n"], 2);
    bob.put(v3!("rooms/{}/state/org.example.note", room), json!({ "n": 3 })).await.ok();
    assert_eq!(alice.state_of(&room, "org.example.note", "").await["n"], 3);
    assert_eq!(alice.get(v3!("rooms/{}/state/org.example.note", room)).await.ok()["n"], 3);
    world.ends().await;
}

#[tokio::test]
async fn what_is_too_large_or_not_an_event_is_refused() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    let send = |kind: &str| v3!("rooms/{}/send/{}/{}", room, kind, alice.fresh_transaction());
    alice
        .put(send("m.room.message"), json!({ "msgtype": "m.text", "body": "x".repeat(66_000) }))
        .await
        .refused(413, "M_TOO_LARGE");
    let long = "k".repeat(256);
    let answer = alice.put(send(&long), json!({})).await;
    assert!((400..414).contains(&answer.status), "{}", answer.text());
    let answer = alice.put(v3!("rooms/{}/state/org.example.x/{}", room, long), json!({})).await;
    assert!((400..414).contains(&answer.status), "{}", answer.text());
    alice
        .put(send("m.room.message"), json!({ "msgtype": "m.text", "body": "x", "n": 1.5 }))
        .await
        .refused(400, "M_BAD_JSON");
    alice.put(send("m.room.message"), json!([])).await.refused(400, "M_BAD_JSON");
    alice.put(send("m.room.member"), json!({ "membership": "join" })).await;
    assert!(bodies(&alice.reads_all_of(&room).await).is_empty());
    world.ends().await;
}

#[tokio::test]
async fn edits_and_reactions_come_with_the_message() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let said = alice.sends("tee").in_room(&room).await;
    let edit = json!({
        "msgtype": "m.text", "body": "* tea", "m.new_content": { "msgtype": "m.text", "body": "tea" },
        "m.relates_to": { "rel_type": "m.replace", "event_id": said },
    });
    let edited = alice.sends_event("m.room.message", edit).in_room(&room).await;
    let reaction = json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": said, "key": "+1" } });
    bob.sends_event("m.reaction", reaction.clone()).in_room(&room).await;
    let again = v3!("rooms/{}/send/m.reaction/{}", room, bob.fresh_transaction());
    bob.put(again, reaction).await.refused(400, "M_DUPLICATE_ANNOTATION");

    let shown = bob.get(v3!("rooms/{}/event/{}", room, said)).await.ok();
    assert_eq!(shown["unsigned"]["m.relations"]["m.replace"]["event_id"], edited.as_str(), "{shown}");
    let of_type = bob.get(v1!("rooms/{}/relations/{}/m.annotation", room, said)).await.ok();
    assert_eq!(list(&of_type["chunk"]).len(), 1);
    let all = bob.get(v1!("rooms/{}/relations/{}", room, said)).await.ok();
    assert_eq!(list(&all["chunk"]).len(), 2);
    assert!(all["prev_batch"].is_null(), "the first page");
    let page = async |query: &[(&str, &str)]| bob.get(v1!("rooms/{}/relations/{}", room, said)).query(query).await.ok();
    let first = page(&[("limit", "1")]).await;
    let next = first["next_batch"].as_str().expect("a second page");
    let second = page(&[("limit", "1"), ("from", next)]).await;
    assert_eq!(second["prev_batch"], next, "{second}");
    let back = page(&[("dir", "f"), ("from", second["prev_batch"].as_str().expect("a way back"))]).await;
    assert_eq!(back["chunk"][0]["event_id"], first["chunk"][0]["event_id"]);
    world.ends().await;
}

#[tokio::test]
async fn threads_are_listed_with_their_latest_answer() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let (tea, coffee) = (alice.sends("tea?").in_room(&room).await, alice.sends("coffee?").in_room(&room).await);
    bob.replies("no", "m.thread", &coffee).in_room(&room).await;
    bob.replies("yes", "m.thread", &tea).in_room(&room).await;
    let latest = alice.replies("good", "m.thread", &tea).in_room(&room).await;
    let threads = bob.get(v1!("rooms/{}/threads", room)).await.ok();
    assert_eq!(ids(list(&threads["chunk"])), [tea.as_str(), coffee.as_str()], "newest activity first");
    let bundle = &threads["chunk"][0]["unsigned"]["m.relations"]["m.thread"];
    assert_eq!((&bundle["count"], &bundle["latest_event"]["event_id"]), (&json!(2), &json!(latest)));
    assert_eq!(bundle["current_user_participated"], true);
    let of_alice = alice.get(v1!("rooms/{}/threads", room)).query(&[("include", "participated")]).await.ok();
    assert_eq!(list(&of_alice["chunk"]).len(), 2, "who began a thread takes part in it");
    world.ends().await;
}

#[tokio::test]
async fn context_shows_what_was_said_around_a_message() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    let mut events = Vec::new();
    for n in 0..9 {
        events.push(alice.sends(&n.to_string()).in_room(&room).await);
    }
    let context = alice.get(v3!("rooms/{}/context/{}", room, events[4])).query(&[("limit", "4")]).await.ok();
    assert_eq!(context["event"]["event_id"], events[4].as_str());
    assert_eq!(bodies(list(&context["events_before"])), ["3", "2"]);
    assert_eq!(bodies(list(&context["events_after"])), ["5", "6"]);
    let (start, end) = (context["start"].as_str().expect("start"), context["end"].as_str().expect("end"));
    assert_eq!(bodies(&alice.reads_back(&room).from(start).limit(2).await.chunk), ["1", "0"]);
    assert_eq!(bodies(&alice.reads_forward(&room).from(end).limit(2).await.chunk), ["7", "8"]);
    world.ends().await;
}

#[tokio::test]
async fn pages_forward_and_backward_show_every_event_once() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    for n in 0..25 {
        alice.sends(&n.to_string()).in_room(&room).await;
    }
    let (mut forward, mut from) = (Vec::new(), None::<String>);
    loop {
        let paging = alice.reads_forward(&room).limit(7);
        let page = match &from {
            Some(from) => paging.from(from).await,
            None => paging.await,
        };
        forward.extend(page.chunk);
        match page.end {
            Some(end) => from = Some(end),
            None => break,
        }
    }
    let backward = alice.reads_all_of(&room).await;
    assert_eq!(ids(&forward), ids(&backward));
    assert_eq!(bodies(&forward).len(), 25);
    let only = json!({ "types": ["m.room.create"] });
    assert_eq!(alice.reads_back(&room).filter(&only).limit(5).await.chunk.len(), 1);
    world.ends().await;
}

#[tokio::test]
async fn the_event_nearest_to_a_moment_is_found() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    let before = alice.sends("before").in_room(&room).await;
    world.clock.skip(60_000);
    let after = alice.sends("after").in_room(&room).await;
    let at = alice.get(v3!("rooms/{}/event/{}", room, after)).await.ok()["origin_server_ts"].as_u64().expect("a time");
    let nearest = async |ts: u64, dir: &str| {
        let query = [("ts", ts.to_string()), ("dir", dir.to_owned())];
        let query: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        alice.get(v1!("rooms/{}/timestamp_to_event", room)).query(&query).await
    };
    assert_eq!(nearest(at - 30_000, "f").await.ok()["event_id"], after.as_str());
    assert_eq!(nearest(at - 30_000, "b").await.ok()["event_id"], before.as_str());
    nearest(at + 60_000, "f").await.refused(404, "M_NOT_FOUND");
    world.ends().await;
}
