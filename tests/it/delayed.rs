//! Delayed events (MSC4140), by which a user whose device is gone leaves a call.

use std::time::{Duration, Instant};

use hearth_base::config::Rate;

use crate::harness::{Answer, Ask, Client, Cluster, Person, Room, Value, World, encoded, json, list, v3};

/// The state event type of call membership.
const CALL: &str = "org.matrix.msc3401.call.member";
const UNSTABLE: &str = "/_matrix/client/unstable/org.matrix.msc4140";
/// Longer than any test runs.
const LONG_MS: u64 = 3_600_000;

/// Schedules a state event with the query parameter that clients in calls use.
fn sets_later(person: &Person, room: &Room, key: &str, delay_ms: u64, content: Value) -> Ask {
    let path = v3!("rooms/{}/state/{}/{}", room, CALL, key);
    person.put(path, content).query(&[("org.matrix.msc4140.delay", &delay_ms.to_string())])
}

/// Schedules an event with the newer endpoint, which also takes message events.
fn asks_later(person: &Person, room: &Room, kind: &str, txn: &str, body: Value) -> Ask {
    let path = format!("{UNSTABLE}/rooms/{}/delayed_event/{}/{}", encoded(room), encoded(kind), encoded(txn));
    person.put(path, body)
}

fn delay_id(answer: &Answer) -> String {
    let answer = answer.ok();
    assert!(answer.get("event_id").is_none(), "{answer}");
    answer["delay_id"].as_str().expect("an id").to_owned()
}

/// Manages a delayed event by its id.
fn does(client: &Client, action: &str, id: &str) -> Ask {
    client.ask(reqwest::Method::POST, &format!("{UNSTABLE}/delayed_events/{id}/{action}"))
}

/// The older form, with the action in the body.
fn does_by_body(client: &Client, action: &str, id: &str) -> Ask {
    client.post(format!("{UNSTABLE}/delayed_events/{id}"), json!({ "action": action }))
}

async fn one(person: &Person, id: &str) -> Value {
    person.get(format!("{UNSTABLE}/delayed_events/{id}")).await.ok()
}

/// The ids of a user's delayed events for this query.
async fn ids(person: &Person, query: &str) -> Vec<String> {
    let answer = person.get(format!("{UNSTABLE}/delayed_events{query}")).await.ok();
    let id = |event: &Value| event["delay_id"].as_str().expect("an id").to_owned();
    list(&answer["delayed_events"]).iter().map(id).collect()
}

/// Waits until a user's call membership differs from `before`; returns its new content.
async fn changes(person: &Person, room: &Room, key: &str, before: &Value) -> Value {
    let began = Instant::now();
    loop {
        let now = person.state_of(room, CALL, key).await;
        if now != *before {
            return now;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "it stays {before}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn passes(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// A room in which every member may set its own call membership.
async fn room_for_calls(owner: &Person, others: &[&Person]) -> Room {
    let levels = json!({ "events": { CALL: 0, "m.test": 0 } });
    let room = owner.creates_room().public().with("power_level_content_override", levels).await;
    for other in others {
        other.joins(&room).await;
    }
    room
}

/// How many events with this delay id a user sees in a room.
async fn seen_with(person: &Person, room: &Room, id: &str) -> usize {
    let seen = person.syncs().await;
    let with = |event: &&Value| event["unsigned"]["org.matrix.msc4140.delay_id"] == id;
    seen.timeline(room).iter().filter(with).count()
}

#[tokio::test]
async fn who_dies_in_a_call_leaves_it() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let features = world.anyone().get("/_matrix/client/versions").await.ok();
    assert_eq!(features["unstable_features"]["org.matrix.msc4140"], json!(true));
    let room = room_for_calls(&alice, &[&bob]).await;
    let began = Instant::now();
    let id = delay_id(&sets_later(&alice, &room, "a", 600, json!({})).await);
    alice.sets(CALL, "a", json!({ "in": "call" })).in_room(&room).await;
    assert_eq!(ids(&alice, "").await, [&*id]);
    assert_eq!(changes(&bob, &room, "a", &json!({ "in": "call" })).await, json!({}));
    assert!(began.elapsed() >= Duration::from_millis(600), "{:?}", began.elapsed());
    // The sender's own clients recognise the event by its delay id; other users do not see the id.
    assert_eq!((seen_with(&alice, &room, &id).await, seen_with(&bob, &room, &id).await), (1, 0));
    let end = one(&alice, &id).await;
    assert!(end["event_id"].is_string() && end["error"].is_null() && end["content"] == json!({}), "{end}");
    assert_eq!(end["finalised"]["event_id"], end["event_id"]);
    assert_eq!((ids(&alice, "").await.len(), ids(&alice, "?status=finalised&reason=delay").await), (0, vec![id]));
    world.ends().await;
}

#[tokio::test]
async fn who_is_alive_stays() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = room_for_calls(&alice, &[]).await;
    let id = delay_id(&sets_later(&alice, &room, "a", 900, json!({})).await);
    alice.sets(CALL, "a", json!({ "in": "call" })).in_room(&room).await;
    let began = one(&alice, &id).await["running_since"].as_u64().expect("a time");
    for n in 0..8 {
        passes(250).await;
        match n % 3 {
            0 => does(&alice, "restart", &id).await.ok(),
            1 => does(&alice, "restart", &id).await.ok(),
            _ => does_by_body(&alice, "restart", &id).await.ok(),
        };
    }
    assert_eq!(alice.state_of(&room, CALL, "a").await, json!({ "in": "call" }));
    let waits = one(&alice, &id).await;
    assert!(waits["running_since"].as_u64().expect("a time") >= began + 1_900, "{waits}");
    assert_eq!((&waits["delay"], &waits["delay_ms"]), (&json!(900), &json!(900)));
    assert_eq!(changes(&alice, &room, "a", &json!({ "in": "call" })).await, json!({}));
    // Late clients start over on this error, and end the call on any other.
    does(&alice, "restart", &id).await.refused(404, "M_NOT_FOUND");
    does(&alice, "cancel", &id).await.refused(404, "M_NOT_FOUND");
    does(&alice, "send", &id).await.ok();
    world.ends().await;
}

#[tokio::test]
async fn who_hangs_up_leaves_at_once_and_who_thinks_better_of_it_not_at_all() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = room_for_calls(&alice, &[]).await;
    let (sent, cancelled) = (json!({ "was": "sent" }), json!({ "was": "cancelled" }));
    for by_body in [false, true] {
        let ask = |action: &'static str, id: &str| match by_body {
            false => does(&alice, action, id),
            true => does_by_body(&alice, action, id),
        };
        let key = format!("by body: {by_body}");
        let goes = delay_id(&sets_later(&alice, &room, &key, LONG_MS, sent.clone()).await);
        let stays = delay_id(&sets_later(&alice, &room, &key, LONG_MS, cancelled.clone()).await);
        ask("cancel", &stays).await.ok();
        ask("send", &goes).await.ok();
        assert_eq!(alice.state_of(&room, CALL, &key).await, sent);
        // A repeated request succeeds, because the response may have been lost.
        ask("cancel", &stays).await.ok();
        ask("send", &goes).await.ok();
        ask("send", &stays).await.refused(404, "M_NOT_FOUND");
        assert_eq!((seen_with(&alice, &room, &goes).await, seen_with(&alice, &room, &stays).await), (1, 0));
        let answer = alice.get(format!("{UNSTABLE}/delayed_events?status=finalised&type={CALL}")).await.ok();
        let ends: Vec<_> = list(&answer["finalised"]).iter().map(|end| (&end["outcome"], &end["reason"])).collect();
        assert!(ends.contains(&(&json!("send"), &json!("action"))), "{answer}");
        assert!(ends.contains(&(&json!("cancel"), &json!("action"))), "{answer}");
    }
    world.ends().await;
}

#[tokio::test]
async fn only_the_owner_manages_a_delayed_event() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = room_for_calls(&alice, &[&bob]).await;
    let waits = delay_id(&sets_later(&alice, &room, "waits", LONG_MS, json!({})).await);
    let sent = delay_id(&sets_later(&alice, &room, "sent", LONG_MS, json!({})).await);
    let cancelled = delay_id(&sets_later(&alice, &room, "cancelled", LONG_MS, json!({})).await);
    does(&alice, "send", &sent).await.ok();
    does(&alice, "cancel", &cancelled).await.ok();
    for id in [&waits, &sent, &cancelled] {
        for action in ["restart", "send", "cancel"] {
            // The same answer as for an id that does not exist, whatever became of the event.
            does(&bob, action, id).await.refused(404, "M_NOT_FOUND");
            does_by_body(&bob, action, id).await.refused(404, "M_NOT_FOUND");
            does(world.anyone(), action, id).await.refused(401, "M_MISSING_TOKEN");
            does_by_body(world.anyone(), action, id).await.refused(401, "M_MISSING_TOKEN");
        }
    }
    assert_eq!(ids(&alice, "").await, [&*waits]);
    does(&alice, "cancel", &waits).await.ok();
    world.ends().await;
}

#[tokio::test]
async fn any_event_can_wait_and_asking_twice_lets_one_wait() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = room_for_calls(&alice, &[]).await;
    let content = json!({ "msgtype": "m.text", "body": "the tea is ready" });
    let tea = || {
        let path = v3!("rooms/{}/send/m.room.message/tea", room);
        alice.put(path, content.clone()).query(&[("org.matrix.msc4140.delay", "300")])
    };
    let id = delay_id(&tea().await);
    assert_eq!(delay_id(&tea().await), id);
    let body = json!({ "delay": 300, "content": { "msgtype": "m.text", "body": "the cake is ready" } });
    let cake = delay_id(&asks_later(&alice, &room, "m.room.message", "cake", body.clone()).await);
    assert_eq!(delay_id(&asks_later(&alice, &room, "m.room.message", "cake", body).await), cake);
    let state = json!({ "delay": 300, "state_key": "k", "content": { "a": 1 } });
    delay_id(&asks_later(&alice, &room, "m.test", "state", state).await);
    let slip = alice.sends("a slip").in_room(&room).await;
    let path = v3!("rooms/{}/redact/{}/r", room, slip);
    let redaction = alice.put(path, json!({ "reason": "oops" })).query(&[("org.matrix.msc4140.delay", "300")]).await;
    let redaction = delay_id(&redaction);
    assert_eq!(ids(&alice, "").await.len(), 4);
    let before = alice.syncs().await;
    assert_eq!(before.texts(&room), ["a slip"]);
    let began = Instant::now();
    while !ids(&alice, "").await.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "they still wait");
        passes(20).await;
    }
    let after = alice.syncs().since(before.next()).await;
    let mut said = after.texts(&room);
    said.sort_unstable();
    assert_eq!(said, ["the cake is ready", "the tea is ready"]);
    assert_eq!(alice.state_of(&room, "m.test", "k").await, json!({ "a": 1 }));
    let slip = alice.get(v3!("rooms/{}/event/{}", room, slip)).await.ok();
    assert_eq!(slip["content"], json!({}), "{slip}");
    // An event that was sent and then redacted is redacted here too.
    let tea = one(&alice, &id).await;
    assert_eq!(tea["content"], content);
    alice.redacts(tea["event_id"].as_str().expect("an id"), &room).await;
    assert_eq!(one(&alice, &id).await["content"], json!({}));
    assert!(one(&alice, &redaction).await["event_id"].is_string());
    world.ends().await;
}

#[tokio::test]
async fn state_that_another_sets_is_not_overwritten() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = room_for_calls(&alice, &[&bob]).await;
    let [overtaken, stays, elsewhere] =
        ["shared", "own", "other"].map(|key| sets_later(&alice, &room, key, LONG_MS, json!({})));
    let (overtaken, stays) = (delay_id(&overtaken.await), delay_id(&stays.await));
    let elsewhere = delay_id(&elsewhere.await);
    alice.sets(CALL, "shared", json!({ "by": "alice" })).in_room(&room).await;
    alice.sets(CALL, "own", json!({ "by": "alice" })).in_room(&room).await;
    assert_eq!(ids(&alice, "").await.len(), 3);
    bob.sets(CALL, "shared", json!({ "by": "bob" })).in_room(&room).await;
    let mut left = ids(&alice, "").await;
    left.sort_unstable();
    let mut wanted = [stays, elsewhere];
    wanted.sort_unstable();
    assert_eq!(left, wanted);
    let end = one(&alice, &overtaken).await;
    assert_eq!(end["error"]["org.matrix.msc4140.errcode"], "M_CANCELLED_BY_STATE_UPDATE");
    does(&alice, "restart", &overtaken).await.refused(404, "M_NOT_FOUND");
    assert_eq!(ids(&alice, "?outcome=cancel").await, [] as [String; 0]);
    assert_eq!(ids(&alice, "?outcome=error").await, [overtaken]);
    assert_eq!(alice.state_of(&room, CALL, "shared").await, json!({ "by": "bob" }));
    world.ends().await;
}

#[tokio::test]
async fn what_cannot_be_sent_is_said_so() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = room_for_calls(&alice, &[&bob]).await;
    let kicked = delay_id(&sets_later(&bob, &room, "b", 500, json!({ "a": 1 })).await);
    let body = json!({ "delay": LONG_MS, "state_key": "", "content": { "name": "Bob's" } });
    // What its sender could not send now cannot be scheduled.
    asks_later(&bob, &room, "m.room.name", "n", body.clone()).await.refused(403, "M_FORBIDDEN");
    let said = alice.sends("mine").in_room(&room).await;
    let redaction = json!({ "delay": LONG_MS, "content": { "redacts": said } });
    asks_later(&bob, &room, "m.room.redaction", "r", redaction).await.refused(403, "M_FORBIDDEN");
    let levels = alice.state_of(&room, "m.room.power_levels", "").await;
    let mut raised = levels.clone();
    raised["users"][&bob.id] = json!(50);
    alice.sets("m.room.power_levels", "", raised).in_room(&room).await;
    let powerless = delay_id(&asks_later(&bob, &room, "m.room.name", "n", body).await);
    alice.sets("m.room.power_levels", "", levels).in_room(&room).await;
    // Sending it now fails with the reason; the event stays scheduled, since its sender may gain the power again.
    does(&bob, "send", &powerless).await.refused(403, "M_FORBIDDEN");
    assert_eq!(ids(&bob, "").await.len(), 2);
    does(&bob, "cancel", &powerless).await.ok();
    alice.kicks(&bob, &room).await;
    let began = Instant::now();
    while !ids(&bob, "").await.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "it still waits");
        passes(20).await;
    }
    assert_eq!(one(&bob, &kicked).await["error"]["errcode"], "M_FORBIDDEN");
    assert_eq!(alice.state_of(&room, CALL, "b").await, Value::Null);
    // Other users cannot see it.
    alice.get(format!("{UNSTABLE}/delayed_events/{kicked}")).await.refused(404, "M_NOT_FOUND");
    world.ends().await;
}

#[tokio::test]
async fn closed_and_locked_accounts_send_nothing_more() {
    let world = World::new().await;
    let (alice, bob, carol) =
        (world.register("alice").await, world.register("bob").await, world.register("carol").await);
    let room = room_for_calls(&alice, &[&bob, &carol]).await;
    let closed = delay_id(&sets_later(&bob, &room, "b", 700, json!({ "a": 1 })).await);
    let proof = bob.proof(None);
    bob.post(v3!("account/deactivate"), json!({ "auth": proof, "erase": true })).await.ok();
    does(&bob, "send", &closed).await.refused(401, "M_UNKNOWN_TOKEN");
    let said = delay_id(&sets_later(&carol, &room, "said", LONG_MS, json!({ "a": 1 })).await);
    let left = delay_id(&sets_later(&carol, &room, "left", 700, json!({})).await);
    carol.sets(CALL, "left", json!({ "in": "call" })).in_room(&room).await;
    let server = world.server();
    let lock = hearth_domain::accounts::Flag::Locked;
    server.domain.actions.admin_set_flag("test", &carol.id, lock, true).await.expect("locked");
    does(&carol, "send", &said).await.refused(401, "M_USER_LOCKED");
    does(&carol, "send", &left).await.refused(401, "M_USER_LOCKED");
    // The call is left when it is due.
    assert_eq!(changes(&alice, &room, "left", &json!({ "in": "call" })).await, json!({}));
    passes(800).await;
    assert_eq!(alice.state_of(&room, CALL, "b").await, Value::Null);
    world.ends().await;
}

#[tokio::test]
async fn no_one_lets_too_much_wait_or_too_long() {
    let world = World::with(|config| config.rooms.event_delay_ms_max = 60_000).await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = room_for_calls(&alice, &[&bob]).await;
    let refused = sets_later(&alice, &room, "a", 60_001, json!({})).await.refused(400, "M_UNKNOWN");
    assert_eq!(refused["org.matrix.msc4140.errcode"], "M_MAX_DELAY_EXCEEDED");
    assert_eq!(refused["org.matrix.msc4140.max_delay"], 60_000);
    let body = json!({ "delay": 60_001, "content": {} });
    let refused = asks_later(&alice, &room, "m.test", "t", body).await;
    let refused = refused.refused(400, "ORG.MATRIX.MSC4140_MAX_DELAY_EXCEEDED");
    assert_eq!(refused["max_delay"], 60_000);
    for n in 0..100 {
        delay_id(&sets_later(&alice, &room, &format!("a{n}"), 60_000, json!({})).await);
    }
    let refused = sets_later(&alice, &room, "a", 60_000, json!({})).await;
    let retry_ms = refused.refused(429, "M_LIMIT_EXCEEDED")["retry_after_ms"].as_u64().expect("a time");
    assert!((1..=60_000).contains(&retry_ms) && refused.header("retry-after").is_some(), "{retry_ms}");
    delay_id(&sets_later(&bob, &room, "b", 60_000, json!({})).await);
    let first = alice.get(format!("{UNSTABLE}/delayed_events")).await.ok();
    let token = first["next_batch"].as_str().expect("there are more");
    let rest = ids(&alice, &format!("?from={token}")).await;
    assert_eq!((list(&first["delayed_events"]).len(), rest.len()), (50, 50));
    world.ends().await;
}

#[tokio::test]
async fn many_events_for_one_moment_are_no_way_around_the_limit() {
    let world = World::with(|config| {
        config.rate_limits.enabled = true;
        config.rate_limits.message = Rate::new(0.001, 10);
    })
    .await;
    let alice = world.register("alice").await;
    let room = room_for_calls(&alice, &[]).await;
    for n in 0..6 {
        delay_id(&sets_later(&alice, &room, &format!("a{n}"), 600, json!({ "n": n })).await);
    }
    passes(900).await;
    let began = Instant::now();
    while !ids(&alice, "").await.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "they still wait");
        passes(50).await;
    }
    let all = alice.get(format!("{UNSTABLE}/delayed_events?status=finalised")).await.ok();
    let refused = |event: &&Value| event["error"]["errcode"] == "M_LIMIT_EXCEEDED";
    assert_eq!(list(&all["delayed_events"]).iter().filter(refused).count(), 2);
    world.ends().await;
}

#[tokio::test]
async fn a_server_may_have_none() {
    let world = World::with(|config| config.rooms.event_delay_ms_max = 0).await;
    let alice = world.register("alice").await;
    let room = room_for_calls(&alice, &[]).await;
    sets_later(&alice, &room, "a", 1_000, json!({})).await.refused(403, "M_FORBIDDEN");
    let features = world.anyone().get("/_matrix/client/versions").await.ok();
    assert_eq!(features["unstable_features"]["org.matrix.msc4140"], json!(false));
    world.ends().await;
}

#[tokio::test]
async fn nonsense_is_refused() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = room_for_calls(&alice, &[]).await;
    for delay in ["0", "-5", "soon", "1.5", "", "99999999999999999999999"] {
        let path = v3!("rooms/{}/state/{}/x", room, CALL);
        let answer = alice.put(path, json!({})).query(&[("org.matrix.msc4140.delay", delay)]).await;
        answer.refused(400, "M_INVALID_PARAM");
    }
    sets_later(&alice, &room, "x", u64::MAX, json!({})).await.refused(400, "M_UNKNOWN");
    sets_later(&alice, &room, "x", 1_000, json!([])).await.refused(400, "M_BAD_JSON");
    sets_later(&alice, &room, "x", 1_000, json!({ "a": 1.5 })).await.refused(400, "M_BAD_JSON");
    sets_later(&alice, &room, &"k".repeat(300), 1_000, json!({})).await.refused(413, "M_TOO_LARGE");
    sets_later(&alice, &room, "x", 1_000, json!({ "a": "b".repeat(70_000) })).await.refused(413, "M_TOO_LARGE");
    sets_later(&bob, &room, "x", 1_000, json!({})).await.refused(403, "M_FORBIDDEN");
    let asks = |body: Value| asks_later(&alice, &room, "m.test", "t", body);
    for body in [json!({}), json!({ "delay": 5 })] {
        asks(body).await.refused(400, "M_MISSING_PARAM");
    }
    for body in [
        json!({ "delay": -5, "content": {} }),
        json!({ "delay": "5", "content": {} }),
        json!({ "delay": 5_000, "content": "x" }),
        json!({ "delay": 5_000, "content": {}, "state_key": 7 }),
    ] {
        asks(body).await.refused(400, "M_BAD_JSON");
    }
    asks(json!({ "delay": 0, "content": {} })).await.refused(400, "M_INVALID_PARAM");
    asks(json!({ "delay": 9, "content": {}, "state_key": "a\0b" })).await.refused(400, "M_INVALID_PARAM");
    asks_later(&alice, &room, "m.room.create", "t", json!({ "delay": 9, "content": {}, "state_key": "" }))
        .await
        .refused(403, "M_FORBIDDEN");
    asks_later(&alice, &room, "m.room.redaction", "t", json!({ "delay": 9, "content": {} }))
        .await
        .refused(400, "M_BAD_JSON");
    for action in ["send", "restart", "cancel"] {
        for id in ["nothing", &"x".repeat(500), "%00", "a%2Fb"] {
            let status = does(&alice, action, id).await.status;
            assert!((400..500).contains(&status), "{action} {id}: {status}");
        }
        does_by_body(&alice, action, "nothing").await.refused(404, "M_NOT_FOUND");
    }
    does(&alice, "explode", "nothing").await.refused(404, "M_UNRECOGNIZED");
    does_by_body(&alice, "explode", "nothing").await.refused(400, "M_INVALID_PARAM");
    let path = format!("{UNSTABLE}/delayed_events/nothing");
    alice.post(&path, json!({})).await.refused(400, "M_MISSING_PARAM");
    alice.post(&path, json!({ "action": 7 })).await.refused(400, "M_INVALID_PARAM");
    let broken = alice.ask(reqwest::Method::POST, &path).bytes("application/json", "{");
    broken.await.refused(400, "M_NOT_JSON");
    alice.get(&path).await.refused(404, "M_NOT_FOUND");
    world.anyone().get(&path).await.refused(401, "M_MISSING_TOKEN");
    for query in ["status=x", "dir=x", "outcome=x", "reason=x", "order_by=x", "since_ts=x", "from=x", "from=1_"] {
        let answer = alice.get(format!("{UNSTABLE}/delayed_events?{query}")).await;
        if query != "from=1_" {
            answer.refused(400, "M_INVALID_PARAM");
        }
    }
    assert_eq!(ids(&alice, "?since_ts=0&dir=f").await, [] as [String; 0]);
    world.ends().await;
}

#[tokio::test]
async fn what_falls_due_while_the_server_is_away_is_sent_when_it_is_back() {
    let mut world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = room_for_calls(&alice, &[&bob]).await;
    let in_call = json!({ "in": "call" });
    for key in ["due", "beaten", "later"] {
        alice.sets(CALL, key, in_call.clone()).in_room(&room).await;
    }
    let due = delay_id(&sets_later(&alice, &room, "due", 60_000, json!({})).await);
    // The leave of a user in a call is restarted again and again. After a restart of the server its client gets one
    // more chance to do so.
    let beaten = delay_id(&sets_later(&alice, &room, "beaten", 2_500, json!({})).await);
    does(&alice, "restart", &beaten).await.ok();
    let later = delay_id(&sets_later(&alice, &room, "later", LONG_MS, json!({})).await);
    world.clock.skip(70_000);
    world.restart().await;
    assert_eq!(changes(&bob, &room, "due", &in_call).await, json!({}));
    assert_eq!(seen_with(&alice, &room, &due).await, 1);
    assert_eq!(bob.state_of(&room, CALL, "beaten").await, in_call);
    does(&alice, "restart", &beaten).await.ok();
    let mut waiting = ids(&alice, "").await;
    waiting.sort_unstable();
    let mut wanted = [beaten.clone(), later.clone()];
    wanted.sort_unstable();
    assert_eq!(waiting, wanted);
    assert_eq!(changes(&bob, &room, "beaten", &in_call).await, json!({}));
    // It is sent once, however often the server restarts.
    world.restart().await;
    assert_eq!((seen_with(&alice, &room, &due).await, seen_with(&alice, &room, &beaten).await), (1, 1));
    does(&alice, "send", &later).await.ok();
    assert_eq!(bob.state_of(&room, CALL, "later").await, json!({}));
    // Finalised events are deleted after a week.
    world.clock.skip(8 * 24 * 60 * 60 * 1_000);
    world.server().domain.upkeep().await;
    assert_eq!(ids(&alice, "?status=finalised").await, [] as [String; 0]);
    world.ends().await;
}

/// The rooms that a user is invited to.
async fn invites(person: &Person) -> Value {
    person.syncs().await.0["rooms"]["invite"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_invite_of_a_user_of_another_server_arrives() {
    let town = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &town.worlds[..] else { unreachable!("two servers") };
    let ann = a.register("ann").await;
    for (version, sent_by) in [("11", "due"), ("12", "due"), ("11", "request"), ("12", "request")] {
        let bob = b.register(&format!("bob{version}{sent_by}")).await;
        let room = ann.creates_room().version(version).await;
        let delay_ms = if sent_by == "due" { "300" } else { "3600000" };
        let path = v3!("rooms/{}/state/m.room.member/{}", room, bob.id);
        let invite = ann.put(&path, json!({ "membership": "invite", "reason": "later" }));
        let id = delay_id(&invite.query(&[("org.matrix.msc4140.delay", delay_ms)]).await);
        assert!(invites(&bob).await.is_null(), "not before its time");
        if sent_by == "request" {
            does(&ann, "send", &id).await.ok();
        }
        let began = Instant::now();
        while invites(&bob).await[&room.0].is_null() {
            assert!(began.elapsed() < Duration::from_secs(20), "version {version}: the invite never arrives");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Finalised only after the other server has received it.
        while one(&ann, &id).await["finalised"].is_null() {
            assert!(began.elapsed() < Duration::from_secs(20), "version {version}: the event goes on waiting");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let here = ann.state_of(&room, "m.room.member", &bob.id).await;
        assert_eq!((&here["membership"], &here["reason"]), (&json!("invite"), &json!("later")));
        assert!(one(&ann, &id).await["finalised"]["event_id"].is_string());
        bob.post(v3!("join/{}", room), json!({})).await.ok();
        assert_eq!(ann.state_of(&room, "m.room.member", &bob.id).await["membership"], "join");
    }
    // An event that the resident server refuses fails like one without delay, and its sender can see the reason.
    let room = ann.creates_room().await;
    let path = v3!("rooms/{}/state/m.room.member/@nobody:b.example", room);
    let invite = ann.put(&path, json!({ "membership": "invite" }));
    let id = delay_id(&invite.query(&[("org.matrix.msc4140.delay", "3600000")]).await);
    let at_once = ann.put(&path, json!({ "membership": "invite" })).await;
    assert_eq!(does(&ann, "send", &id).await.status, at_once.status);
    town.ends().await;
}
