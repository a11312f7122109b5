//! `POST /search`: what is found, in which order, and by whom; before messages are in the index of words and after.

use std::time::Duration;

use crate::harness::{Person, Room, Value, World, ids, json, list, v3};

const VERSIONS: [&str; 2] = ["11", "12"];

fn request(criteria: Value) -> Value {
    json!({ "search_categories": { "room_events": criteria } })
}

async fn searches(person: &Person, criteria: Value, from: Option<&str>) -> Value {
    let query: Vec<_> = from.map(|from| ("next_batch", from)).into_iter().collect();
    let answer = person.post(v3!("search"), request(criteria)).query(&query).await.ok();
    answer["search_categories"]["room_events"].clone()
}

fn texts(found: &Value) -> Vec<&str> {
    list(&found["results"]).iter().filter_map(|hit| hit["result"]["content"]["body"].as_str()).collect()
}

/// The texts that a search for a word finds, newest first.
async fn finds(person: &Person, term: &str) -> Vec<String> {
    let found = searches(person, json!({ "search_term": term, "order_by": "recent" }), None).await;
    assert_eq!(found["count"], list(&found["results"]).len(), "{found}");
    texts(&found).into_iter().map(str::to_owned).collect()
}

/// Waits until what was sent before is in the index: sends as many events as the index takes at once.
async fn is_indexed(world: &World, person: &Person, room: &Room) {
    let looks = || world.reads().get("search_words").copied().unwrap_or(0);
    let before = looks();
    for n in 0..hearth_base::limits::SEARCH_INDEX_EVENTS_MIN {
        person.sends(&format!("filler {n}")).in_room(room).await;
    }
    // One look gathers the events, and the next one comes after they were written.
    while looks() < before + 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn words_are_found_by_their_beginning_whatever_their_case_and_accents() {
    let mut world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    for text in ["Crème brûlée", "the NEEDLES are here", "天気がいい", "party 🎉", "a knitting needle: here"]
    {
        alice.sends(text).in_room(&room).await;
    }
    let long: String = (0..1_000).map(|n| format!("w{n} ")).collect();
    alice.sends(&format!("{long} zebra")).in_room(&room).await;
    for is_in_index in [false, true] {
        for (term, expected) in [
            ("creme", &["Crème brûlée"][..]),
            ("BRÛL", &["Crème brûlée"]),
            ("needle", &["a knitting needle: here", "the NEEDLES are here"]),
            ("here knitting", &["a knitting needle: here"]),
            ("\"needles are\"", &["the NEEDLES are here"]),
            ("\"needle are\"", &[]),
            ("天気", &["天気がいい"]),
            ("🎉", &["party 🎉"]),
            ("w99 w100", &[&format!("{long} zebra")]),
            ("zebra w999", &[&format!("{long} zebra")]),
            ("w1000", &[]),
            ("eedle", &[]),
            ("needle OR creme", &[]),
            ("'*:&|", &[]),
        ] {
            assert_eq!(finds(&alice, term).await, expected, "{term:?}, in the index: {is_in_index}");
        }
        if !is_in_index {
            is_indexed(&world, &alice, &room).await;
            world.restart().await;
        }
    }
    world.ends().await;
}

#[tokio::test]
async fn ranks_hold_across_pages() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    let plums = [1, 3, 2, 1, 4, 2, 3, 1, 5, 1, 2, 1];
    for (n, plums) in plums.into_iter().enumerate() {
        alice.sends(&format!("{n}{}", " plum".repeat(plums))).in_room(&room).await;
        alice.sends("pear").in_room(&room).await;
    }
    let mut expected: Vec<usize> = (0..plums.len()).collect();
    expected.sort_by_key(|n| std::cmp::Reverse((plums[*n], *n)));
    for is_in_index in [false, true] {
        let (mut shown, mut from, mut pages) = (Vec::new(), None::<String>, 0);
        loop {
            let criteria = json!({ "search_term": "plum", "filter": { "limit": 5 } });
            let found = searches(&alice, criteria, from.as_deref()).await;
            assert_eq!(found["count"], 12 + u64::from(is_in_index), "{found}");
            for hit in list(&found["results"]) {
                let text = hit["result"]["content"]["body"].as_str().expect("a text");
                assert_eq!(hit["rank"], text.matches("plum").count() as f64, "{hit}");
                shown.push(text.split(' ').next().expect("a number").to_owned());
            }
            pages += 1;
            if !is_in_index && pages == 1 {
                // Sent meanwhile: the pages after the first do not shift.
                alice.sends("12 plum plum plum plum plum plum").in_room(&room).await;
            }
            match found["next_batch"].as_str() {
                Some(next) => from = Some(next.to_owned()),
                None => break,
            }
        }
        let shown: Vec<usize> = shown.iter().map(|n| n.parse().expect("a number")).collect();
        assert_eq!((shown, pages), (expected.clone(), 3), "in the index: {is_in_index}");
        expected.insert(0, 12);
        is_indexed(&world, &alice, &room).await;
    }
    let first = searches(&alice, json!({ "search_term": "plum", "filter": { "limit": 5 } }), None).await;
    let next = [("next_batch", first["next_batch"].as_str().expect("more pages"))];
    let other = request(json!({ "search_term": "plum", "order_by": "recent" }));
    alice.post(v3!("search"), other).query(&next).await.refused(400, "M_INVALID_PARAM");
    world.ends().await;
}

#[tokio::test]
async fn only_what_a_user_may_see_is_found() {
    for version in VERSIONS {
        let world = World::new().await;
        let (alice, bob, carol) =
            (world.register("alice").await, world.register("bob").await, world.register("carol").await);
        let room = alice.creates_room().version(version).public().history("joined").await;
        let secret = alice.creates_room().version(version).inviting(&[&carol]).await;
        alice.sends("plum before").in_room(&room).await;
        alice.sends("plum secret").in_room(&secret).await;
        bob.joins(&room).await;
        alice.sends("plum while").in_room(&room).await;
        bob.leaves(&room).await;
        alice.sends("plum after").in_room(&room).await;
        let gone = alice.sends("plum redacted").in_room(&room).await;
        let edited = alice.sends("plum old").in_room(&room).await;
        let relates_to = json!({ "rel_type": "m.replace", "event_id": edited });
        let text = json!({ "msgtype": "m.text", "body": "pear new" });
        let edit =
            json!({ "msgtype": "m.text", "body": "* pear new", "m.new_content": text, "m.relates_to": relates_to });
        alice.sends_event("m.room.message", edit).in_room(&room).await;
        let cipher = json!({ "algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "plum", "body": "plum" });
        alice.sends_event("m.room.encrypted", cipher).in_room(&room).await;
        for is_in_index in [false, true] {
            let why = format!("version {version}, in the index: {is_in_index}");
            let mut expected = vec!["plum redacted", "plum after", "plum while", "plum secret", "plum before"];
            assert_eq!(finds(&alice, "plum").await, expected, "{why}");
            assert_eq!(finds(&alice, "pear").await.len(), 1, "{why}");
            assert_eq!(finds(&bob, "plum").await, ["plum while"], "{why}");
            assert!(finds(&carol, "plum").await.is_empty(), "an invited user, {why}");
            if !is_in_index {
                is_indexed(&world, &alice, &room).await;
                continue;
            }
            alice.redacts(&gone, &room).await;
            expected.remove(0);
            assert_eq!(finds(&alice, "plum").await, expected, "{why}");
            bob.forgets(&room).await;
            assert!(finds(&bob, "plum").await.is_empty(), "a forgotten room, {why}");
        }
        world.ends().await;
    }
}

#[tokio::test]
async fn filters_groups_context_and_state_belong_to_the_results() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    alice.put(v3!("profile/{}/displayname", alice), json!({ "displayname": "Alice" })).await.ok();
    let room = alice.creates_room().with("name", json!("Plum")).public().await;
    let other = alice.creates_room().await;
    bob.joins(&room).await;
    let first = alice.sends("plum one").in_room(&room).await;
    let second = bob.sends("Plums two").in_room(&room).await;
    alice.sends("between").in_room(&room).await;
    let third = alice.sends("plum three").in_room(&other).await;
    is_indexed(&world, &alice, &other).await;
    let recent = async |more: Value| {
        let mut criteria = json!({ "search_term": "plum", "order_by": "recent", "keys": ["content.body"] });
        for (key, value) in more.as_object().expect("criteria") {
            criteria[key] = value.clone();
        }
        searches(&alice, criteria, None).await
    };
    let found = async |filter: Value| {
        let found = recent(json!({ "filter": filter })).await;
        let events: Vec<Value> = list(&found["results"]).iter().map(|hit| hit["result"].clone()).collect();
        ids(&events).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found(json!({})).await, [&third, &second, &first].map(Clone::clone));
    assert_eq!(found(json!({ "senders": [bob.id] })).await, std::slice::from_ref(&second));
    assert_eq!(found(json!({ "not_senders": [bob.id] })).await, [&third, &first].map(Clone::clone));
    assert_eq!(found(json!({ "rooms": [other.as_ref()] })).await, std::slice::from_ref(&third));
    assert_eq!(found(json!({ "not_rooms": [other.as_ref()] })).await, [&second, &first].map(Clone::clone));
    assert_eq!(found(json!({ "limit": 1 })).await, std::slice::from_ref(&third));
    assert!(found(json!({ "types": ["m.room.name"] })).await.is_empty());
    let answer = recent(json!({
        "groupings": { "group_by": [{ "key": "room_id" }, { "key": "sender" }] },
        "event_context": { "before_limit": 1, "after_limit": 1, "include_profile": true },
        "include_state": true,
    }))
    .await;
    assert_eq!(answer["groups"]["room_id"][room.as_ref()]["results"], json!([second, first]));
    assert_eq!(answer["groups"]["sender"][&alice.id]["results"], json!([third, first]));
    let context = &list(&answer["results"])[1]["context"];
    assert_eq!(ids(list(&context["events_before"])), [first.as_str()]);
    assert_eq!(list(&context["events_after"])[0]["content"]["body"], "between");
    assert_eq!(context["profile_info"][&alice.id]["displayname"], "Alice");
    assert!(context["start"].is_string() && context["end"].is_string());
    let state = list(&answer["state"][room.as_ref()]);
    assert!(state.iter().any(|event| event["type"] == "m.room.name" && event["content"]["name"] == "Plum"));
    assert_eq!(answer["highlights"], json!(["plum", "plums"]));
    let named = searches(&alice, json!({ "search_term": "plum", "keys": ["content.name"] }), None).await;
    assert_eq!(list(&named["results"])[0]["result"]["type"], "m.room.name", "{named}");
    assert_eq!(named["count"], 1);
    world.ends().await;
}

#[tokio::test]
async fn a_search_in_a_room_goes_on_in_the_rooms_that_it_replaced() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let old = alice.creates_room().version("11").public().await;
    alice.sends("plum in the past").in_room(&old).await;
    let upgraded = alice.post(v3!("rooms/{}/upgrade", old), json!({ "new_version": "12" })).await.ok();
    let new = Room(upgraded["replacement_room"].as_str().expect("a room").to_owned());
    alice.sends("plum today").in_room(&new).await;
    // A room that names another as its predecessor does not replace it.
    let thief = json!({ "predecessor": { "room_id": old.as_ref(), "event_id": "$none" } });
    let thief = alice.creates_room().version("11").with("creation_content", thief).await;
    alice.sends("plum elsewhere").in_room(&thief).await;
    bob.joins(&new).await;
    let found = async |person: &Person, room: &Room| {
        let filter = json!({ "rooms": [room.as_ref()] });
        let found =
            searches(person, json!({ "search_term": "plum", "order_by": "recent", "filter": filter }), None).await;
        texts(&found).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found(&alice, &new).await, ["plum today", "plum in the past"]);
    assert_eq!(found(&alice, &old).await, ["plum in the past"]);
    assert_eq!(found(&alice, &thief).await, ["plum elsewhere"]);
    assert_eq!(found(&bob, &new).await, ["plum today"], "not a member of the old room");
    world.ends().await;
}
