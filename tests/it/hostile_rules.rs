//! Push rules that are made to be expensive: they cost their owner time, and others nothing. The tests count reads of
//! the database, not time.

use std::time::Duration;

use hearth_base::limits;

use crate::harness::{Person, Room, World, json, v3};

/// Unread messages.
const MESSAGES: usize = 50;

/// Gives a user rules that never match, and are so expensive that no reader thread evaluates them.
async fn has_hostile_rules(who: &Person) {
    for n in 0..12 {
        let pattern = format!("*a?b*c{n}*d?e*f*").repeat(40);
        assert!(pattern.len() <= limits::PUSH_PATTERN_BYTES_MAX);
        who.put(v3!("pushrules/global/content/{}", format!("r{n}")), json!({ "pattern": pattern, "actions": [] }))
            .await
            .ok();
    }
}

/// Sends long messages, of which the last mentions `tea` at its end.
async fn sends_long_messages(who: &Person, room: &Room) {
    let filling = "ab c1 de f ".repeat(60_000 / 11);
    for _ in 1..MESSAGES {
        who.sends(&filling).in_room(room).await;
    }
    who.sends(&format!("{filling}tea")).in_room(room).await;
}

#[tokio::test]
async fn hostile_globs_are_evaluated_off_the_readers_and_count_right() {
    for version in ["11", "12"] {
        let world = World::new().await;
        let (alice, bob) = (world.register("alice").await, world.register("bob").await);
        let room = alice.creates_room().public().version(version).await;
        bob.joins(&room).await;
        has_hostile_rules(&bob).await;
        let tea = json!({ "pattern": "tea", "actions": ["notify", { "set_tweak": "highlight" }] });
        bob.put(v3!("pushrules/global/content/tea"), tea).await.ok();
        sends_long_messages(&alice, &room).await;

        let before = world.reads();
        let seen = bob.syncs().await;
        let counts = &seen.joined(&room)["unread_notifications"];
        assert_eq!(counts["notification_count"], MESSAGES, "{counts}");
        assert_eq!(counts["highlight_count"], 1, "a word at the end of a long message counts");
        let reads = |name: &str| world.reads().get(name).unwrap_or(&0) - before.get(name).unwrap_or(&0);
        // A reader counts a read after it has given the answer away.
        let counted = async |at_least: u64| {
            while reads("sync_whole") < at_least {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // The first read finds that the rules are too expensive, the last one finds the counts.
        counted(2).await;
        assert_eq!(reads("sync_whole"), 2);
        let pieces = reads("unread_count");
        assert!((2..=MESSAGES as u64 + 1).contains(&pieces), "{pieces} pieces");
        // They are remembered.
        bob.syncs().await;
        counted(3).await;
        assert_eq!((reads("sync_whole"), reads("unread_count")), (3, pieces));
        world.ends().await;
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_for_expensive_counts() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let start = bob.syncs().await;
    has_hostile_rules(&bob).await;
    sends_long_messages(&alice, &room).await;
    let since = start.next().to_owned();
    let syncing = bob.get(v3!("sync")).query(&[("since", &since)]);
    // The server counts for as long as this takes; it ends with an empty answer when it is told to stop.
    let (answer, ()) = tokio::join!(async { syncing.await }, async {
        while !world.reads().contains_key("unread_count") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.ends().await;
    });
    let answer = answer.ok();
    assert!(answer["next_batch"] == *since || answer["rooms"]["join"][&room.0].is_object(), "{answer}");
}

#[tokio::test]
async fn patterns_are_bounded_and_say_so() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let rule = |n: usize| v3!("pushrules/global/content/{}", format!("r{n}"));
    let words = |bytes: usize| json!({ "pattern": "x".repeat(bytes), "actions": ["notify"] });
    alice.put(rule(0), words(limits::PUSH_PATTERN_BYTES_MAX + 1)).await.refused(413, "M_TOO_LARGE");
    let fit = limits::PUSH_PATTERNS_BYTES_MAX / limits::PUSH_PATTERN_BYTES_MAX;
    for n in 0..fit {
        alice.put(rule(n), words(limits::PUSH_PATTERN_BYTES_MAX)).await.ok();
    }
    let refused = alice.put(rule(fit), words(1)).await;
    let message = refused.refused(413, "M_TOO_LARGE")["error"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains("Remove some"), "{message}");
    alice.delete(rule(0)).await.ok();
    alice.put(rule(fit), words(1)).await.ok();
    world.ends().await;
}
