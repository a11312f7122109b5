//! What a server tells users of rooms that they are not in, or not any more: nothing.

use reqwest::Method;

use crate::harness::{Client, Person, Room, Value, World, encoded, json, v3};

/// Asks the same of a private room and of one that does not exist, and returns the endpoints whose answers differ.
async fn differing(world: &World, stranger: &Person, room: &Room, event: &str) -> Vec<String> {
    let anyone: &Client = world.anyone();
    let v1 = |path: &str| format!("/_matrix/client/v1/rooms/{{room}}/{path}");
    let asked: Vec<(&Client, Method, String, Value)> = vec![
        (stranger, Method::POST, v3!("rooms/{{room}}/report"), json!({ "reason": "x" })),
        (stranger, Method::POST, v3!("rooms/{{room}}/report/{{event}}"), json!({ "reason": "x" })),
        (anyone, Method::GET, v3!("directory/list/room/{{room}}"), Value::Null),
        (stranger, Method::GET, v3!("directory/list/room/{{room}}"), Value::Null),
        (stranger, Method::POST, v3!("rooms/{{room}}/leave"), json!({})),
        (stranger, Method::POST, v3!("rooms/{{room}}/forget"), json!({})),
        (stranger, Method::POST, v3!("rooms/{{room}}/upgrade"), json!({ "new_version": "11" })),
        (stranger, Method::GET, v3!("rooms/{{room}}/state"), Value::Null),
        (stranger, Method::GET, v3!("rooms/{{room}}/event/{{event}}"), Value::Null),
        (stranger, Method::GET, v3!("rooms/{{room}}/aliases"), Value::Null),
        (stranger, Method::GET, v1("hierarchy"), Value::Null),
        (stranger, Method::GET, v1("threads"), Value::Null),
    ];
    let turned = |id: &str| -> String {
        let (head, tail) = id.split_at(10);
        head[..1].chars().chain(head[1..].chars().rev()).chain(tail.chars()).collect()
    };
    let (missing, unsaid) = (turned(&room.0), turned(event));
    let mut differ = Vec::new();
    for (client, method, path, body) in asked {
        let mut answers = Vec::new();
        for (room, event) in [(room.0.as_str(), event), (&missing, &unsaid)] {
            let target = path.replace("{room}", &encoded(room)).replace("{event}", &encoded(event));
            let ask = client.ask(method.clone(), &target);
            let answer = if body.is_null() { ask.await } else { ask.json(&body).await };
            answers.push((answer.status, answer.text().replace(room, "ROOM").replace(event, "EVENT")));
        }
        if answers[0] != answers[1] {
            differ.push(format!("{method} {path}: {answers:?}"));
        }
    }
    differ
}

#[tokio::test]
async fn private_rooms_and_missing_ones_get_the_same_answers() {
    let world = World::new().await;
    let (alice, mallory) = (world.register("alice").await, world.register("mallory").await);
    for version in ["11", "12"] {
        let room = alice.creates_room().version(version).await;
        let event = alice.sends("secret").in_room(&room).await;
        assert_eq!(differing(&world, &mallory, &room, &event).await, [""; 0], "version {version}");
        alice.post(v3!("rooms/{}/leave", room), json!({})).await.ok();
    }
    world.ends().await;
}

#[tokio::test]
async fn who_left_learns_nothing_of_what_followed() {
    let world = World::new().await;
    let (alice, mallory) = (world.register("alice").await, world.register("mallory").await);
    for version in ["11", "12"] {
        let named = async |name: &str| {
            alice.put(v3!("profile/{}/displayname", alice.id), json!({ "displayname": name })).await.ok()
        };
        named("Alice").await;
        let room = alice.creates_room().version(version).public().await;
        mallory.joins(&room).await;
        let [first, second, third] = ["one", "two", "three"].map(|text| alice.sends(text));
        let (first, second, third) =
            (first.in_room(&room).await, second.in_room(&room).await, third.in_room(&room).await);
        let seen = alice.replies("before", "m.thread", &second).in_room(&room).await;
        let referred = alice.replies("before", "m.reference", &first).in_room(&room).await;
        mallory.leaves(&room).await;
        let reference = alice.replies("LATER", "m.reference", &first).in_room(&room).await;
        let reply = alice.replies("LATER", "m.thread", &second).in_room(&room).await;
        let thread = alice.replies("LATER", "m.thread", &first).in_room(&room).await;
        alice.put(v3!("rooms/{}/redact/{}/r", room, third), json!({ "reason": "LATER" })).await.ok();

        named("LATER").await;

        let filtered = |kind: &str| json!({ "related_by_rel_types": [kind], "limit": 50 }).to_string();
        let page = async |filter: &str| {
            let query = [("dir", "b"), ("limit", "50"), ("filter", filter)];
            mallory.get(v3!("rooms/{}/messages", room)).query(&query).await.ok()
        };
        let all = page("{}").await;
        let roots = mallory.get(format!("/_matrix/client/v1/rooms/{}/threads", encoded(&room))).await.ok();
        let term = json!({ "search_term": "one", "event_context": { "include_profile": true } });
        let found = json!({ "search_categories": { "room_events": term } });
        let found = mallory.post(v3!("search"), found).await.ok();
        assert!(found.to_string().contains("\"displayname\":\"Alice\""), "{found}");
        for answer in [&all, &roots, &found, &page(&filtered("m.thread")).await, &page(&filtered("m.reference")).await]
        {
            let text = answer.to_string();
            for secret in ["LATER", &reference, &reply, &thread] {
                assert!(!text.contains(secret), "version {version}: {secret} in {text}");
            }
        }
        let of = |id: &str| {
            let chunk = all["chunk"].as_array().expect("a page");
            chunk.iter().find(|event| event["event_id"] == id).expect("it was seen")["unsigned"].clone()
        };
        // What happened before is still there, and no more than that is counted.
        assert_eq!(of(&second)["m.relations"]["m.thread"]["count"], 1);
        assert_eq!(of(&second)["m.relations"]["m.thread"]["latest_event"]["event_id"], seen);
        assert_eq!(of(&first)["m.relations"], json!({ "m.reference": { "chunk": [{ "event_id": referred }] } }));
        assert_eq!(
            (&of(&third)["redacted_because"], roots["chunk"].as_array().expect("a list").len()),
            (&Value::Null, 1)
        );
        for (kind, parent) in [("m.thread", &second), ("m.reference", &first)] {
            let page = page(&filtered(kind)).await;
            let found: Vec<_> = page["chunk"].as_array().expect("a page").iter().map(|one| &one["event_id"]).collect();
            assert_eq!(found, [parent], "{kind}");
        }
    }
    world.ends().await;
}
