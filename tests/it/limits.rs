//! Rate limits: the response tells the client how long to wait, and no header circumvents them.

use hearth_base::config::Rate;

use crate::harness::{PASSWORD, Person, World, json, v3};

#[tokio::test]
async fn who_talks_too_fast_waits_and_may_then_go_on() {
    let world = World::with(|config| {
        config.rate_limits.enabled = true;
        // Slow enough that even a slow machine gains no permit during the test.
        config.rate_limits.message = Rate::new(0.01, 3);
    })
    .await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    for n in 0..3 {
        alice.sends(&n.to_string()).in_room(&room).await;
    }
    let send = v3!("rooms/{}/send/m.room.message/{}", room, "late");
    let body = json!({ "msgtype": "m.text", "body": "late" });
    let answer = alice.put(&send, body.clone()).await;
    let wait_ms = answer.refused(429, "M_LIMIT_EXCEEDED")["retry_after_ms"].as_u64().expect("how long to wait");
    assert!((1..=100_000).contains(&wait_ms), "{wait_ms}");
    let header: u64 = answer.header("retry-after").expect("for HTTP clients too").parse().expect("seconds");
    assert_eq!(header, wait_ms.div_ceil(1_000));
    bob.sends("I may").in_room(&room).await;
    world.clock.skip(wait_ms);
    alice.put(&send, body).await.ok();
    world.ends().await;
}

#[tokio::test]
async fn guessing_passwords_ends_soon_whatever_the_headers_say() {
    let world = World::with(|config| {
        config.rate_limits.enabled = true;
        config.rate_limits.registration = Rate::new(1.0, 100);
        config.rate_limits.login = Rate::new(0.001, 5);
    })
    .await;
    world.register("alice").await;
    let mut statuses = Vec::new();
    for n in 0..8 {
        // No proxy is trusted here, so the header has no effect.
        let guess =
            Person::login(world.anyone(), "alice", "a guess").header("x-forwarded-for", &format!("203.0.113.{n}"));
        statuses.push(guess.await.status);
    }
    assert_eq!(statuses, [403, 403, 403, 403, 403, 429, 429, 429]);
    Person::login(world.anyone(), "alice", PASSWORD).await.refused(429, "M_LIMIT_EXCEEDED");
    world.ends().await;
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_address_has_its_own_limit() {
    let world = World::with(|config| {
        config.server.trusted_proxies = vec!["127.0.0.1".parse().expect("an address")];
        config.rate_limits.enabled = true;
        config.rate_limits.registration = Rate::new(0.001, 2);
    })
    .await;
    let registers = async |name: &str, forwarded: &str| {
        let body = json!({ "username": name, "password": PASSWORD, "auth": { "type": "m.login.dummy" } });
        world.anyone().post(v3!("register"), body).header("x-forwarded-for", forwarded).await.status
    };
    assert_eq!(registers("one", "203.0.113.1").await, 200);
    assert_eq!(registers("two", "203.0.113.1").await, 200);
    assert_eq!(registers("three", "203.0.113.1").await, 429);
    // Entries further left come from the client, which can write anything there.
    assert_eq!(registers("three", "198.51.100.7, 203.0.113.1").await, 429);
    assert_eq!(registers("three", "203.0.113.2").await, 200);
    // A household has a /64 of IPv6, so the limit applies to the /64.
    assert_eq!(registers("four", "2001:db8::1").await, 200);
    assert_eq!(registers("five", "2001:db8::2").await, 200);
    assert_eq!(registers("six", "2001:db8::3").await, 429);
    world.ends().await;
}

#[tokio::test]
async fn guesses_of_others_keep_no_owner_out() {
    let world = World::with(|config| {
        config.server.trusted_proxies = vec!["127.0.0.1".parse().expect("an address")];
        config.rate_limits.enabled = true;
        config.rate_limits.registration = Rate::new(1.0, 100);
        config.rate_limits.login = Rate::new(0.001, 5);
    })
    .await;
    let alice = world.register("alice").await;
    alice.get(v3!("account/whoami")).header("x-forwarded-for", "203.0.113.1").await.ok();
    let logs_in = async |password: &str, from: &str| {
        Person::login(world.anyone(), "alice", password).header("x-forwarded-for", from).await.status
    };
    for _ in 0..5 {
        assert_eq!(logs_in("a guess", "203.0.113.9").await, 403);
    }
    assert_eq!(logs_in(PASSWORD, "203.0.113.9").await, 429);
    assert_eq!(logs_in(PASSWORD, "203.0.113.2").await, 200, "one network keeps out only itself");
    // An IPv6 /48 is one network, whatever the addresses.
    let mut statuses = Vec::new();
    for n in 0..6 {
        statuses.push(logs_in("a guess", &format!("2001:db8:7:{n}::1")).await);
    }
    assert_eq!(statuses, [403, 403, 403, 403, 403, 429]);
    // Several networks keep out other unknown ones, never known ones and never a device that is logged in.
    statuses.clear();
    for n in 0..15 {
        statuses.push(logs_in("a guess", &format!("203.0.113.{}", 10 + n / 5)).await);
    }
    assert_eq!((&statuses[..10], &statuses[10..]), (&[403; 10][..], &[429; 5][..]), "20 in all");
    assert_eq!(logs_in(PASSWORD, "203.0.113.77").await, 429);
    assert_eq!(logs_in(PASSWORD, "203.0.113.1").await, 200);
    let body = json!({ "devices": ["NONE"], "auth": alice.proof(None) });
    alice.post(v3!("delete_devices"), body).await.ok();
    world.ends().await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_refuses_no_message() {
    let world = World::with(|config| {
        config.rate_limits.enabled = true;
        config.rate_limits.message = Rate::new(0.001, 3);
    })
    .await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    alice.sends("before").in_room(&room).await;
    world.clock.set_back(600_000);
    alice.sends("after").in_room(&room).await;
    world.clock.set_back(365 * 24 * 60 * 60 * 1_000);
    alice.sends("long after").in_room(&room).await;
    let send = v3!("rooms/{}/send/m.room.message/{}", room, "late");
    alice.put(&send, json!({ "msgtype": "m.text", "body": "late" })).await.refused(429, "M_LIMIT_EXCEEDED");
    world.ends().await;
}

#[tokio::test]
async fn a_server_in_1970_publishes_no_expired_keys() {
    let world = World::new().await;
    let keys = "/_matrix/key/v2/server";
    world.anyone().get(keys).await.ok();
    // The clock of the tests starts in 2027.
    world.clock.set_back(56 * 365 * 24 * 60 * 60 * 1_000);
    world.anyone().get(keys).await.refused(503, "M_UNKNOWN");
    world.clock.skip(56 * 365 * 24 * 60 * 60 * 1_000);
    assert!(world.anyone().get(keys).await.ok()["valid_until_ts"].as_u64().expect("a time") > 1_800_000_000_000);
    world.ends().await;
}
