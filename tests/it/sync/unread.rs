//! Unread counts, by room and by thread.

use crate::harness::{Person, Room, World, json, v3};

/// Notification and highlight count of a room.
async fn unread(person: &Person, room: &Room) -> (u64, u64) {
    let seen = person.syncs().await;
    let counts = &seen.joined(room)["unread_notifications"];
    let number = |name: &str| counts[name].as_u64().unwrap_or(0);
    (number("notification_count"), number("highlight_count"))
}

#[tokio::test]
async fn messages_count_until_they_are_read() {
    let world = World::new().await;
    let (alice, bob, carol) =
        (world.register("alice").await, world.register("bob").await, world.register("carol").await);
    let room = alice.creates_room_with(&[&bob, &carol]).await;
    let start = alice.sends("zero").in_room(&room).await;
    bob.reads_up_to(&start, &room).await;
    assert_eq!(unread(&bob, &room).await, (0, 0));
    alice.sends("one").in_room(&room).await;
    let mention = json!({ "msgtype": "m.text", "body": "bob?", "m.mentions": { "user_ids": [bob.id] } });
    let two = alice.sends_event("m.room.message", mention).in_room(&room).await;
    assert_eq!(unread(&bob, &room).await, (2, 1), "the second one names him");
    bob.reads_up_to(&two, &room).await;
    assert_eq!(unread(&bob, &room).await, (0, 0));
    // The user's own messages are not unread.
    bob.sends("yes?").in_room(&room).await;
    assert_eq!(unread(&bob, &room).await, (0, 0));
    world.ends().await;
}

#[tokio::test]
async fn counts_are_the_same_after_a_restart() {
    let mut world = World::new().await;
    let (alice, bob, carol) =
        (world.register("alice").await, world.register("bob").await, world.register("carol").await);
    let room = alice.creates_room_with(&[&bob, &carol]).await;
    let start = alice.sends("zero").in_room(&room).await;
    bob.reads_up_to(&start, &room).await;
    for n in 0..5 {
        alice.sends(&n.to_string()).in_room(&room).await;
    }
    let before = unread(&bob, &room).await;
    assert_eq!(before, (5, 0));
    world.restart().await;
    assert_eq!(unread(&bob, &room).await, before);
    world.ends().await;
}

#[tokio::test]
async fn threads_count_by_themselves_for_those_who_ask() {
    let world = World::new().await;
    let (alice, bob, carol) =
        (world.register("alice").await, world.register("bob").await, world.register("carol").await);
    let room = alice.creates_room_with(&[&bob, &carol]).await;
    let root = alice.sends("root").in_room(&room).await;
    bob.reads_up_to(&root, &room).await;
    alice.replies("in the thread", "m.thread", &root).in_room(&room).await;
    alice.sends("in the room").in_room(&room).await;
    let filter = json!({ "room": { "timeline": { "unread_thread_notifications": true } } });
    let seen = bob.syncs().filter(&filter).await;
    let joined = seen.joined(&room);
    assert_eq!(joined["unread_notifications"]["notification_count"], 1);
    assert_eq!(joined["unread_thread_notifications"][&root]["notification_count"], 1);
    assert_eq!(unread(&bob, &room).await.0, 2, "others get both together");

    let receipt = v3!("rooms/{}/receipt/m.read/{}", room, root);
    let latest = alice.replies("more", "m.thread", &root).in_room(&room).await;
    let threaded = v3!("rooms/{}/receipt/m.read/{}", room, latest);
    bob.post(&threaded, json!({ "thread_id": root })).await.ok();
    let seen = bob.syncs().filter(&filter).await;
    let count = &seen.joined(&room)["unread_thread_notifications"][&root]["notification_count"];
    assert!(count.is_null() || *count == 0, "the thread has been read: {count}");
    bob.post(&receipt, json!({ "thread_id": "" })).await.refused(400, "M_INVALID_PARAM");
    world.ends().await;
}

#[tokio::test]
async fn ones_own_message_reads_what_came_before_it() {
    let mut world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    for version in ["11", "12"] {
        let room = alice.creates_room().public().version(version).await;
        bob.joins(&room).await;
        let root = alice.sends("root").in_room(&room).await;
        alice.replies("in the thread", "m.thread", &root).in_room(&room).await;
        assert_eq!(unread(&bob, &room).await, (2, 0));
        bob.sends("an answer").in_room(&room).await;
        assert_eq!(unread(&bob, &room).await, (1, 0), "the thread is not read");
        bob.replies("an answer there", "m.thread", &root).in_room(&room).await;
        assert_eq!(unread(&bob, &room).await, (0, 0));
        alice.sends("more").in_room(&room).await;
        // A profile change sends a member event to all rooms, and does not mark anything as read.
        bob.put(v3!("profile/{}/displayname", bob), json!({ "displayname": version })).await.ok();
        assert_eq!(unread(&bob, &room).await, (1, 0));
        world.restart().await;
        assert_eq!(unread(&bob, &room).await, (1, 0), "version {version}, after a restart");
    }
    world.ends().await;
}

#[tokio::test]
async fn a_mention_counts_however_far_back_it_is() {
    let mut world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let mention = json!({ "msgtype": "m.text", "body": "bob?", "m.mentions": { "user_ids": [bob.id] } });
    let first = alice.sends_event("m.room.message", mention.clone()).in_room(&room).await;
    let mut read = String::new();
    for n in 0..2_100 {
        let sent = alice.sends("more").in_room(&room).await;
        if n == 1_049 {
            read = sent;
        }
    }
    let second = alice.sends_event("m.room.message", mention).in_room(&room).await;
    assert_eq!(unread(&bob, &room).await, (2_102, 2), "more than one look counts");
    assert_eq!(unread(&bob, &room).await, (2_102, 2), "looking again changes nothing");
    world.restart().await;
    assert_eq!(unread(&bob, &room).await, (2_102, 2), "nor does a restart");
    alice.redacts(&first, &room).await;
    assert_eq!(unread(&bob, &room).await, (2_101, 1));
    world.restart().await;
    bob.reads_up_to(&read, &room).await;
    assert_eq!(unread(&bob, &room).await, (1_051, 1), "half of it is read");
    alice.redacts(&second, &room).await;
    assert_eq!(unread(&bob, &room).await, (1_050, 0));
    world.ends().await;
}

#[tokio::test]
async fn rules_and_names_count_alike_before_and_after_a_restart() {
    let mut world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    bob.put(v3!("profile/{}/displayname", bob), json!({ "displayname": "Bobby Tables" })).await.ok();
    // From version 12 on the creator cannot lose power.
    let room = alice.creates_room().public().version("11").await;
    bob.joins(&room).await;
    alice.sends("hello Bobby Tables").in_room(&room).await;
    alice.sends("@room, dinner").in_room(&room).await;
    assert_eq!(unread(&bob, &room).await, (2, 2));
    // Display names and power levels are those at the time of the message.
    bob.put(v3!("profile/{}/displayname", bob), json!({ "displayname": "Robert" })).await.ok();
    alice.sets("m.room.power_levels", "", json!({ "users": { &alice.id: 40 } })).in_room(&room).await;
    let before = unread(&bob, &room).await;
    assert_eq!(before, (2, 2));
    world.restart().await;
    assert_eq!(unread(&bob, &room).await, before);
    // Push rules are the current ones, whenever the count is read.
    let mute = json!({ "conditions": [{ "kind": "event_match", "key": "room_id", "pattern": room.0 }], "actions": [] });
    bob.put(v3!("pushrules/global/override/mute"), mute).await.ok();
    assert_eq!(unread(&bob, &room).await, (0, 0));
    world.restart().await;
    assert_eq!(unread(&bob, &room).await, (0, 0));
    world.ends().await;
}

#[tokio::test]
async fn messages_without_mentions_mention_by_their_text() {
    let world = World::new().await;
    let (alice, berta) = (world.register("alice").await, world.register("berta1").await);
    berta.put(v3!("profile/{}/displayname", berta), json!({ "displayname": "Berta *" })).await.ok();
    for version in ["11", "12"] {
        let room = alice.creates_room().public().version(version).await;
        berta.joins(&room).await;
        for (text, mentions, highlights) in [
            ("Berta *: come to dinner", None, 1),
            ("berta1: come", None, 2),
            ("@room everybody", None, 3),
            ("Berta xyz, berta1234 and @roommate", None, 3),
            ("Berta *, berta1 and @room", Some(json!({})), 3),
            ("you", Some(json!({ "user_ids": [berta.id] })), 4),
        ] {
            let mut content = json!({ "msgtype": "m.text", "body": text });
            if let Some(mentions) = mentions {
                content["m.mentions"] = mentions;
            }
            alice.sends_event("m.room.message", content).in_room(&room).await;
            assert_eq!(unread(&berta, &room).await.1, highlights, "{text}");
        }
    }
    let rules = berta.get(v3!("pushrules/")).await.ok();
    let ids = |kind: &str| -> Vec<String> {
        let rules = rules["global"][kind].as_array().expect("rules");
        rules.iter().map(|rule| rule["rule_id"].as_str().expect("an id").to_owned()).collect()
    };
    let at = |id: &str| ids("override").iter().position(|known| known == id).expect(id);
    assert_eq!(at(".m.rule.contains_display_name"), at(".m.rule.is_user_mention") + 1);
    assert_eq!(at(".m.rule.roomnotif"), at(".m.rule.is_room_mention") + 1);
    assert_eq!(ids("content"), [".m.rule.contains_user_name"]);
    world.ends().await;
}

#[tokio::test]
async fn a_household_of_new_clients_can_do_without_the_old_rules() {
    let world = World::with(|config| config.push.legacy_mentions = false).await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    alice.sends("bob, @room").in_room(&room).await;
    assert_eq!(unread(&bob, &room).await, (1, 0));
    assert!(!bob.get(v3!("pushrules/")).await.ok().to_string().contains("contains_user_name"));
    world.ends().await;
}
