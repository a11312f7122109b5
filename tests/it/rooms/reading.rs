//! Forms of responses that clients rely on when they read a room.

use futures_util::future::join;

use crate::harness::{Value, World, ids, json, list, v3};

const VERSIONS: [&str; 2] = ["11", "12"];

#[tokio::test]
async fn every_page_with_events_ends_in_a_token_both_ways() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    for version in VERSIONS {
        let room = alice.creates_room().version(version).await;
        for n in 0..3 {
            alice.sends(&n.to_string()).in_room(&room).await;
        }
        let back = alice.reads_back(&room).limit(100).await;
        let end = back.end.expect("nheko throws away a page without `end`");
        let nothing = alice.reads_back(&room).from(&end).await;
        assert!(nothing.chunk.is_empty() && nothing.end.is_none());
        let forth = alice.reads_forward(&room).limit(100).await;
        assert_eq!(forth.chunk.len(), back.chunk.len());
        let end = forth.end.expect("who reads forward goes on from here");
        let nothing = alice.reads_forward(&room).from(&end).await;
        assert!(nothing.chunk.is_empty() && nothing.end.is_none());
        let said = alice.sends("new").in_room(&room).await;
        assert_eq!(ids(&alice.reads_forward(&room).from(&end).await.chunk), [said]);
    }
    world.ends().await;
}

#[tokio::test]
async fn pages_are_filtered_by_the_relations_of_their_events() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let features = alice.get("/_matrix/client/versions").await.ok();
    assert_eq!(features["unstable_features"]["org.matrix.msc3874"], true);
    for version in VERSIONS {
        let room = alice.creates_room().version(version).await;
        let root = alice.sends("root").in_room(&room).await;
        let mut threaded = Vec::new();
        for n in 0..30 {
            threaded.push(alice.replies(&n.to_string(), "m.thread", &root).in_room(&room).await);
        }
        let edit = alice.replies("* root", "m.replace", &root).in_room(&room).await;
        let last = alice.sends("last").in_room(&room).await;
        threaded.reverse();
        let types = ["m.room.message"];
        for prefix in ["", "org.matrix.msc3874."] {
            let page = async |filter: Value, limit: u64| {
                let page = alice.reads_back(&room).filter(&filter).limit(limit).await;
                ids(&page.chunk).into_iter().map(str::to_owned).collect::<Vec<_>>()
            };
            let not = format!("{prefix}not_rel_types");
            let only = format!("{prefix}rel_types");
            // What is filtered out takes no place of a page.
            assert_eq!(
                page(json!({ "types": types, &not: ["m.thread"] }), 3).await,
                [&last, &edit, &root].map(Clone::clone)
            );
            let both = json!({ "types": types, &not: ["m.thread", "m.replace"] });
            assert_eq!(page(both, 5).await, [&last, &root].map(Clone::clone));
            assert_eq!(page(json!({ &only: ["m.thread"] }), 100).await, threaded);
            let some = json!({ &only: ["m.thread", "m.replace"], &not: ["m.thread"] });
            assert_eq!(page(some, 100).await, std::slice::from_ref(&edit));
            assert_eq!(page(json!({ &only: [] }), 100).await, Vec::<String>::new());
        }
        alice
            .get(v3!("rooms/{}/messages", room))
            .query(&[("dir", "b"), ("filter", r#"{"rel_types":7}"#)])
            .await
            .refused(400, "M_BAD_JSON");
    }
    world.ends().await;
}

#[tokio::test]
async fn joined_members_have_both_fields_even_when_they_have_neither() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    bob.sets("m.room.member", &bob.id, json!({ "membership": "join" })).in_room(&room).await;
    let joined = alice.get(v3!("rooms/{}/joined_members", room)).await.ok();
    assert_eq!(joined["joined"][&bob.id]["avatar_url"], crate::harness::Value::Null);
    assert!(joined["joined"][&bob.id].as_object().expect("a member").contains_key("avatar_url"));
    assert!(joined["joined"][&bob.id].as_object().expect("a member").contains_key("display_name"));
    world.ends().await;
}

#[tokio::test]
async fn the_context_of_an_event_has_the_old_fields_too() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    for version in VERSIONS {
        let room = alice.creates_room().version(version).await;
        let said = alice.sends("hello").in_room(&room).await;
        let context = alice.get(v3!("rooms/{}/context/{}", room, said)).await.ok();
        for event in
            [&context["event"]].into_iter().chain(list(&context["state"])).chain(list(&context["events_before"]))
        {
            assert_eq!(event["user_id"], event["sender"], "{event}");
            assert!(event["age"].is_i64() && event["age"] == event["unsigned"]["age"], "{event}");
        }
    }
    world.ends().await;
}

#[tokio::test]
async fn a_search_says_how_much_there_is_in_all() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    for n in 0..7 {
        alice.sends(&format!("plum {n}")).in_room(&room).await;
        alice.sends(&format!("pear {n}")).in_room(&room).await;
    }
    let criteria = |term: &str| json!({ "search_term": term, "order_by": "recent", "filter": { "limit": 3 } });
    let search = |term: &str| json!({ "search_categories": { "room_events": criteria(term) } });
    let (mut from, mut found) = (String::new(), 0);
    loop {
        let query: Vec<_> = Some(("next_batch", from.as_str())).filter(|_| !from.is_empty()).into_iter().collect();
        let answer = alice.post(v3!("search"), search("plum")).query(&query).await.ok();
        let events = &answer["search_categories"]["room_events"];
        assert_eq!(events["count"], 7, "{events}");
        found += list(&events["results"]).len();
        match events["next_batch"].as_str() {
            Some(next) => from = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(found, 7);
    let nothing = alice.post(v3!("search"), search("cherry")).await.ok();
    let nothing = &nothing["search_categories"]["room_events"];
    assert_eq!((&nothing["count"], &nothing["results"]), (&json!(0), &json!([])));
    world.ends().await;
}

#[tokio::test]
async fn members_before_a_room_began_are_not_those_of_today() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let before = alice.syncs().await;
    let room = alice.creates_room().await;
    let now = alice.syncs().await;
    let ask = |at: &str| {
        let path = format!("{}?at={at}", v3!("rooms/{}/members", room));
        alice.get(path)
    };
    ask(before.next()).await.refused(404, "M_NOT_FOUND");
    assert_eq!(list(&ask(now.next()).await.ok()["chunk"]).len(), 1);
    world.ends().await;
}

#[tokio::test]
async fn a_filter_may_ask_for_events_as_servers_see_them() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    for version in VERSIONS {
        let room = alice.creates_room().version(version).await;
        let said = alice.sends("hello").in_room(&room).await;
        let filter = json!({ "event_format": "federation", "room": { "timeline": { "limit": 1 } } });
        let seen = alice.syncs().filter(&filter).await;
        let event = seen.timeline(&room).last().expect("an event");
        assert_eq!(event["event_id"], said.as_str());
        for key in ["auth_events", "prev_events", "hashes", "signatures", "depth", "origin_server_ts"] {
            assert!(!event[key].is_null(), "{key} in {event}");
        }
        assert!(seen.state(&room).iter().all(|event| !event["hashes"].is_null()), "the state likewise");
    }
    world.ends().await;
}

#[tokio::test]
async fn who_ignores_themselves_still_sees_what_they_say() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let list = json!({ "ignored_users": { &alice.id: {}, &bob.id: {} } });
    alice.put(v3!("user/{}/account_data/m.ignored_user_list", alice), list).await.ok();
    let room = alice.creates_room_with(&[&bob]).await;
    let own = alice.sends("mine").in_room(&room).await;
    bob.sends("his").in_room(&room).await;
    assert_eq!(alice.syncs().await.texts(&room), ["mine"]);
    assert_eq!(ids(&alice.reads_back(&room).limit(1).await.chunk), [own.as_str()]);
    alice.get(v3!("rooms/{}/event/{}", room, own)).await.ok();
    world.ends().await;
}

#[tokio::test]
async fn guests_leave_when_a_room_no_longer_lets_them_in() {
    let world = World::with(|config| config.registration.guests = true).await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let answer = world.anyone().post(format!("{}?kind=guest", v3!("register")), json!({})).await.ok();
    let guest = crate::harness::Person::from_login(world.anyone(), &answer);
    for version in VERSIONS {
        let access = |access: &str| json!({ "guest_access": access });
        let room =
            alice.creates_room().public().version(version).state("m.room.guest_access", access("can_join")).await;
        bob.joins(&room).await;
        guest.joins(&room).await;
        let since = guest.syncs().await;
        alice.sets("m.room.guest_access", "", access("forbidden")).in_room(&room).await;
        let member = alice.state_of(&room, "m.room.member", &guest.id).await;
        assert_eq!(member["membership"], "leave", "version {version}");
        assert_eq!(alice.state_of(&room, "m.room.member", &bob.id).await["membership"], "join");
        let seen = guest.syncs().since(since.next()).await;
        let timeline = list(&seen.left(&room)["timeline"]["events"]);
        assert_eq!(timeline.last().expect("the leave")["sender"], guest.id.as_str());
        guest.post(v3!("join/{}", room), json!({})).await.refused(403, "M_FORBIDDEN");
    }
    world.ends().await;
}

#[tokio::test]
async fn logging_out_ends_a_sync_under_way_without_an_error() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    for path in [v3!("logout"), v3!("logout/all")] {
        let phone = alice.at_another_device().await;
        let since = phone.syncs().await.next().to_owned();
        let waits = async {
            let query = [("since", since.as_str()), ("timeout", "30000")];
            phone.get(v3!("sync")).query(&query).await
        };
        let leaves = async {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            phone.post(path, json!({})).await.ok();
        };
        let (ended, ()) = join(waits, leaves).await;
        assert!(ended.ok()["next_batch"].is_string());
        phone.get(v3!("sync")).await.refused(401, "M_UNKNOWN_TOKEN");
    }
    world.ends().await;
}

#[tokio::test]
async fn a_search_with_values_of_wrong_types_is_refused() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let wrong = [
        (json!({ "search_categories": [] }), "M_BAD_JSON"),
        (json!({ "search_categories": [null] }), "M_BAD_JSON"),
        (json!({ "search_categories": { "room_events": ["x"] } }), "M_BAD_JSON"),
        (json!({ "search_categories": { "room_events": { "search_term": 5 } } }), "M_BAD_JSON"),
    ];
    for (body, errcode) in wrong {
        alice.post(v3!("search"), body).await.refused(400, errcode);
    }
    for (field, value, errcode) in [
        ("filter", json!([]), "M_BAD_JSON"),
        ("filter", json!({ "limit": "ten" }), "M_BAD_JSON"),
        ("event_context", json!([1, 1, true]), "M_BAD_JSON"),
        ("event_context", json!({ "before_limit": -1 }), "M_BAD_JSON"),
        ("groupings", json!([]), "M_BAD_JSON"),
        ("groupings", json!({ "group_by": [[]] }), "M_BAD_JSON"),
        ("groupings", json!({ "group_by": [{ "key": "colour" }] }), "M_INVALID_PARAM"),
        ("keys", json!("content.body"), "M_BAD_JSON"),
        ("keys", json!(["content.colour"]), "M_INVALID_PARAM"),
        ("order_by", json!(1), "M_BAD_JSON"),
        ("order_by", json!("size"), "M_INVALID_PARAM"),
        ("include_state", json!("yes"), "M_BAD_JSON"),
    ] {
        let mut criteria = json!({ "search_term": "x" });
        criteria[field] = value;
        let body = json!({ "search_categories": { "room_events": criteria } });
        alice.post(v3!("search"), body).await.refused(400, errcode);
    }
    world.ends().await;
}
