//! Tests of issued tokens, with an SFU that is a list.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hearth_base::clock::ManualClock;
use hearth_base::config::{Passwords, Secret};
use hearth_base::random::SeededRandom;
use hearth_base::{Error, Reason, Result, Seams, limits};
use hearth_core::Requester;
use hearth_core::ports::{Appointed, Eventually, RemoteResponse, Switched};
use hearth_rooms::testing::{core, create_room, moves, requester};
use hearth_store::tables::memberships::Membership;
use hearth_users::accounts::{Authority, Flag, NewAccount};
use parking_lot::Mutex;
use ruma::{OwnedRoomId, server_name, user_id};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::token::{SfuKey, TokenClaims};
use super::{CallMember, OpenIdProof, Rtc, TokenRequest};
use crate::Domain;

const SECRET: &str = "a-secret-that-is-quite-long-enough";
const MINUTE_MS: u64 = 60_000;

/// A fake SFU: records requests and returns fixed participants.
#[derive(Debug, Default)]
struct List {
    asked: Mutex<Vec<(String, Value)>>,
    there: Mutex<BTreeSet<String>>,
    refuses: Mutex<Option<u16>>,
}

impl List {
    fn asked(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.asked.lock())
    }

    fn methods(&self) -> Vec<String> {
        self.asked().into_iter().map(|(method, _)| method).collect()
    }
}

fn answered(status: u16, body: &Value) -> RemoteResponse {
    let body = Box::pin(futures_util::stream::iter([Ok(Bytes::from(body.to_string()))]));
    RemoteResponse { status, content_type: None, body }
}

impl Appointed for List {
    fn send(&self, request: http::Request<Bytes>, _: Duration) -> Eventually<Result<RemoteResponse>> {
        let method = request.uri().path().rsplit('/').next().expect("a path").to_owned();
        let asked: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        if let Some(status) = *self.refuses.lock() {
            return Box::pin(std::future::ready(Ok(answered(status, &json!({})))));
        }
        let there: Vec<Value> = self.there.lock().iter().map(|identity| json!({ "identity": identity })).collect();
        if method == "RemoveParticipant" {
            self.there.lock().remove(asked["identity"].as_str().expect("an identity"));
        }
        self.asked.lock().push((method, asked));
        Box::pin(std::future::ready(Ok(answered(200, &json!({ "participants": there })))))
    }

    fn switch(&self, request: http::Request<()>, _: Duration) -> Eventually<Result<Switched>> {
        self.asked.lock().push((request.uri().path().to_owned(), Value::Null));
        Box::pin(std::future::ready(Ok(Switched::No(answered(404, &json!({}))))))
    }
}

struct World {
    domain: Arc<Domain>,
    clock: Arc<ManualClock>,
    sfu: Arc<List>,
    room: OwnedRoomId,
    alice: Requester,
    bob: Requester,
    _folder: tempfile::TempDir,
}

async fn register(domain: &Domain, name: &str) -> Requester {
    let new = NewAccount {
        localpart: Some(name.to_owned()),
        displayname: None,
        password: Some("correct horse".to_owned()),
        admin: false,
        authority: Authority::Admin,
    };
    domain.accounts.register(new, None).await.expect("an account");
    let id = format!("@{name}:home.example");
    let user = hearth_rooms::testing::user(&domain.core, &id).await;
    requester(user.user, &id, user.device, "DEVICE")
}

impl World {
    async fn new() -> Self {
        Self::at("ws://127.0.0.1:7880").await
    }

    async fn at(address: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(ManualClock::at(1_700_000_000_000));
        let seams = Seams { clock: clock.clone(), random: Arc::new(SeededRandom::new(7)) };
        let core = core(&folder, seams, |config| {
            config.passwords = Passwords::cheap();
            config.livekit.address = Some(address.parse().expect("an address"));
            config.livekit.key = Some(Secret::new(format!("devkey: {SECRET}")));
        });
        let domain = Domain::new(core, Arc::new(hearth_core::ports::Nowhere)).expect("a domain");
        let sfu = Arc::<List>::default();
        domain.rtc.reached_by(sfu.clone());
        let (alice, bob) = (register(&domain, "alice").await, register(&domain, "bob").await);
        let wanted = create_room(&json!({ "preset": "public_chat" }));
        let room = domain.actions.create_room(&alice, wanted).await.expect("a room");
        hearth_rooms::LocalRooms::of(&domain.rooms)
            .join(&bob, room.clone().into(), hearth_rooms::JoinContent::default())
            .await
            .expect("joined");
        Self { domain, clock, sfu, room, alice, bob, _folder: folder }
    }

    fn rtc(&self) -> &Rtc {
        &self.domain.rtc
    }

    fn wish<'a>(&'a self, member: &'a str) -> TokenRequest<'a> {
        TokenRequest { room: &self.room, slot: "m.call#ROOM", member: CallMember::Id(member) }
    }

    async fn gives(&self, who: &Requester, member: &str) -> Result<TokenClaims> {
        let token = self.rtc().give(who, "wss://home.example/_matrix/livekit/sfu", self.wish(member)).await?;
        Ok(self.rtc().read_token(&token).expect("a good token"))
    }

    /// Connects to the proxy with a token.
    async fn passes(&self, claims: &TokenClaims) -> Result<()> {
        let now_s = self.clock_s();
        let fresh = TokenClaims { nbf: now_s, exp: now_s + 600, ..claims.clone() };
        let token = SfuKey::new("devkey", SECRET).mint(&fresh);
        self.rtc().pass(&token, "rtc", http::HeaderMap::new()).await.map(drop)
    }

    fn clock_s(&self) -> u64 {
        self.domain.core.now_ms() / 1_000
    }
}

fn reason<T: std::fmt::Debug>(outcome: Result<T>) -> Reason {
    outcome.expect_err("a refusal").reason().expect("not a fault")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_gets_a_token_for_their_room_and_a_while() {
    let world = World::new().await;
    let claims = world.gives(&world.alice, "one").await.expect("a token");
    assert_eq!(claims.sub, world.rtc().identity(user_id!("@alice:home.example"), CallMember::Id("one")));
    assert_eq!(claims.video.room, world.rtc().room_name(&world.room, "m.call#ROOM"));
    assert!(claims.video.room_join && claims.video.can_publish && claims.video.can_subscribe);
    assert!(!claims.video.room_create && !claims.video.room_admin && !claims.video.can_update_own_metadata);
    assert_eq!((claims.nbf, claims.exp), (world.clock_s(), world.clock_s() + limits::RTC_TOKEN_MS_MAX / 1_000));
    let [(method, asked)] = &world.sfu.asked()[..] else { panic!("one request") };
    assert_eq!((method.as_str(), &asked["name"]), ("CreateRoom", &json!(claims.video.room)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_one_else_gets_one() {
    let world = World::new().await;
    let carol = register(&world.domain, "carol").await;
    assert_eq!(reason(world.gives(&carol, "one").await), Reason::Forbidden, "not in the room");
    let nowhere = ruma::room_id!("!nowhere:home.example");
    let wish = TokenRequest { room: nowhere, ..world.wish("one") };
    assert_eq!(reason(world.rtc().give(&world.alice, "x", wish).await), Reason::Forbidden, "no such room");
    let other = world.rtc().give(&world.alice, "wss://other.example", world.wish("one"));
    assert_eq!(reason(other.await), Reason::InvalidParam, "another SFU");
    for member in ["", &"x".repeat(256)] {
        assert_eq!(reason(world.gives(&world.alice, member).await), Reason::InvalidParam, "{member:?}");
    }
    world
        .domain
        .accounts
        .set_flag(world.bob.user, Flag::Suspended, true, hearth_core::also::nothing())
        .await
        .expect("suspended");
    assert_eq!(reason(world.gives(&world.bob, "one").await), Reason::Forbidden, "suspended");
    assert_eq!(world.sfu.methods(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_speak_for_their_own_members_only() {
    let world = World::new().await;
    moves(&world.domain.core, &world.room, "@eve:far.example", Membership::Join).await;
    let (far, eve, url) =
        (server_name!("far.example"), user_id!("@eve:far.example"), "wss://home.example/_matrix/livekit/sfu");
    let token = world.rtc().give_to(far, eve, url, world.wish("one")).await.expect("a token");
    let claims = world.rtc().read_token(&token).expect("a good token");
    assert!(!claims.video.can_publish && claims.video.can_subscribe, "she is heard at the SFU of her own");
    let other = world.rtc().give_to(server_name!("other.example"), eve, url, world.wish("one"));
    assert_eq!(reason(other.await), Reason::Forbidden, "not of that server");
    let mallory = world.rtc().give_to(far, user_id!("@mallory:far.example"), url, world.wish("one"));
    assert_eq!(reason(mallory.await), Reason::Forbidden, "not in the room");
    let elsewhere = world.rtc().give_to(far, eve, "wss://far.example", world.wish("one"));
    assert_eq!(reason(elsewhere.await), Reason::InvalidParam);
    let stranger = OpenIdProof { token: "x", server: server_name!("stranger.example") };
    let asked = world.rtc().give_for(stranger, None, world.wish("one")).await;
    assert_eq!(reason(asked), Reason::Forbidden, "a server that is not in the room is not even asked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_the_room_leaves_the_call() {
    let world = World::new().await;
    let (alice, bob) = (world.gives(&world.alice, "a").await.expect("a token"), world.gives(&world.bob, "b").await);
    let bob = bob.expect("a token");
    world.passes(&bob).await.expect("he passes");
    world.sfu.there.lock().extend([alice.sub.clone(), bob.sub.clone()]);
    world.sfu.asked();
    world.rtc().keep_members_only().await.expect("kept");
    assert_eq!(world.sfu.methods(), Vec::<String>::new(), "all are members, and their tokens are fresh");

    hearth_rooms::LocalRooms::of(&world.domain.rooms).leave(&world.bob, world.room.clone(), None).await.expect("left");
    world.rtc().keep_members_only().await.expect("kept");
    assert_eq!(*world.sfu.there.lock(), BTreeSet::from([alice.sub.clone()]));
    assert_eq!(reason(world.passes(&bob).await), Reason::Unauthorized, "the passage knows");
    // Bob reconnects with a token that the SFU gave him.
    world.sfu.there.lock().insert(bob.sub.clone());
    world.rtc().keep_members_only().await.expect("kept");
    assert_eq!(*world.sfu.there.lock(), BTreeSet::from([alice.sub.clone()]));

    // After he rejoins the room, a new token lets him in.
    hearth_rooms::LocalRooms::of(&world.domain.rooms)
        .join(&world.bob, world.room.clone().into(), hearth_rooms::JoinContent::default())
        .await
        .expect("joined");
    assert_eq!(reason(world.passes(&bob).await), Reason::Unauthorized);
    world.gives(&world.bob, "b").await.expect("a token");
    world.passes(&bob).await.expect("he passes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_are_not_there_are_forgotten_and_those_who_are_stay() {
    let world = World::new().await;
    let (alice, bob) = (world.gives(&world.alice, "a").await.expect("a token"), world.gives(&world.bob, "b").await);
    bob.expect("a token");
    world.sfu.there.lock().insert(alice.sub.clone());
    world.sfu.asked();
    world.clock.advance(11 * MINUTE_MS);
    world.rtc().keep_members_only().await.expect("kept");
    assert_eq!(world.sfu.methods(), ["ListParticipants"], "one look for the whole room");
    let places = world.rtc().given.all();
    assert_eq!(places.iter().map(|(place, _)| &place.identity).collect::<Vec<_>>(), [&alice.sub]);
    // An SFU that does not answer must not make the server forget its seats.
    *world.sfu.refuses.lock() = Some(503);
    world
        .domain
        .accounts
        .set_flag(world.alice.user, Flag::Locked, true, hearth_core::also::nothing())
        .await
        .expect("locked");
    assert_eq!(reason(world.rtc().keep_members_only().await), Reason::ConnectionFailed);
    *world.sfu.refuses.lock() = None;
    world.rtc().keep_members_only().await.expect("kept");
    assert!(world.sfu.there.lock().is_empty(), "her account is locked");
    world.clock.advance(11 * MINUTE_MS);
    world.rtc().keep_members_only().await.expect("kept");
    assert!(world.rtc().given.all().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sfu_proves_what_it_says() {
    let world = World::new().await;
    let (body, now_s) = (br#"{"event":"participant_left"}"#, world.clock_s());
    let sha256 = Some(STANDARD.encode(Sha256::digest(body)));
    let claims =
        TokenClaims { iss: "devkey".to_owned(), nbf: now_s, exp: now_s + 300, sha256, ..TokenClaims::default() };
    let token = SfuKey::new("devkey", SECRET).mint(&claims);
    world.rtc().verify_webhook(&token, body).expect("it is the SFU");
    for (token, body) in [
        (token.clone(), &b"{}"[..]),
        (SfuKey::new("devkey", "another secret, also long enough").mint(&claims), body),
        (SfuKey::new("devkey", SECRET).mint(&TokenClaims { sha256: None, ..claims.clone() }), body),
        (String::new(), body),
    ] {
        let refused: Result<(), Error> = world.rtc().verify_webhook(&token, body);
        assert_eq!(reason(refused), Reason::Unauthorized);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_passes_to_an_sfu_that_clients_reach_by_themselves() {
    let world = World::at("wss://sfu.example/").await;
    assert_eq!(world.rtc().sfu_url().expect("an SFU"), "wss://sfu.example");
    let token = world.rtc().give(&world.alice, "wss://sfu.example", world.wish("a")).await.expect("a token");
    let claims = world.rtc().read_token(&token).expect("a good token");
    assert_eq!(reason(world.passes(&claims).await), Reason::Unrecognized);
    assert_eq!(world.sfu.methods(), ["CreateRoom"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_the_sfu_is_said_in_words() {
    let world = World::new().await;
    let good = world.rtc().check().await.expect("there is one");
    assert!(good.works, "{good:?}");
    for (status, word) in [(401, "\"devkey\""), (404, "not LiveKit"), (500, "500")] {
        *world.sfu.refuses.lock() = Some(status);
        let checked = world.rtc().check().await.expect("there is one");
        assert!(!checked.works && checked.message.contains(word), "{checked:?}");
    }
    assert_eq!(reason(world.gives(&world.alice, "a").await), Reason::ConnectionFailed);
}
