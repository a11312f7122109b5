//! Left rooms: what `/sync` contains about the leave, in every room version and with any filter.

use crate::harness::{Person, Room, Seen, Value, World, json, list, v3};

const VERSIONS: [&str; 2] = ["11", "12"];

/// The user's membership as a client computes it from a sync: from the state, then from the timeline.
fn membership<'a>(seen: &'a Seen, room: &Room, person: &Person) -> &'a str {
    let left = seen.left(room);
    assert!(left["state"]["events"].is_array() || left["state_after"]["events"].is_array(), "no state: {left}");
    let is_after = left["state_after"].is_object();
    let timeline = if is_after { &[][..] } else { list(&left["timeline"]["events"]) };
    let state = list(&left[if is_after { "state_after" } else { "state" }]["events"]);
    let own = |event: &&Value| event["type"] == "m.room.member" && event["state_key"] == person.id.as_str();
    let last = state.iter().chain(timeline).rfind(own).expect("the user's member event");
    last["content"]["membership"].as_str().expect("a membership")
}

#[tokio::test]
async fn they_end_in_the_leave_kick_or_ban_whatever_the_limit() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    for version in VERSIONS {
        for (verb, ends) in [("leave", "leave"), ("kick", "leave"), ("ban", "ban"), ("kick and ban", "ban")] {
            let room = alice.creates_room().public().version(version).await;
            bob.joins(&room).await;
            let since = bob.syncs().await;
            alice.sets("m.room.name", "", json!({ "name": "before" })).in_room(&room).await;
            match verb {
                "leave" => bob.leaves(&room).await,
                "kick" => alice.kicks(&bob, &room).await,
                _ => {
                    if verb == "kick and ban" {
                        alice.kicks(&bob, &room).await;
                    }
                    alice.bans(&bob, &room).await;
                }
            }
            alice.sets("m.room.name", "", json!({ "name": "secret" })).in_room(&room).await;
            for limit in 0..4 {
                for after in ["false", "true"] {
                    let filter = json!({ "room": { "include_leave": true, "timeline": { "limit": limit } } });
                    let what = format!("{version} {verb} limit {limit} state_after {after}");
                    let seen = bob.syncs().since(since.next()).filter(&filter).with("use_state_after", after).await;
                    assert_eq!(membership(&seen, &room, &bob), ends, "{what}");
                    assert!(!seen.left(&room).to_string().contains("secret"), "{what}");
                    assert!(seen.left(&room)["timeline"]["limited"].is_boolean(), "{what}");
                    let first = bob.syncs().filter(&filter).with("use_state_after", after).await;
                    assert_eq!(membership(&first, &room, &bob), ends, "{what}, first sync");
                }
            }
        }
    }
    world.ends().await;
}

#[tokio::test]
async fn a_room_joined_and_left_within_one_sync_comes_whole() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    for version in VERSIONS {
        let room = alice.creates_room().public().version(version).with("name", json!("Kitchen")).await;
        let since = bob.syncs().await;
        bob.joins(&room).await;
        bob.leaves(&room).await;
        for limit in [0, 1, 20] {
            let filter = json!({ "room": { "timeline": { "limit": limit } } });
            let seen = bob.syncs().since(since.next()).filter(&filter).await;
            assert_eq!(membership(&seen, &room, &bob), "leave", "{version} {limit}");
            assert!(seen.left(&room).to_string().contains("Kitchen"), "{version} {limit}: {}", seen.left(&room));
        }
    }
    world.ends().await;
}

#[tokio::test]
async fn a_first_sync_tells_of_bans_and_kicks_and_not_of_leaving() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let rooms = [
        alice.creates_room_with(&[&bob]).await,
        alice.creates_room_with(&[&bob]).await,
        alice.creates_room_with(&[&bob]).await,
    ];
    alice.bans(&bob, &rooms[0]).await;
    alice.kicks(&bob, &rooms[1]).await;
    bob.leaves(&rooms[2]).await;
    let seen = bob.syncs().await;
    assert_eq!(membership(&seen, &rooms[0], &bob), "ban");
    assert_eq!(membership(&seen, &rooms[1], &bob), "leave");
    assert!(seen.left(&rooms[2]).is_null());
    world.ends().await;
}

#[tokio::test]
async fn leaving_and_forgetting_reaches_the_other_devices() {
    let world = World::new().await;
    let (alice, phone) = (world.register("alice").await, world.register("bob").await);
    let desktop = phone.at_another_device().await;
    for version in VERSIONS {
        let room = alice.creates_room().public().version(version).await;
        phone.joins(&room).await;
        let since = desktop.syncs().await;
        phone.leaves(&room).await;
        phone.forgets(&room).await;
        let seen = desktop.syncs().since(since.next()).await;
        assert_eq!(membership(&seen, &room, &desktop), "leave");
        assert!(desktop.syncs().since(seen.next()).await.left(&room).is_null(), "it is told once");
        let all = json!({ "room": { "include_leave": true } });
        assert!(desktop.syncs().filter(&all).await.left(&room).is_null(), "a forgotten room is gone");
    }
    world.ends().await;
}

#[tokio::test]
async fn a_knock_that_is_refused_or_taken_back_shows_how() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    for version in VERSIONS {
        for refused in [true, false] {
            let room =
                alice.creates_room().version(version).state("m.room.join_rules", json!({ "join_rule": "knock" })).await;
            bob.knocks_on(&room).await;
            let since = bob.syncs().await;
            assert!(!since.knocked(&room).is_empty());
            if refused {
                let body = json!({ "user_id": bob.id, "reason": "no room" });
                alice.post(v3!("rooms/{}/kick", room), body).await.ok();
            } else {
                bob.post(v3!("rooms/{}/leave", room), json!({ "reason": "no room" })).await.ok();
            }
            let seen = bob.syncs().since(since.next()).await;
            let timeline = list(&seen.left(&room)["timeline"]["events"]);
            let leave = timeline.last().unwrap_or_else(|| panic!("no leave event: {}", seen.left(&room)));
            let by = if refused { &alice } else { &bob };
            assert_eq!(leave["sender"], by.id.as_str());
            assert_eq!(
                (&leave["content"]["membership"], &leave["content"]["reason"]),
                (&json!("leave"), &json!("no room"))
            );
            assert_eq!(membership(&seen, &room, &bob), "leave");
        }
    }
    world.ends().await;
}

#[tokio::test]
async fn keys_that_clients_rely_on_are_always_there() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let invited = alice.creates_room().inviting(&[&bob]).await;
    let room = alice.creates_room_with(&[&bob]).await;
    let since = bob.syncs().await;
    assert_eq!(since.0["device_one_time_keys_count"]["signed_curve25519"], 0);
    assert_eq!(since.0["device_unused_fallback_key_types"], json!([]));
    assert!(since.0["rooms"]["invite"][&invited.0]["invite_state"]["events"].is_array());
    alice.sends("hello").in_room(&room).await;
    let seen = bob.syncs().since(since.next()).await;
    let joined = seen.joined(&room);
    assert_eq!(joined["timeline"]["limited"], false);
    for key in ["state", "account_data", "ephemeral"] {
        assert_eq!(joined[key]["events"], json!([]), "{key}");
    }
    assert!(joined["summary"].is_object());
    assert_eq!(joined["unread_notifications"], json!({ "highlight_count": 0, "notification_count": 1 }));
    bob.leaves(&room).await;
    let seen = bob.syncs().since(seen.next()).await;
    assert_eq!(seen.left(&room)["state"]["events"], json!([]));
    assert_eq!(seen.left(&room)["account_data"]["events"], json!([]));
    assert_eq!(seen.left(&room)["timeline"]["limited"], false);
    let quiet = bob.syncs().since(seen.next()).await;
    assert!(quiet.0["device_one_time_keys_count"].is_object() && quiet.0.get("rooms").is_none(), "{}", quiet.0);
    world.ends().await;
}
