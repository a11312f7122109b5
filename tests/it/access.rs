//! Access rules for guests, suspended and locked users; and limits on size and rate without an account.

use hearth_base::config::Rate;
use reqwest::Method;

use crate::harness::{PASSWORD, Person, World, json, v3};

async fn registers_as_guest(world: &World) -> Person {
    let made = world.anyone().post(v3!("register?kind=guest"), json!({})).await.ok();
    Person::from_login(world.anyone(), &made)
}

#[tokio::test]
async fn guests_may_what_the_specification_lists() {
    let world = World::with(|config| config.registration.guests = true).await;
    let (alice, guest) = (world.register("alice").await, registers_as_guest(&world).await);
    let room = alice.creates_room_with(&[]).await;
    let guests_can_join = json!({ "guest_access": "can_join" });
    alice.put(v3!("rooms/{}/state/m.room.guest_access", room), guests_can_join).await.ok();
    alice.put(v3!("rooms/{}/state/m.room.join_rules", room), json!({ "join_rule": "public" })).await.ok();
    guest.post(v3!("rooms/{}/join", room), json!({})).await.ok();
    guest.sends("hello").in_room(&room).await;
    guest.put(v3!("devices/{}", guest.device), json!({ "display_name": "a browser" })).await.ok();
    guest.put(v3!("profile/{}/displayname", guest), json!({ "displayname": "G" })).await.ok();
    // State is permitted too, as far as the room's power levels allow; these requests are not.
    let state = v3!("rooms/{}/state/m.room.topic", room);
    guest.put(state, json!({ "topic": "x" })).await.refused(403, "M_FORBIDDEN");
    guest.syncs().await;

    let refused = "M_GUEST_ACCESS_FORBIDDEN";
    guest.post(v3!("createRoom"), json!({})).await.refused(403, refused);
    guest.post(v3!("rooms/{}/invite", room), json!({ "user_id": alice.id })).await.refused(403, refused);
    guest.post(v3!("keys/signatures/upload"), json!({})).await.refused(403, refused);
    guest.post(v3!("keys/device_signing/upload"), json!({})).await.refused(403, refused);
    guest.post(v3!("account/password"), json!({ "new_password": PASSWORD })).await.refused(403, refused);
    guest.ask(Method::POST, "/_matrix/media/v3/upload").await.refused(403, refused);
    guest.post(v3!("logout"), json!({})).await.ok();
    world.ends().await;
}

#[tokio::test]
async fn suspended_users_read_and_take_back_and_nothing_else() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room_with(&[]).await;
    let domain = &world.server().domain;
    let suspend = hearth_domain::accounts::Flag::Suspended;
    domain.actions.admin_set_flag("test", &alice.id, suspend, true).await.expect("it is set");

    alice.syncs().await;
    alice.get(v3!("rooms/{}/messages?dir=b", room)).await.ok();
    alice.put(v3!("devices/{}", alice.device), json!({ "display_name": "x" })).await.ok();
    alice.post(v3!("search"), json!({ "search_categories": {} })).await.ok();
    let refused = "M_USER_SUSPENDED";
    alice.post(v3!("createRoom"), json!({})).await.refused(403, refused);
    alice.put(v3!("profile/{}/displayname", alice), json!({ "displayname": "B" })).await.refused(403, refused);
    alice.put(v3!("rooms/{}/typing/{}", room, alice), json!({ "typing": true })).await.refused(403, refused);
    // The path ends in `leave` without being the one of a room.
    let delegation = "/_matrix/client/v1/rtc/livekit/delegate_delayed_leave";
    alice.post(delegation, json!({})).await.refused(403, refused);
    alice.post(v3!("rooms/{}/leave", room), json!({})).await.ok();
    world.ends().await;
}

#[tokio::test]
async fn locked_users_may_log_out() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let domain = &world.server().domain;
    let lock = hearth_domain::accounts::Flag::Locked;
    domain.actions.admin_set_flag("test", &alice.id, lock, true).await.expect("it is set");
    for path in [v3!("sync"), v3!("account/whoami"), v3!("capabilities"), "/_matrix/client/v1/media/config".to_owned()]
    {
        alice.get(path).await.refused(401, "M_USER_LOCKED");
    }
    alice.post(v3!("logout"), json!({})).await.ok();
    alice.get(v3!("sync")).await.refused(401, "M_UNKNOWN_TOKEN");
    world.ends().await;
}

#[tokio::test]
async fn what_anyone_may_call_is_small_and_not_too_often() {
    let world = World::with(|config| {
        config.rate_limits.enabled = true;
        config.rate_limits.registration = Rate::new(1.0, 100);
        // Slow enough that even a slow machine gains no permit during the test.
        config.rate_limits.unauthenticated = Rate::new(0.01, 3);
    })
    .await;
    let large = json!({ "x": "y".repeat(65 * 1024) });
    for path in [v3!("login"), v3!("refresh"), v3!("register"), "/_synapse/admin/v1/register".to_owned()] {
        world.anyone().post(path, large.clone()).await.refused(413, "M_TOO_LARGE");
    }
    // `/refresh` has taken one permit.
    let asks = json!({ "client_secret": "s", "email": "a@example.org", "send_attempt": 1 });
    let request_token = v3!("account/password/email/requestToken");
    world.anyone().post(&request_token, asks.clone()).await.refused(403, "M_THREEPID_DENIED");
    world.anyone().post(&request_token, asks.clone()).await.refused(403, "M_THREEPID_DENIED");
    world.anyone().post(&request_token, asks).await.refused(429, "M_LIMIT_EXCEEDED");
    // Refills the permits for the checks at the end.
    world.clock.skip(1_000_000);
    world.ends().await;
}

#[tokio::test]
async fn keys_and_messages_to_devices_have_limits_of_their_own() {
    let world = World::with(|config| {
        config.rate_limits.enabled = true;
        config.rate_limits.registration = Rate::new(1.0, 100);
        config.rate_limits.to_device = Rate::new(0.01, 2);
        config.rate_limits.key_backup = Rate::new(0.01, 2);
    })
    .await;
    let alice = world.register("alice").await;
    for status in [200, 200, 429] {
        let path = v3!("sendToDevice/org.example.x/{}", alice.fresh_transaction());
        alice.put(path, json!({ "messages": {} })).await.status_is(status);
    }
    alice.get(v3!("room_keys/version")).await.refused(404, "M_NOT_FOUND");
    alice.get("/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device").await.refused(404, "M_NOT_FOUND");
    alice.get(v3!("room_keys/version")).await.refused(429, "M_LIMIT_EXCEEDED");
    world.ends().await;
}

#[tokio::test]
async fn pages_cannot_be_framed_and_media_can_be_asked_for_in_parts() {
    let world = World::new().await;
    let page = world.anyone().get("/_matrix/static/client/login/").await;
    let policy = page.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    let preflight = world.anyone().ask(Method::OPTIONS, "/_matrix/client/v1/media/download/a/b").await;
    let headers = preflight.header("access-control-allow-headers").unwrap_or_default();
    assert!(headers.contains("Range"), "{headers}");
    world.ends().await;
}
