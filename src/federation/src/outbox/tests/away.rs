//! Servers that become unreachable and return.

use std::time::Duration;

use hearth_base::limits::federation::OUTBOX_EXPIRY_FAILURES_MIN;
use hearth_store::tables::{destinations, outgoing};
use ruma::api::federation::transactions::edu::{DirectDeviceContent, Edu};
use serde_json::json;

use super::wire::Mood;
use super::{World, really, server, user};

/// To-device messages of so many bytes together, in EDUs as large as they may be.
fn message_of(sender: &str, bytes: usize) -> Vec<Edu> {
    let piece = 200_000;
    let one = |n: usize| {
        let id = format!("{n}{}", "x".repeat(piece));
        Edu::DirectToDevice(DirectDeviceContent::new(user(sender), "m.test".into(), id.into()))
    };
    (0..bytes / piece).map(one).collect()
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_is_left_alone_longer_and_longer_and_then_gets_everything() {
    let mut world = World::new().await;
    let room = world.room_with(&["away.example", "here.example"]).await;
    world.wire.set("away.example", Mood::Down);
    world.run();
    for n in 0..20 {
        world.says(&room, &n.to_string()).await;
    }
    world.until_heard("here.example", 20).await;
    world.until("it is tried again and again", || world.wire.calls_to("away.example") >= 6).await;
    let status = really(world.services.federation.destination("away.example")).await.expect("a status");
    assert!(!status.reachable && status.failures >= 6 && status.queued_events == 20, "{status:?}");
    assert_eq!(status.reason.as_deref(), Some("away.example does not answer."));
    let before = world.wire.calls_to("away.example");
    tokio::time::sleep(Duration::from_secs(12 * 60 * 60)).await;
    assert!(world.wire.calls_to("away.example") - before < 30, "it was not left alone");
    world.wire.set("away.example", Mood::Well);
    world.until_heard("away.example", 20).await;
    assert_eq!(world.wire.said_to("away.example"), (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(world.rows_left().await, 0);
    assert_eq!(world.health("away.example").await.failures, 0);
}

#[tokio::test(start_paused = true)]
async fn who_was_away_for_long_gets_the_newest_event_of_each_room() {
    let mut world = World::new().await;
    let rooms = [world.room_with(&["away.example"]).await, world.room_with(&["away.example"]).await];
    world.wire.set("away.example", Mood::Down);
    world.run();
    for n in 0..80 {
        world.says(&rooms[n % 2], &n.to_string()).await;
    }
    world.until("it failed", || world.wire.calls_to("away.example") >= 3).await;
    world.settles().await;
    let rows = world.rows().await;
    assert!(rows <= 52, "a server that is away costs {rows} rows");
    world.wire.set("away.example", Mood::Well);
    world.services.federation.alive(&server("away.example"));
    world.until("it hears the newest", || world.wire.said_to("away.example").iter().any(|said| said == "79")).await;
    let said = world.wire.said_to("away.example");
    assert!(said.contains(&"78".to_owned()) && said.len() <= 52, "{said:?}");
    assert!(said.is_sorted_by_key(|said| said.parse::<u32>().expect("a number")), "{said:?}");
    assert_eq!(world.rows_left().await, 0);
}

impl World {
    /// Queues to-device messages of one user, as if so many days ago.
    async fn queued_days_ago(&self, to: &'static str, days: u64, count: usize) {
        let queued_ms = Some(self.core().now_ms() - days * 24 * 60 * 60 * 1_000);
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            let destination = destinations::intern(tx, to)?;
            for n in 0..count {
                let at = tx.position();
                let json = json!({"edu_type": "m.test", "content": {"days": days, "n": n}}).to_string();
                let share = Some(outgoing::OutgoingShare::of("@alice:home.example", 1024 * 1024));
                let edu = outgoing::NewEdu { key: None, share, queued_ms, json: &json };
                outgoing::add_edu(tx.tx(), at, &[destination], edu)?;
            }
            Ok(())
        };
        really(self.core().store.write("test", write)).await.expect("queued");
    }

    fn days_heard_by(&self, to: &str) -> Vec<u64> {
        self.wire.edus_to(to).iter().filter_map(|edu| edu["content"]["days"].as_u64()).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_dead_server_for_a_month_makes_room_and_the_rest_stays() {
    let world = World::new().await;
    world.queued_days_ago("dead.example", 31, 4).await;
    world.queued_days_ago("dead.example", 29, 3).await;
    world.wire.set("dead.example", Mood::Down);
    let mut world = world.killed().await;
    world.run();
    let before = usize::try_from(OUTBOX_EXPIRY_FAILURES_MIN).expect("a small number") - 1;
    world.until("it failed", || world.wire.calls_to("dead.example") >= before).await;
    let status = really(world.services.federation.destination("dead.example")).await.expect("a status");
    assert_eq!((status.queued_edus, status.given_up.count), (7, 0), "it may be a short outage: {status:?}");
    world.until("it failed often", || world.services.federation.outbox_figures().queued_edus == 3).await;
    world.settles().await;
    assert_eq!(world.rows().await, 3);
    // Seven messages filled the share; four have left it.
    let (to, edu) = (server("dead.example"), message_of("@alice:home.example", 3_900_000));
    let core = world.core().clone();
    let write = move |tx: &mut hearth_store::WriteTx<'_>| core.outgoing.to_device(&core, tx, &to, &edu);
    really(world.core().store.write("test", write)).await.expect("there is room again");

    let mut world = world.killed().await;
    let status = really(world.services.federation.destination("dead.example")).await.expect("a status");
    assert_eq!(status.given_up.count, 4, "also after a restart");
    assert!(status.given_up.reason.is_some_and(|why| why.starts_with("they waited for 30 days")));
    world.wire.set("dead.example", Mood::Well);
    world.run();
    world.until("it hears", || !world.wire.edus_to("dead.example").is_empty()).await;
    assert_eq!(world.rows_left().await, 0);
    assert_eq!(world.days_heard_by("dead.example"), [29, 29, 29]);
    let status = really(world.services.federation.destination("dead.example")).await.expect("a status");
    assert_eq!((status.reachable, status.given_up.count), (true, 4), "a success does not hide what is lost");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_gets_what_waited_for_however_long() {
    let mut world = World::new().await;
    world.queued_days_ago("slow.example", 400, 2).await;
    world.run();
    world.until("it hears", || !world.wire.edus_to("slow.example").is_empty()).await;
    assert_eq!(world.rows_left().await, 0);
    assert_eq!(world.days_heard_by("slow.example"), [400, 400]);
}

#[tokio::test(start_paused = true)]
async fn a_sign_of_life_ends_the_waiting() {
    let mut world = World::new().await;
    let room = world.room_with(&["away.example"]).await;
    world.wire.set("away.example", Mood::Down);
    world.run();
    world.says(&room, "hello").await;
    world.until("it failed often", || world.wire.calls_to("away.example") >= 11).await;
    world.wire.set("away.example", Mood::Well);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(world.wire.said_to("away.example").is_empty());
    let began = tokio::time::Instant::now();
    world.services.federation.alive(&server("away.example"));
    world.until_heard("away.example", 1).await;
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert_eq!(world.rows_left().await, 0);
}

#[tokio::test(start_paused = true)]
async fn signs_of_life_do_not_lead_to_a_storm_of_attempts() {
    let mut world = World::new().await;
    let room = world.room_with(&["away.example"]).await;
    world.wire.set("away.example", Mood::Down);
    world.run();
    world.says(&room, "hello").await;
    world.until("it failed", || world.wire.calls_to("away.example") >= 8).await;
    let before = world.wire.calls_to("away.example");
    for _ in 0..600 {
        world.services.federation.alive(&server("away.example"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let attempts = world.wire.calls_to("away.example") - before;
    assert!((3..=40).contains(&attempts), "{attempts} attempts in a minute");
}

#[tokio::test(start_paused = true)]
async fn a_restart_loses_nothing_and_does_not_hurry() {
    let mut world = World::new().await;
    let room = world.room_with(&["away.example", "here.example"]).await;
    world.wire.set("away.example", Mood::Down);
    world.run();
    world.says(&room, "before").await;
    world.until("it failed often", || world.wire.calls_to("away.example") >= 11).await;
    world.until_heard("here.example", 1).await;
    world.stop().await;
    world.settles().await;
    let (calls, heard) = (world.wire.calls_to("away.example"), world.wire.calls_to("here.example"));
    let mut world = world.killed().await;
    world.run();
    world.says(&room, "after").await;
    world.until_heard("here.example", 2).await;
    assert_eq!(world.wire.calls_to("here.example"), heard + 1, "nothing is sent twice after a clean stop");
    assert_eq!(world.wire.calls_to("away.example"), calls, "back-off survives a restart");
    world.wire.set("away.example", Mood::Well);
    really(world.services.federation.retry("away.example")).await.expect("retried");
    assert!(world.wire.is_forgotten("away.example"));
    world.until_heard("away.example", 2).await;
    assert_eq!(world.wire.said_to("away.example"), ["before", "after"]);
    assert_eq!(world.rows_left().await, 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_kill_interrupts_is_sent_again() {
    let mut world = World::new().await;
    let room = world.room_with(&["a.example"]).await;
    world.wire.set("a.example", Mood::Slow(Duration::from_secs(20)));
    world.run();
    world.says(&room, "hello").await;
    world.until("it is under way", || world.wire.calls_to("a.example") == 1).await;
    let mut world = world.killed().await;
    world.wire.set("a.example", Mood::Well);
    world.run();
    world.until("it is sent again", || world.wire.calls_to("a.example") == 2).await;
    assert!(world.wire.said_to("a.example").iter().all(|said| said == "hello"));
    assert_eq!(world.rows_left().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_patience_gets_it() {
    let mut world = World::new().await;
    let room = world.room_with(&["a.example"]).await;
    let patience = json!({"errcode": "M_LIMIT_EXCEEDED", "error": "slow down", "retry_after_ms": 600_000});
    world.wire.set("a.example", Mood::Status(429, patience));
    world.run();
    world.says(&room, "hello").await;
    world.until("it is called", || world.wire.calls_to("a.example") == 1).await;
    world.wire.set("a.example", Mood::Well);
    tokio::time::sleep(Duration::from_secs(590)).await;
    assert_eq!(world.wire.calls_to("a.example"), 1);
    world.until_heard("a.example", 1).await;
    assert_eq!(world.rows_left().await, 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_no_homeserver_gives_is_none() {
    let mut world = World::new().await;
    let room = world.room_with(&["a.example", "b.example"]).await;
    world.wire.set("a.example", Mood::Status(200, json!("<html>This domain is for sale</html>")));
    world.wire.set("b.example", Mood::Status(400, json!("<html>Bad gateway in disguise</html>")));
    world.run();
    world.says(&room, "hello").await;
    for name in ["a.example", "b.example"] {
        world.until("it is called", || world.wire.calls_to(name) >= 8).await;
        world.wire.set(name, Mood::Well);
        world.until_heard(name, 1).await;
    }
    assert_eq!(world.rows_left().await, 0);
}
