//! When the keyring fetches keys, and when it does not.

use std::time::Duration;

use hearth_base::Reason;
use ruma::room_version_rules::RoomVersionRules;

use super::world::{DAY_MS, NOW_MS, World, event, key, list, name, signed, unsigned};

const A: &str = "a.example";

#[tokio::test]
async fn a_server_is_asked_once() {
    let mut world = World::new();
    let own = key("1");
    world.publishes(A, &list(A, &own));
    for _ in 0..3 {
        assert_eq!(world.request_keys(A, &own).await.expect("its key"), own.public_key());
    }
    assert_eq!(world.calls(A), 1);
    world.restarts();
    world.loses(A);
    world.request_keys(A, &own).await.expect("it is in the database");
    assert_eq!(world.calls(A), 1);
}

#[tokio::test]
async fn who_asks_at_the_same_time_waits_for_one_answer() {
    let world = World::new();
    let own = key("1");
    world.publishes(A, &list(A, &own));
    world.takes(Duration::from_millis(100));
    let asked = futures_util::future::join_all((0..20).map(|_| world.request_keys(A, &own))).await;
    assert!(asked.iter().all(Result::is_ok));
    assert_eq!(world.calls(A), 1);
}

#[tokio::test]
async fn a_server_that_is_gone_is_not_asked_all_the_time() {
    let world = World::new();
    let own = key("1");
    let error = world.request_keys(A, &own).await.expect_err("it is gone");
    assert_eq!(error.reason(), Some(Reason::ConnectionFailed));
    assert!(error.to_string().contains("it is gone"), "{error}");
    world.request_keys(A, &own).await.expect_err("it is gone");
    assert_eq!(world.calls(A), 1);
    world.clock.advance(11_000);
    world.publishes(A, &list(A, &own));
    world.request_keys(A, &own).await.expect("it is back");
    assert_eq!(world.calls(A), 2);
}

#[tokio::test]
async fn an_operator_need_not_wait() {
    let world = World::new();
    let own = key("1");
    world.request_keys(A, &own).await.expect_err("it is gone");
    world.publishes(A, &list(A, &own));
    world.keyring.forget_failures(&name(A));
    world.request_keys(A, &own).await.expect("it is back");
}

#[tokio::test]
async fn a_new_key_is_asked_for_and_a_made_up_one_not_again_and_again() {
    let world = World::new();
    let (first, second) = (key("1"), key("2"));
    world.publishes(A, &list(A, &first));
    world.request_keys(A, &first).await.expect("its key");
    let error = world.request_keys(A, &second).await.expect_err("it has no such key yet");
    assert_eq!(error.reason(), Some(Reason::ConnectionFailed), "{error}");
    assert_eq!(world.calls(A), 1, "asked a moment ago");
    world.clock.advance(11_000);
    let error = world.request_keys(A, &second).await.expect_err("it has no such key yet");
    assert_eq!(error.reason(), Some(Reason::InvalidSignature), "{error}");
    world.clock.advance(11_000);
    let both = unsigned(A, &[&second], &[(&first, NOW_MS)], NOW_MS + DAY_MS);
    world.publishes(A, &signed(both, A, &second));
    world.request_keys(A, &second).await.expect("now it has");
    assert_eq!(world.calls(A), 3);
    world.request_keys(A, &first).await.expect_err("out of use by now");
}

#[tokio::test]
async fn lists_of_others_and_answers_that_are_none_are_refused() {
    let world = World::new();
    let own = key("1");
    world.publishes(A, &list("b.example", &own));
    world.request_keys(A, &own).await.expect_err("the list of another server");
    assert!(world.request_keys("b.example", &own).await.is_err(), "and it is not taken for that server either");
    for (server, body) in [("c.example", serde_json::json!([])), ("d.example", serde_json::json!("x".repeat(200_000)))]
    {
        world.answers(server, "/_matrix/key/v2/server", 200, &body);
        world.request_keys(server, &own).await.expect_err("no list");
    }
    world.answers("e.example", "/_matrix/key/v2/server", 500, &list("e.example", &own));
    world.request_keys("e.example", &own).await.expect_err("an error");
}

#[tokio::test]
async fn servers_that_are_denied_are_not_asked() {
    let world = World::with(|config| config.federation.deny = vec![A.to_owned()]);
    let own = key("1");
    world.publishes(A, &list(A, &own));
    world.request_keys(A, &own).await.expect_err("denied");
    assert_eq!(world.calls(A), 0);
}

#[tokio::test]
async fn a_batch_asks_many_servers_at_once() {
    let world = World::new();
    let rules = RoomVersionRules::V12;
    let own = key("1");
    let names: Vec<_> = (0..40).map(|n| format!("s{n}.example")).collect();
    for server in names.iter().skip(10) {
        world.publishes(server, &list(server, &own));
    }
    world.takes(Duration::from_millis(200));
    let events: Vec<_> = names.iter().map(|server| event(server, &own, NOW_MS, &rules)).collect();
    let began = tokio::time::Instant::now();
    let known = world.keyring.gather(&events, &rules).await;
    assert!(began.elapsed() < Duration::from_secs(4), "one after the other it would be 8 s: {:?}", began.elapsed());
    for (index, event) in events.iter().enumerate() {
        let verified = known.verify(event, &rules);
        assert_eq!(verified.is_ok(), index >= 10, "{index}: {verified:?}");
        if let Err(error) = verified {
            assert_eq!(error.reason(), Some(Reason::ConnectionFailed));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_not_waited_for_without_end() {
    let world = World::new();
    let rules = RoomVersionRules::V12;
    world.takes(Duration::from_secs(600));
    let stuck = [event("slow.example", &key("1"), NOW_MS, &rules)];
    let began = tokio::time::Instant::now();
    assert!(world.keyring.gather(&stuck, &rules).await.verify(&stuck[0], &rules).is_err());
    assert!(began.elapsed() <= Duration::from_secs(30));
}
