//! Delegated leaves: sent when the SFU no longer has the user, and not before.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hearth_domain::rtc::{CallMember, names};
use hmac::{Hmac, Mac};
use ruma::{RoomId, UserId};
use sha2::{Digest, Sha256};

use super::sfu::{NAME, SECRET, Sfu};
use super::{sfu_url, world};
use crate::harness::{Answer, Ask, Person, Room, Value, World, json, v3};

const WEBHOOK: &str = "/_matrix/livekit/jwt/sfu_webhook";
const DELEGATE: &str = "/_matrix/client/unstable/io.element.msc4195/rtc/livekit/delegate_delayed_leave";
const STABLE: &str = "/_matrix/client/v1/rtc/livekit/delegate_delayed_leave";
const CALL: &str = "org.matrix.msc3401.call.member";
const SLOT: &str = "m.call#ROOM";

/// A user in a call, and the user's identity at the SFU.
struct Caller {
    person: Person,
    room: Room,
    url: String,
    delay_id: String,
    sfu_room: String,
    identity: String,
}

impl Caller {
    /// Joins a call with a delayed leave.
    async fn enters(world: &World, delay_ms: u64) -> Self {
        let person = world.register("alice").await;
        let room = person.creates_room().await;
        let path = v3!("rooms/{}/state/{}/k", room, CALL);
        let later = person.put(path, json!({})).query(&[("org.matrix.msc4140.delay", &delay_ms.to_string())]);
        let delay_id = later.await.ok()["delay_id"].as_str().expect("an id").to_owned();
        person.sets(CALL, "k", json!({ "in": "call" })).in_room(&room).await;
        let room_id = <&RoomId>::try_from(&*room.0).expect("an id");
        let user = <&UserId>::try_from(&*person.id).expect("an id");
        let (sfu_room, identity) = (names::room_name(room_id, SLOT), names::identity(user, CallMember::Id("m")));
        let url = sfu_url(&person).await;
        Self { person, room, url, delay_id, sfu_room, identity }
    }

    fn body(&self) -> Value {
        let (room, delay_id) = (&self.room.0, &self.delay_id);
        json!({ "url": self.url, "room_id": room, "slot_id": SLOT, "member_id": "m", "delay_id": delay_id })
    }

    /// Delegates the delayed leave.
    async fn delegates(&self) {
        self.person.post(DELEGATE, self.body()).await.ok();
    }

    async fn is_in_call(&self) -> bool {
        self.person.state_of(&self.room, CALL, "k").await == json!({ "in": "call" })
    }

    /// The time until other users see the leave.
    async fn has_left(&self) -> Duration {
        let began = Instant::now();
        while self.is_in_call().await {
            assert!(began.elapsed() < Duration::from_secs(30), "they are still in the call");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        began.elapsed()
    }

    /// A webhook event of the SFU about the user.
    fn news(&self, event: &str) -> Value {
        let (room, identity) = (&self.sfu_room, &self.identity);
        json!({ "event": event, "room": { "name": room, "sid": "RM_x" }, "participant": { "identity": identity }, "id": "EV_x" })
    }
}

/// The token with which LiveKit signs a webhook.
fn signed(world: &World, body: &str, secret: &str) -> String {
    let now_s = world.server().domain.core.now_ms() / 1_000;
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let sha256 = STANDARD.encode(Sha256::digest(body.as_bytes()));
    let claims = json!({ "iss": NAME, "nbf": now_s, "exp": now_s + 300, "sha256": sha256 });
    let token = format!("{}.{}", part(json!({ "alg": "HS256", "typ": "JWT" })), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length will do");
    mac.update(token.as_bytes());
    format!("{token}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// A webhook request as LiveKit sends it.
fn hook(world: &World, body: &str, authorization: &str) -> Ask {
    let ask = world.anyone().ask(reqwest::Method::POST, WEBHOOK).header("authorization", authorization);
    ask.bytes("application/webhook+json", body)
}

async fn tells(world: &World, news: &Value) -> Answer {
    let body = news.to_string();
    let token = signed(world, &body, SECRET);
    hook(world, &body, &token).await
}

async fn passes(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

#[tokio::test]
async fn who_is_gone_leaves_at_once_and_no_one_before() {
    let sfu = Sfu::starts().await;
    let world = world(&sfu).await;
    let caller = Caller::enters(&world, 1_500).await;
    sfu.has(&caller.sfu_room, &caller.identity);
    caller.delegates().await;
    tells(&world, &caller.news("participant_joined")).await.ok();
    passes(3_000).await;
    assert!(caller.is_in_call().await, "nobody put the leave off");
    // An outdated event, or the user has come back: the SFU still has the user.
    tells(&world, &caller.news("participant_left")).await.ok();
    passes(500).await;
    assert!(caller.is_in_call().await, "they were thrown out");
    sfu.loses(&caller.identity);
    tells(&world, &caller.news("participant_left")).await.ok();
    let took = caller.has_left().await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    // A repeated event has no effect.
    tells(&world, &caller.news("participant_left")).await.ok();
    world.ends().await;
}

#[tokio::test]
async fn who_never_comes_leaves_by_themselves() {
    let sfu = Sfu::starts().await;
    let world = world(&sfu).await;
    let caller = Caller::enters(&world, 1_000).await;
    let began = Instant::now();
    caller.delegates().await;
    tells(&world, &caller.news("participant_left")).await.ok();
    caller.has_left().await;
    assert!(began.elapsed() >= Duration::from_millis(1_000), "{:?}", began.elapsed());
    world.ends().await;
}

#[tokio::test]
async fn without_a_word_of_the_sfu_it_is_noticed_and_also_after_a_restart() {
    let sfu = Sfu::starts().await;
    let mut world = world(&sfu).await;
    let caller = Caller::enters(&world, 3_600_000).await;
    sfu.has(&caller.sfu_room, &caller.identity);
    caller.delegates().await;
    passes(300).await;
    world.restart().await;
    passes(1_000).await;
    assert!(caller.is_in_call().await, "a restart threw them out");
    sfu.loses(&caller.identity);
    world.restart().await;
    // The user gets a moment to reconnect, in case the SFU was restarted.
    let took = caller.has_left().await;
    assert!(took > Duration::from_secs(5) && took < Duration::from_secs(20), "{took:?}");
    world.ends().await;
}

#[tokio::test]
async fn an_sfu_that_is_away_is_believed_what_it_said_last() {
    let sfu = Sfu::starts().await;
    let world = world(&sfu).await;
    let caller = Caller::enters(&world, 3_600_000).await;
    sfu.has(&caller.sfu_room, &caller.identity);
    caller.delegates().await;
    passes(300).await;
    drop(sfu);
    tells(&world, &json!({ "event": "room_finished", "room": { "name": caller.sfu_room } })).await.ok();
    let took = caller.has_left().await;
    assert!(took < Duration::from_secs(15), "{took:?}");
    world.ends().await;
}

#[tokio::test]
async fn only_the_sfu_is_heard() {
    let sfu = Sfu::starts().await;
    let world = world(&sfu).await;
    let caller = Caller::enters(&world, 3_600_000).await;
    caller.delegates().await;
    let body = caller.news("participant_left").to_string();
    hook(&world, &body, "").await.refused(401, "M_UNAUTHORIZED");
    hook(&world, &body, "Bearer x").await.refused(401, "M_UNAUTHORIZED");
    let forged = signed(&world, &body, "another secret of 32 characters ..");
    hook(&world, &body, &forged).await.refused(401, "M_UNAUTHORIZED");
    let other = signed(&world, "{}", SECRET);
    hook(&world, &body, &other).await.refused(401, "M_UNAUTHORIZED");
    for odd in [
        json!({}),
        json!({ "event": "track_published", "room": { "name": "x" } }),
        json!({ "event": "participant_left" }),
        json!({ "event": "participant_left", "room": {} }),
        json!({ "event": "room_finished", "room": { "name": "nowhere" } }),
    ] {
        tells(&world, &odd).await.ok();
    }
    for bad in [json!([]), json!({ "event": 7 }), json!({ "event": "participant_left", "room": "x" })] {
        tells(&world, &bad).await.refused(400, "M_BAD_JSON");
    }
    let broken = signed(&world, "{", SECRET);
    hook(&world, "{", &broken).await.refused(400, "M_BAD_JSON");
    let large = " ".repeat(300 * 1024);
    hook(&world, &large, &signed(&world, &large, SECRET)).await.refused(413, "M_TOO_LARGE");
    assert!(caller.is_in_call().await);
    world.ends().await;
}

#[tokio::test]
async fn leaves_of_others_are_not_handed_over() {
    let sfu = Sfu::starts().await;
    let world = world(&sfu).await;
    let caller = Caller::enters(&world, 3_600_000).await;
    let (alice, bob) = (&caller.person, world.register("bob").await);
    let with = |key: &str, value: Value| {
        let mut body = caller.body();
        body[key] = value;
        alice.post(DELEGATE, body)
    };
    world.anyone().post(DELEGATE, caller.body()).await.refused(401, "M_MISSING_TOKEN");
    bob.post(DELEGATE, caller.body()).await.refused(404, "M_NOT_FOUND");
    with("delay_id", json!("nothing")).await.refused(404, "M_NOT_FOUND");
    with("room_id", json!(alice.creates_room().await.0)).await.refused(404, "M_NOT_FOUND");
    with("url", json!("wss://elsewhere.example")).await.refused(400, "M_INVALID_PARAM");
    with("slot_id", json!("")).await.refused(400, "M_INVALID_PARAM");
    with("slot_id", json!("s".repeat(300))).await.refused(400, "M_INVALID_PARAM");
    with("member_id", json!(7)).await.refused(400, "M_BAD_JSON");
    with("room_id", json!("x")).await.refused(400, "M_BAD_JSON");
    alice.post(DELEGATE, json!({})).await.refused(400, "M_BAD_JSON");
    let mut older = caller.body();
    older.as_object_mut().expect("an object").remove("member_id");
    alice.post(DELEGATE, older.clone()).await.refused(400, "M_BAD_JSON");
    older["member"] = json!({ "id": "m" });
    alice.post(STABLE, older).await.ok();
    world.ends().await;

    let without = World::new().await;
    let carol = without.register("carol").await;
    let body =
        json!({ "url": "wss://x", "room_id": "!x:localhost", "slot_id": "s", "member_id": "m", "delay_id": "d" });
    carol.post(DELEGATE, body).await.refused(404, "M_UNRECOGNIZED");
    hook(&without, "{}", "x").await.refused(404, "M_UNRECOGNIZED");
    without.ends().await;
}
