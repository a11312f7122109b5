//! Tokens, refresh, registration tokens and user-interactive authentication, on a real database with a manual clock.

use std::sync::Arc;

use hearth_base::clock::ManualClock;
use hearth_base::config::{Config, Passwords, RegistrationMode};
use hearth_base::random::SeededRandom;
use hearth_base::{Error, Reason, Seams};
use hearth_core::Requester;
use hearth_core::also;
use hearth_core::rates::Rates;
use hearth_rooms::RoomCore;
use hearth_store::{Options, Store};
use serde_json::{Value, json};

use super::{Accounts, Authority, DeviceRequest, Flag, LoggedIn, NewAccount};
use crate::devices::{Devices, RequestSource};
use crate::uia::{self, Uia, UiaRequest};

const PASSWORD: &str = "correct horse";

struct World {
    clock: Arc<ManualClock>,
    accounts: Arc<Accounts>,
    uia: Uia,
    _folder: tempfile::TempDir,
}

impl World {
    fn new(mode: RegistrationMode) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(1_700_000_000_000));
        let seams = Seams { clock: clock.clone(), random: Arc::new(SeededRandom::new(7)) };
        let mut config = Config { passwords: Passwords::cheap(), ..Config::default() };
        config.registration.mode = mode;
        config.rate_limits.enabled = false;
        let config = Arc::new(config);
        let store = Store::open(Options::sqlite(folder.path().join("hearth.db")), seams.clone()).unwrap();
        let core = RoomCore::new(store, seams, config.clone()).unwrap();
        let rates = Arc::new(Rates::new(config, clock.clone()));
        let devices = Arc::new(Devices::new(core.clone()));
        let accounts = Arc::new(Accounts::new(core.clone(), devices, rates).unwrap());
        let uia = Uia::new(core, accounts.clone());
        Self { clock, accounts, uia, _folder: folder }
    }

    async fn register(&self, name: &str, authority: Authority, refreshable: bool) -> Result<LoggedIn, Error> {
        let new = NewAccount {
            localpart: Some(name.to_owned()),
            displayname: None,
            password: Some(PASSWORD.to_owned()),
            admin: false,
            authority,
        };
        let device = DeviceRequest { refreshable, ..DeviceRequest::default() };
        Ok(self.accounts.register(new, Some(device)).await?.1.unwrap())
    }

    async fn who(&self, token: &str) -> Result<Requester, Error> {
        self.accounts.authenticate(token, RequestSource::default()).await
    }
}

fn reason<T>(result: Result<T, Error>) -> Reason {
    result.map(drop).unwrap_err().reason().unwrap()
}

const UNKNOWN: Reason = Reason::UnknownToken { soft_logout: false };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_works_until_log_out_and_a_locked_user_is_seen_at_once() {
    let world = World::new(RegistrationMode::Open);
    let alice = world.register("alice", Authority::Anyone, false).await.unwrap();
    let who = world.who(&alice.tokens.access_token).await.unwrap();
    assert_eq!((who.user_id.as_str(), who.admin, who.locked), ("@alice:localhost", false, false));
    world.accounts.set_flag(who.user, Flag::Locked, true, also::nothing()).await.unwrap();
    assert!(world.who(&alice.tokens.access_token).await.unwrap().locked);
    let locked = world.accounts.log_in_by_password("alice", PASSWORD, DeviceRequest::default(), None).await;
    assert_eq!(reason(locked), Reason::UserLocked);
    world.accounts.log_out(&who).await.unwrap();
    assert_eq!(reason(world.who(&alice.tokens.access_token).await), UNKNOWN);
    for bad in ["", "hea_", &"x".repeat(100_000)] {
        assert_eq!(reason(world.who(bad).await), UNKNOWN);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logging_in_again_with_a_device_replaces_its_tokens_only() {
    let world = World::new(RegistrationMode::Open);
    let first = world.register("alice", Authority::Anyone, false).await.unwrap();
    let before = world.who(&first.tokens.access_token).await.unwrap();
    let again = DeviceRequest { id: Some(first.device_id.clone()), ..DeviceRequest::default() };
    let second = world.accounts.log_in_by_password("@Alice:localhost", PASSWORD, again, None).await.unwrap();
    assert_eq!(reason(world.who(&first.tokens.access_token).await), UNKNOWN);
    assert_eq!(world.who(&second.tokens.access_token).await.unwrap().device, before.device);
    for (name, password) in [("alice", "wrong"), ("nobody", PASSWORD), ("@alice:elsewhere", PASSWORD), ("", "")] {
        let wrong = world.accounts.log_in_by_password(name, password, DeviceRequest::default(), None).await;
        assert_eq!(reason(wrong), Reason::Forbidden, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_pair_works_until_the_new_one_is_used() {
    let world = World::new(RegistrationMode::Open);
    let one = world.register("alice", Authority::Anyone, true).await.unwrap().tokens;
    let (access_one, refresh_one) = (one.access_token, one.refresh_token.unwrap());
    world.who(&access_one).await.unwrap();
    // The first refresh response is lost; the client retries with the same token.
    let lost = world.accounts.refresh(&refresh_one).await.unwrap();
    let two = world.accounts.refresh(&refresh_one).await.unwrap();
    world.who(&access_one).await.unwrap();
    assert_eq!(reason(world.who(&lost.access_token).await), UNKNOWN);
    world.who(&two.access_token).await.unwrap();
    assert_eq!(reason(world.who(&access_one).await), UNKNOWN);
    assert_eq!(reason(world.accounts.refresh(&refresh_one).await), UNKNOWN);
    // Using the refresh token also counts as use of the pair.
    let three = world.accounts.refresh(&two.refresh_token.unwrap()).await.unwrap();
    world.accounts.refresh(&three.refresh_token.unwrap()).await.unwrap();
    assert_eq!(reason(world.who(&two.access_token).await), UNKNOWN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_access_token_is_a_soft_logout() {
    let world = World::new(RegistrationMode::Open);
    let tokens = world.register("alice", Authority::Anyone, true).await.unwrap().tokens;
    world.who(&tokens.access_token).await.unwrap();
    world.clock.advance(tokens.expires_in_ms.unwrap());
    assert_eq!(reason(world.who(&tokens.access_token).await), Reason::UnknownToken { soft_logout: true });
    let fresh = world.accounts.refresh(&tokens.refresh_token.unwrap()).await.unwrap();
    world.who(&fresh.access_token).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_account_administers_also_where_registration_is_closed() {
    let world = World::new(RegistrationMode::Closed);
    assert_eq!(reason(world.accounts.registration_flows().await), Reason::Forbidden);
    let token = world.accounts.first_run_token().await.unwrap().unwrap();
    assert_eq!(world.accounts.first_run_token().await.unwrap().as_deref(), Some(token.as_str()));
    assert_eq!(world.accounts.registration_flows().await.unwrap(), uia::REGISTRATION_TOKEN);
    let alice = world.register("alice", Authority::Token(token.clone()), false).await.unwrap();
    assert!(world.who(&alice.tokens.access_token).await.unwrap().admin);
    assert_eq!(reason(world.register("bob", Authority::Token(token), false).await), Reason::Forbidden);
    assert_eq!(world.accounts.first_run_token().await.unwrap(), None);
    assert_eq!(reason(world.register("bob", Authority::Anyone, false).await), Reason::Forbidden);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_cannot_have_the_last_use_of_a_token_nor_the_same_name() {
    let world = World::new(RegistrationMode::Open);
    let new = super::NewRegistrationToken { uses_max: Some(1), ..Default::default() };
    let token = Authority::Token(world.accounts.make_registration_token(new, |_, _| Ok(())).await.unwrap().token);
    let (one, two) =
        tokio::join!(world.register("alice", token.clone(), false), world.register("bob", token.clone(), false));
    assert_eq!(u8::from(one.is_ok()) + u8::from(two.is_ok()), 1);
    let (one, two) = tokio::join!(
        world.register("carol", Authority::Anyone, false),
        world.register("carol", Authority::Anyone, false)
    );
    assert_eq!(u8::from(one.is_ok()) + u8::from(two.is_ok()), 1);
    assert_eq!(reason(one.and(two)), Reason::UserInUse);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_token_works_once_and_for_a_short_time() {
    let world = World::new(RegistrationMode::Open);
    let alice = world.register("alice", Authority::Anyone, false).await.unwrap();
    let alice = world.who(&alice.tokens.access_token).await.unwrap();
    let (token, lifetime_ms) = world.accounts.make_login_token(&alice).unwrap();
    let second = world.accounts.log_in_by_token(&token, DeviceRequest::default()).await.unwrap();
    assert_eq!(second.user_id, alice.user_id);
    assert_eq!(reason(world.accounts.log_in_by_token(&token, DeviceRequest::default()).await), Reason::Forbidden);
    let (token, _) = world.accounts.make_login_token(&alice).unwrap();
    world.clock.advance(lifetime_ms);
    assert_eq!(reason(world.accounts.log_in_by_token(&token, DeviceRequest::default()).await), Reason::Forbidden);
}

/// The response to an incomplete authentication.
async fn challenge(world: &World, request: UiaRequest<'_>) -> Value {
    let Err(Error::Refusal(refusal)) = world.uia.check(request).await else { panic!("expected a refusal") };
    assert_eq!(refusal.reason, Reason::Uia, "{}", refusal.message);
    Value::Object(refusal.fields)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_is_for_one_request_and_works_once() {
    let world = World::new(RegistrationMode::Open);
    let alice = world.register("alice", Authority::Anyone, false).await.unwrap();
    let alice = world.who(&alice.tokens.access_token).await.unwrap();
    let first = UiaRequest {
        requester: Some(&alice),
        client: None,
        target: "POST /delete_devices",
        body: br#"{"devices":["A"]}"#,
        auth: None,
        flows: uia::PASSWORD,
    };
    let offered = challenge(&world, first).await;
    assert_eq!(offered["flows"], json!([{ "stages": ["m.login.password"] }]));
    assert!(offered.get("errcode").is_none());
    let session = offered["session"].as_str().unwrap();
    let proof = |password: &str, user: &str| {
        json!({ "type": "m.login.password", "session": session, "password": password,
            "identifier": { "type": "m.id.user", "user": user } })
    };
    let (wrong, stranger, right) = (proof("wrong", "alice"), proof(PASSWORD, "bob"), proof(PASSWORD, "alice"));
    let failed = challenge(&world, UiaRequest { auth: Some(&wrong), ..first }).await;
    assert_eq!((&failed["errcode"], &failed["session"]), (&json!("M_FORBIDDEN"), &json!(session)));
    let of_another = world.uia.check(UiaRequest { auth: Some(&stranger), ..first }).await;
    assert_eq!(reason(of_another), Reason::Forbidden);
    let others = [
        UiaRequest { body: br#"{"devices":["B"]}"#, ..first },
        UiaRequest { target: "POST /deactivate", ..first },
        UiaRequest { requester: None, ..first },
    ];
    for other in others {
        let refused = world.uia.check(UiaRequest { auth: Some(&right), ..other }).await;
        assert_eq!(reason(refused), Reason::Forbidden);
    }
    world.uia.check(UiaRequest { auth: Some(&right), ..first }).await.unwrap();
    let again = challenge(&world, UiaRequest { auth: Some(&right), ..first }).await;
    assert_ne!(again["session"], json!(session));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_expires_and_need_not_repeat_the_body() {
    let world = World::new(RegistrationMode::Open);
    let alice = world.register("alice", Authority::Anyone, false).await.unwrap();
    let alice = world.who(&alice.tokens.access_token).await.unwrap();
    let target = "POST /delete_devices";
    let body = br#"{"devices":["A"]}"#;
    let first = UiaRequest { requester: Some(&alice), client: None, target, body, auth: None, flows: uia::PASSWORD };
    let session = challenge(&world, first).await["session"].clone();
    let short = json!({ "auth": { "session": session } }).to_string();
    let (restored, auth) = world.uia.split(short.as_bytes(), target);
    assert_eq!(restored, body);
    assert_eq!(auth.unwrap()["session"], session);
    assert_eq!(world.uia.split(short.as_bytes(), "POST /other").0, b"{}");
    // A request body with a password must not be stored.
    let secret = UiaRequest { body: br#"{"new_password":"x"}"#, ..first };
    let session = challenge(&world, secret).await["session"].clone();
    let short = json!({ "auth": { "session": session } }).to_string();
    assert_eq!(world.uia.split(short.as_bytes(), target).0, b"{}");
    world.clock.advance(hearth_base::limits::UIA_SESSION_MS_MAX);
    assert!(!world.uia.knows(session.as_str().unwrap()));
    for odd in ["", "[]", "nonsense", "{\"auth\":7}", "{\"auth\":{\"session\":7}}"] {
        let (rest, auth) = world.uia.split(odd.as_bytes(), target);
        challenge(&world, UiaRequest { auth: auth.as_ref(), body: &rest, ..first }).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "the test waits for its own tasks")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_waits_ends_with_its_session() {
    use crate::ephemeral::{PresenceBook, Typing};
    use crate::sync::{Sync, SyncQuery};

    let world = World::new(RegistrationMode::Open);
    let core = world.accounts.core.clone();
    let sync = Sync::new(core.clone(), Typing::new(core.clone()), PresenceBook::new(core.clone()), Arc::default());
    let alice = world.register("alice", Authority::Anyone, false).await.unwrap();
    let who = world.who(&alice.tokens.access_token).await.unwrap();
    let waits = |who: &Requester| {
        let (sync, who) = (sync.clone(), who.clone());
        let query = SyncQuery {
            since: Some(core.store.position()),
            filter: Arc::default(),
            full_state: false,
            wait: std::time::Duration::from_secs(60),
            presence: ruma::presence::PresenceState::Offline,
            state_after: false,
        };
        tokio::spawn(async move { sync.sync(&who, query).await })
    };
    let asleep = || async {
        while !core.notifier.is_awaited(who.user) {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    let waiting = waits(&who);
    asleep().await;
    world.accounts.set_flag(who.user, Flag::Locked, true, also::nothing()).await.unwrap();
    assert_eq!(reason(waiting.await.unwrap()), Reason::UserLocked);
    world.accounts.set_flag(who.user, Flag::Locked, false, also::nothing()).await.unwrap();
    let waiting = waits(&who);
    asleep().await;
    world.accounts.log_out(&who).await.unwrap();
    let ended = waiting.await.unwrap().expect("a sync that is under way ends without an error");
    assert!(ended.rooms.is_empty() && !ended.next_batch.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_in_beyond_the_last_device_ends_the_longest_unused_one() {
    let world = World::new(RegistrationMode::Open);
    let first = world.register("alice", Authority::Anyone, false).await.unwrap();
    let log_in = async |device: Option<&str>| {
        let request = DeviceRequest { id: device.map(Into::into), ..DeviceRequest::default() };
        world.accounts.log_in_trusted(&first.user_id, request).await.unwrap()
    };
    world.clock.advance(1_000);
    let second = log_in(None).await;
    world.clock.advance(1_000);
    for _ in 2..hearth_base::limits::DEVICES_PER_USER_MAX {
        log_in(None).await;
    }
    world.who(&first.tokens.access_token).await.unwrap();
    let last = log_in(None).await;
    assert_eq!(reason(world.who(&first.tokens.access_token).await), UNKNOWN, "the one that logged in first");
    world.who(&second.tokens.access_token).await.unwrap();
    world.who(&last.tokens.access_token).await.unwrap();
    // An existing device does not count against the limit twice.
    log_in(Some(last.device_id.as_str())).await;
    world.who(&second.tokens.access_token).await.unwrap();
}
