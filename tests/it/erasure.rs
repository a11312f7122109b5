//! Erasure: users who were in the room keep what they saw, and other users get redacted events.

use crate::harness::{Cluster, Person, Room, Value, World, json, list, v3};

async fn erases_account(person: &Person) {
    person.post(v3!("account/deactivate"), json!({ "erase": true, "auth": person.proof(None) })).await.ok();
}

/// Everything that a user can read of a room, by every endpoint, as text.
async fn everything_read(person: &Person, room: &Room, event: &str) -> Vec<(&'static str, String)> {
    let search = json!({ "search_categories": { "room_events": { "search_term": "secret" } } });
    let read = async |name, path: String| (name, person.get(path).await.text());
    vec![
        read("event", v3!("rooms/{}/event/{}", room, event)).await,
        read("context", v3!("rooms/{}/context/{}", room, event)).await,
        read("messages", format!("{}?dir=b&limit=100", v3!("rooms/{}/messages", room))).await,
        read("forward", format!("{}?dir=f&limit=100", v3!("rooms/{}/messages", room))).await,
        read("initialSync", v3!("rooms/{}/initialSync", room)).await,
        read(
            "relations",
            format!(
                "/_matrix/client/v1/rooms/{}/relations/{}",
                crate::harness::encoded(&room.0),
                crate::harness::encoded(event)
            ),
        )
        .await,
        read("threads", format!("/_matrix/client/v1/rooms/{}/threads", crate::harness::encoded(&room.0))).await,
        read("state", v3!("rooms/{}/state", room)).await,
        ("search", person.post(v3!("search"), search).await.text()),
        ("sync", person.syncs().await.0.to_string()),
    ]
}

#[tokio::test]
async fn the_words_of_an_erased_user_are_for_those_who_were_there() {
    let world = World::new().await;
    let (alice, carol) = (world.register("alice").await, world.register("carol").await);
    for version in ["11", "12"] {
        let bob = world.register(&format!("bob{version}")).await;
        bob.put(v3!("profile/{}/displayname", bob), json!({ "displayname": "Secretive Bob" })).await.ok();
        let room = alice.creates_room().version(version).public().history("world_readable").await;
        bob.joins(&room).await;
        let root = bob.sends("a secret").in_room(&room).await;
        bob.replies("another secret", "m.thread", &root).in_room(&room).await;
        let edit = json!({ "msgtype": "m.text", "body": "* an edited secret", "m.relates_to": { "rel_type": "m.replace", "event_id": root },
            "m.new_content": { "msgtype": "m.text", "body": "an edited secret" } });
        bob.sends_event("m.room.message", edit).in_room(&room).await;
        alice.sends("an open word").in_room(&room).await;
        erases_account(&bob).await;
        carol.joins(&room).await;
        let stranger = world.register(&format!("stranger{version}")).await;

        for (reader, name) in [(&carol, "a newcomer"), (&stranger, "a stranger")] {
            for (way, text) in everything_read(reader, &room, &root).await {
                // A search response repeats the search term.
                let text = text.replace("\"highlights\":[\"secret\"]", "").to_lowercase();
                assert!(!text.contains("secret"), "{name} reads it by {way}: {text}");
            }
        }
        let shown = carol.get(v3!("rooms/{}/event/{}", room, root)).await.ok();
        assert_eq!((&shown["content"], &shown["sender"]), (&json!({}), &json!(bob.id)));
        let seen = carol.reads_all_of(&room).await;
        assert!(seen.iter().any(|event| event["content"]["body"] == "an open word"), "the others' words stay");

        let kept = alice.get(v3!("rooms/{}/event/{}", room, root)).await.ok();
        assert_eq!(kept["content"]["body"], "a secret");
        assert_eq!(
            kept["unsigned"]["m.relations"]["m.replace"]["content"]["m.new_content"]["body"],
            "an edited secret"
        );
        let search = json!({ "search_categories": { "room_events": { "search_term": "secret" } } });
        let found = alice.post(v3!("search"), search).await.ok();
        assert!(found["search_categories"]["room_events"]["count"].as_u64() > Some(0), "{found}");
    }
    world.ends().await;
}

#[tokio::test]
async fn a_closed_account_that_is_not_erased_stays_readable() {
    let mut world = World::new().await;
    let (alice, bob, carol) =
        (world.register("alice").await, world.register("bob").await, world.register("carol").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let said = bob.sends("hello").in_room(&room).await;
    bob.post(v3!("account/deactivate"), json!({ "auth": bob.proof(None) })).await.ok();
    carol.joins(&room).await;
    let body = async || carol.get(v3!("rooms/{}/event/{}", room, said)).await.ok()["content"]["body"].clone();
    assert_eq!(body().await, "hello");
    // An administrator may erase later with a separate request; erasure survives a restart.
    let bob_id = ruma::UserId::parse(bob.id.as_str()).expect("an id");
    let account = world.server().domain.accounts.account(&bob_id).await.expect("an account");
    world.server().domain.actions.admin_deactivate("root", bob_id.as_str(), true).await.expect("erased");
    assert_eq!(body().await, Value::Null);
    world.restart().await;
    let carol = Person::logs_in(world.anyone(), "carol").await;
    let shown = carol.get(v3!("rooms/{}/event/{}", room, said)).await.ok();
    assert_eq!(shown["content"], json!({}));
    world.server().domain.accounts.reopen(account.user).await.expect("opened again");
    let shown = carol.get(v3!("rooms/{}/event/{}", room, said)).await.ok();
    assert_eq!(shown["content"]["body"], "hello", "an account that is opened again is not erased any more");
    world.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_servers_get_redacted_copies() {
    for version in ["11", "12"] {
        let cluster = Cluster::of(["a.example", "b.example"]).await;
        let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
        let (alice, bob, dora) = (a.register("alice").await, a.register("bob").await, b.register("dora").await);
        let room = alice.creates_room().version(version).public().await;
        bob.joins(&room).await;
        let said = bob.sends("a secret").in_room(&room).await;
        alice.sends("an open word").in_room(&room).await;
        erases_account(&bob).await;
        let via = [("via", "a.example"), ("server_name", "a.example")];
        dora.post(v3!("join/{}", room), json!({})).query(&via).await.ok();
        // The other server backfills the earlier history.
        let mut events = Vec::new();
        for _ in 0..20 {
            events = dora.reads_all_of(&room).await;
            if events.iter().any(|event| event["event_id"] == said.as_str()) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        let copy = events.iter().find(|event| event["event_id"] == said.as_str()).expect("the event has its place");
        assert_eq!(copy["content"], json!({}));
        assert!(events.iter().any(|event| event["content"]["body"] == "an open word"), "{events:?}");
        assert!(list(&json!(events)).iter().all(|event| !event.to_string().contains("secret")));
        cluster.ends().await;
    }
}
