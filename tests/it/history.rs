//! History visibility by every endpoint that reads a room, as a table.
//!
//! The same story is played under each history visibility. Its four messages are sent before the reader is invited,
//! between invite and join, while the reader is joined, and after the reader has left. Every message has a reply, for
//! `/relations`.

use crate::harness::{Person, Room, Value, World, bodies, json, list, v1, v3};

/// When a message was sent, relative to the reader's membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Before,
    Invited,
    There,
    After,
}

use When::{After, Before, Invited, There};

/// How the reader leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Going {
    Leave,
    Kick,
    Ban,
    Forget,
}

/// A message of the story.
struct Said {
    when: When,
    event: String,
    text: String,
}

/// The readable messages by history visibility: for a former member, and for a user who was never in the room.
const TABLE: [(&str, &[When], &[When]); 4] = [
    ("world_readable", &[Before, Invited, There, After], &[Before, Invited, There, After]),
    ("shared", &[Before, Invited, There], &[]),
    ("invited", &[Invited, There], &[]),
    ("joined", &[There], &[]),
];

/// Sends a message and a reply to it.
async fn say(speaker: &Person, room: &Room, when: When) -> Said {
    let text = format!("{when:?}");
    let event = speaker.sends(&text).in_room(room).await;
    speaker.replies(&format!("answer to {text}"), "m.reference", &event).in_room(room).await;
    Said { when, event, text }
}

/// The texts of the story's messages in a list of events.
fn told<'a>(events: &'a [Value], story: &[Said]) -> Vec<&'a str> {
    let texts = bodies(events).into_iter();
    texts.filter(|text| story.iter().any(|said| said.text == *text)).collect()
}

/// Checks every endpoint against the readable messages.
async fn check(reader: &Person, room: &Room, story: &[Said], allowed: &[When], case: &str) {
    let wanted: Vec<_> =
        story.iter().filter(|said| allowed.contains(&said.when)).map(|said| said.text.as_str()).collect();
    check_messages(reader, room, story, &wanted, case).await;
    for said in story {
        let may = allowed.contains(&said.when);
        check_single(reader, room, story, &wanted, said, may, case).await;
    }
}

async fn check_messages(reader: &Person, room: &Room, story: &[Said], wanted: &[&str], case: &str) {
    for dir in ["b", "f"] {
        let query = [("dir", dir), ("limit", "100")];
        let answer = reader.get(v3!("rooms/{}/messages", room)).query(&query).await;
        if answer.status == 403 {
            assert!(wanted.is_empty(), "{case}: /messages refused what may be read: {}", answer.text());
            continue;
        }
        let page = answer.ok();
        let mut texts = told(list(&page["chunk"]), story);
        if dir == "b" {
            texts.reverse();
        }
        assert_eq!(texts, wanted, "{case}: /messages?dir={dir}");
    }
}

async fn check_single(
    reader: &Person,
    room: &Room,
    story: &[Said],
    wanted: &[&str],
    said: &Said,
    may: bool,
    case: &str,
) {
    let what = &said.text;
    let event = reader.get(v3!("rooms/{}/event/{}", room, said.event)).await;
    assert_eq!(event.status == 200, may, "{case}: /event {what}: {}", event.text());
    let context = reader.get(v3!("rooms/{}/context/{}", room, said.event)).query(&[("limit", "50")]).await;
    assert_eq!(context.status == 200, may, "{case}: /context {what}: {}", context.text());
    let relations = reader.get(v1!("rooms/{}/relations/{}", room, said.event)).await;
    let answers = list(&relations.json()["chunk"]).len();
    assert_eq!(answers == 1, may, "{case}: /relations {what}: {}", relations.text());
    for answer in [&event, &context, &relations] {
        assert!(may || matches!(answer.status, 403 | 404), "{case}: {}: {}", answer.asked, answer.text());
    }
    if may {
        let context = context.json();
        let mut around: Vec<Value> = list(&context["events_before"]).iter().rev().cloned().collect();
        around.push(context["event"].clone());
        around.extend_from_slice(list(&context["events_after"]));
        assert_eq!(told(&around, story), wanted, "{case}: /context around {what}");
    }
}

/// The story's messages that a search in the room finds for the reader.
async fn found(reader: &Person, room: &Room, story: &[Said]) -> Vec<When> {
    let mut found = Vec::new();
    for said in story {
        let criteria = json!({ "search_term": said.text, "filter": { "rooms": [room.0] }, "keys": ["content.body"] });
        let answer = reader.post(v3!("search"), json!({ "search_categories": { "room_events": criteria } })).await;
        if answer.status == 403 {
            continue;
        }
        let results = answer.ok()["search_categories"]["room_events"]["results"].clone();
        if list(&results).iter().any(|result| result["result"]["event_id"] == said.event.as_str()) {
            found.push(said.when);
        }
    }
    found
}

/// The story's messages in the reader's `/sync`.
async fn check_sync(reader: &Person, room: &Room, story: &[Said], allowed: &[When], section: &str, case: &str) {
    let filter = json!({ "room": { "include_leave": true, "timeline": { "limit": 100 } } });
    let seen = reader.syncs().filter(&filter).await;
    let timeline = list(&seen.0["rooms"][section][&room.0]["timeline"]["events"]).to_vec();
    let wanted: Vec<_> = story
        .iter()
        .filter(|said| allowed.contains(&said.when) && said.when != After)
        .map(|said| said.text.as_str())
        .collect();
    assert_eq!(told(&timeline, story), wanted, "{case}: /sync");
    assert!(!seen.0.to_string().contains("After"), "{case}: /sync tells what came after");
}

/// Plays the story under one visibility and one way of leaving, and checks it after each step.
async fn tell(world: &World, number: usize, row: &(&str, &[When], &[When]), going: Going) {
    let (visibility, allowed, outside) = *row;
    let name = |who: &str| format!("{who}{number}");
    let (alice, bob) = (world.register(&name("alice")).await, world.register(&name("bob")).await);
    let eve = world.register(&name("eve")).await;
    let case = format!("{visibility}, {going:?}");
    let room = alice.creates_room().history(visibility).await;

    let mut story = vec![say(&alice, &room, Before).await];
    alice.invites(&bob, &room).await;
    story.push(say(&alice, &room, Invited).await);
    check(&bob, &room, &story, outside, &format!("{case}, while invited")).await;
    bob.joins(&room).await;
    story.push(say(&alice, &room, There).await);
    check(&bob, &room, &story, allowed, &format!("{case}, while there")).await;
    check_sync(&bob, &room, &story, allowed, "join", &format!("{case}, while there")).await;
    let may_find: Vec<_> = allowed.iter().copied().filter(|when| *when != After).collect();
    assert_eq!(found(&bob, &room, &story).await, may_find, "{case}, while there: /search");

    match going {
        Going::Leave | Going::Forget => bob.leaves(&room).await,
        Going::Kick => alice.kicks(&bob, &room).await,
        Going::Ban => alice.bans(&bob, &room).await,
    }
    if going == Going::Forget {
        bob.forgets(&room).await;
    }
    story.push(say(&alice, &room, After).await);
    if going == Going::Forget {
        // A user who has forgotten a room has the access of a non-member.
        check(&bob, &room, &story, outside, &case).await;
    } else {
        check(&bob, &room, &story, allowed, &case).await;
        check_sync(&bob, &room, &story, allowed, "leave", &case).await;
    }
    check(&eve, &room, &story, outside, &format!("{case}, never there")).await;
    // A search need not cover rooms that the user is not in; what it finds must be readable.
    for (reader, allowed) in [(&bob, if going == Going::Forget { outside } else { allowed }), (&eve, outside)] {
        let leaked: Vec<_> =
            found(reader, &room, &story).await.into_iter().filter(|when| !allowed.contains(when)).collect();
        assert_eq!(leaked, [], "{case}: {} finds this by /search", reader.id);
    }
    if going == Going::Forget {
        // Now the room lets both in, and neither the stay of the one nor their invite counts for earlier messages.
        alice
            .sets("m.room.history_visibility", "", json!({ "history_visibility": "world_readable" }))
            .in_room(&room)
            .await;
        for reader in [&bob, &eve] {
            check(reader, &room, &story, outside, &format!("{case}, open to the world, {}", reader.id)).await;
        }
    }
}

#[tokio::test]
async fn each_reads_what_the_rooms_visibility_allows_by_every_way() {
    let world = World::new().await;
    let mut number = 0;
    for row in &TABLE {
        for going in [Going::Leave, Going::Kick, Going::Ban, Going::Forget] {
            number += 1;
            tell(&world, number, row, going).await;
        }
    }
    world.ends().await;
}

#[tokio::test]
async fn each_message_keeps_the_visibility_of_its_time() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room().public().history("shared").await;
    let (mut events, mut allowed) = (Vec::new(), Vec::new());
    for visibility in ["shared", "joined", "invited", "world_readable", "joined", "shared"] {
        let content = json!({ "history_visibility": visibility });
        alice.sets("m.room.history_visibility", "", content).in_room(&room).await;
        let text = format!("{visibility}{}", events.len());
        events.push(alice.sends(&text).in_room(&room).await);
        allowed.push(matches!(visibility, "shared" | "world_readable").then_some(text));
    }
    bob.joins(&room).await;
    let wanted: Vec<_> = allowed.iter().flatten().map(String::as_str).collect();
    assert_eq!(bodies(&bob.reads_all_of(&room).await), wanted);
    let filter = json!({ "room": { "timeline": { "limit": 100 } } });
    assert_eq!(bob.syncs().filter(&filter).await.texts(&room), wanted);
    for (event, allowed) in events.iter().zip(&allowed) {
        let answer = bob.get(v3!("rooms/{}/event/{}", room, event)).await;
        assert_eq!(answer.status, if allowed.is_some() { 200 } else { 404 }, "{allowed:?}: {}", answer.text());
    }
    world.ends().await;
}

#[tokio::test]
async fn who_comes_back_does_not_read_what_was_said_meanwhile_where_only_the_present_read() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room().public().history("joined").await;
    bob.joins(&room).await;
    alice.sends("first").in_room(&room).await;
    bob.leaves(&room).await;
    let meanwhile = alice.sends("meanwhile").in_room(&room).await;
    bob.joins(&room).await;
    alice.sends("again").in_room(&room).await;
    assert_eq!(bodies(&bob.reads_all_of(&room).await), ["first", "again"]);
    bob.get(v3!("rooms/{}/event/{}", room, meanwhile)).await.refused(404, "M_NOT_FOUND");
    let context = bob.get(v3!("rooms/{}/context/{}", room, meanwhile)).await;
    context.refused(404, "M_NOT_FOUND");
    world.ends().await;
}

#[tokio::test]
async fn who_left_sees_the_state_of_the_day_they_left() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    alice.sets("m.room.topic", "", json!({ "topic": "then" })).in_room(&room).await;
    bob.leaves(&room).await;
    alice.sets("m.room.topic", "", json!({ "topic": "now" })).in_room(&room).await;
    assert_eq!(bob.state_of(&room, "m.room.topic", "").await["topic"], "then");
    let members = bob.get(v3!("rooms/{}/members", room)).await.ok();
    assert_eq!(list(&members["chunk"]).len(), 2);
    bob.get(v3!("rooms/{}/joined_members", room)).await.refused(403, "M_FORBIDDEN");
    world.ends().await;
}

#[tokio::test]
async fn an_event_is_not_found_by_way_of_another_room() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let (secret, shared) = (alice.creates_room().await, alice.creates_room_with(&[&bob]).await);
    let hidden = alice.sends("secret").in_room(&secret).await;
    for path in [
        v3!("rooms/{}/event/{}", shared, hidden),
        v3!("rooms/{}/context/{}", shared, hidden),
        v1!("rooms/{}/relations/{}", shared, hidden),
    ] {
        for person in [&alice, &bob] {
            let answer = person.get(&path).await;
            assert!(matches!(answer.status, 403 | 404), "{path}: {}", answer.text());
        }
    }
    // Nor by a relation to it from a readable event.
    let relation = json!({ "rel_type": "m.reference", "event_id": hidden });
    let content = json!({ "msgtype": "m.text", "body": "what was it?", "m.relates_to": relation });
    bob.put(v3!("rooms/{}/send/m.room.message/1", shared), content).await.refused(400, "M_INVALID_PARAM");
    world.ends().await;
}
