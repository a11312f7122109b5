//! Accounts: registration, login and logout, user-interactive authentication, and tokens.

use futures_util::future::join_all;
use hearth_base::config::{RegistrationMode, Secret};
use hmac::{Hmac, Mac};
use sha1::Sha1;

use crate::harness::{PASSWORD, Person, Value, World, json, list, v1, v3};

const HOUR_MS: u64 = 60 * 60 * 1_000;

async fn first_run_token(world: &World) -> Option<String> {
    world.server().domain.accounts.first_run_token().await.expect("the database answers")
}

#[tokio::test]
async fn who_registers_is_logged_in_and_can_log_in_again() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let me = alice.get(v3!("account/whoami")).await.ok();
    assert_eq!(me["user_id"], "@alice:localhost");
    assert_eq!(me["device_id"], alice.device.as_str());

    for name in ["alice", "@alice:localhost", "Alice"] {
        let again = Person::logs_in(world.anyone(), name).await;
        assert_eq!(again.id, alice.id);
        assert_ne!(again.token, alice.token);
    }
    world.ends().await;
}

#[tokio::test]
async fn registering_takes_two_steps_for_clients_that_ask_first() {
    let world = World::new().await;
    let wish = json!({ "username": "alice", "password": PASSWORD });
    let asked = world.anyone().post(v3!("register"), wish.clone()).await;
    assert_eq!(asked.status, 401);
    let offer = asked.json();
    assert_eq!(offer["flows"][0]["stages"], json!(["m.login.dummy"]));
    assert_eq!(offer.get("errcode"), None, "asking is not an error");
    let mut answer = wish;
    answer["auth"] = json!({ "type": "m.login.dummy", "session": offer["session"] });
    let made = world.anyone().post(v3!("register"), answer).await.ok();
    assert_eq!(made["user_id"], "@alice:localhost");
    world.ends().await;
}

#[tokio::test]
async fn names_that_are_taken_or_cannot_be_are_refused() {
    let world = World::new().await;
    world.register("alice").await;
    let available = v3!("register/available");
    world.anyone().get(&available).query(&[("username", "bob")]).await.ok();
    let long = "a".repeat(300);
    let wrong = [
        ("alice", "M_USER_IN_USE"),
        ("Al Ice", "M_INVALID_USERNAME"),
        ("émile", "M_INVALID_USERNAME"),
        ("", "M_INVALID_USERNAME"),
        (&long, "M_INVALID_USERNAME"),
        ("_bridge", "M_EXCLUSIVE"),
    ];
    for (name, errcode) in wrong {
        world.anyone().get(&available).query(&[("username", name)]).await.refused(400, errcode);
        let body = json!({ "username": name, "password": PASSWORD, "auth": { "type": "m.login.dummy" } });
        world.anyone().post(v3!("register"), body).await.refused(400, errcode);
    }
    world.ends().await;
}

#[tokio::test]
async fn of_many_who_race_for_a_name_one_gets_it() {
    let world = World::new().await;
    let body = json!({ "username": "alice", "password": PASSWORD, "auth": { "type": "m.login.dummy" } });
    let tries = (0..20).map(|_| async { world.anyone().post(v3!("register"), body.clone()).await });
    let statuses: Vec<_> = join_all(tries).await.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 19, "{statuses:?}");
    world.ends().await;
}

#[tokio::test]
async fn short_passwords_are_refused() {
    let world = World::new().await;
    let body = json!({ "username": "alice", "password": "short", "auth": { "type": "m.login.dummy" } });
    world.anyone().post(v3!("register"), body).await.refused(400, "M_WEAK_PASSWORD");
    world.ends().await;
}

#[tokio::test]
async fn a_first_password_may_be_short_where_the_settings_allow_it() {
    let world = World::with(|config| config.passwords.initial_chars_min = Some(4)).await;
    let registers = |password: &str| {
        let body = json!({ "username": "alice", "password": password, "auth": { "type": "m.login.dummy" } });
        world.anyone().post(v3!("register"), body)
    };
    registers("abc").await.refused(400, "M_WEAK_PASSWORD");
    let alice = Person::from_login(world.anyone(), &registers("abcd").await.ok());
    let session =
        alice.post(v3!("account/password"), json!({ "new_password": "efgh" })).await.json()["session"].clone();
    let proof = |new: &str| {
        let identifier = json!({ "type": "m.id.user", "user": "alice" });
        let auth =
            json!({ "type": "m.login.password", "identifier": identifier, "password": "abcd", "session": session });
        json!({ "new_password": new, "auth": auth })
    };
    alice.post(v3!("account/password"), proof("efgh")).await.refused(400, "M_WEAK_PASSWORD");
    world.ends().await;
}

#[tokio::test]
async fn a_closed_server_lets_the_first_one_in_by_its_token_and_makes_them_administrator() {
    let mut world = World::with(|config| config.registration.mode = RegistrationMode::Closed).await;
    let token = first_run_token(&world).await.expect("there is no account yet");
    Person::registers_with_token(world.anyone(), "mallory", "a-guess").await.json();
    world.restart().await;
    assert_eq!(first_run_token(&world).await.as_ref(), Some(&token), "the token changed with a restart");

    let first = Person::registers_with_token(world.anyone(), "alice", &token).await.ok();
    let alice = Person::from_login(world.anyone(), &first);
    // Only administrators may query other users.
    alice.get(v3!("admin/whois/{}", alice)).await.ok();

    assert_eq!(first_run_token(&world).await, None, "the token is there although it was used");
    Person::registers_with_token(world.anyone(), "mallory", &token).await.refused(403, "M_FORBIDDEN");
    world.restart().await;
    Person::registers_with_token(world.anyone(), "mallory", &token).await.refused(403, "M_FORBIDDEN");
    world.ends().await;
}

#[tokio::test]
async fn a_registration_token_for_one_is_good_for_one_of_many_who_race() {
    let world = World::with(|config| config.registration.mode = RegistrationMode::Token).await;
    let actions = &world.server().domain.actions;
    let new = hearth_domain::accounts::NewRegistrationToken {
        token: Some("welcome".to_owned()),
        uses_max: Some(1),
        ..hearth_domain::accounts::NewRegistrationToken::default()
    };
    actions.admin_create_registration_token("test", new, Vec::new()).await.expect("a token can be made");
    let valid = v1!("register/m.login.registration_token/validity");
    assert_eq!(world.anyone().get(&valid).query(&[("token", "welcome")]).await.ok()["valid"], true);

    let names: Vec<_> = (0..16).map(|n| format!("user{n}")).collect();
    let tries = names.iter().map(|name| Person::registers_with_token(world.anyone(), name, "welcome"));
    let answers = join_all(tries).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1, "{:?}", answers.iter().map(|answer| answer.text()).collect::<Vec<_>>());
    assert_eq!(world.anyone().get(&valid).query(&[("token", "welcome")]).await.ok()["valid"], false);
    world.ends().await;
}

#[tokio::test]
async fn programs_with_the_shared_secret_make_accounts_once_for_each_nonce() {
    let world = World::with(|config| {
        config.registration.mode = RegistrationMode::Closed;
        config.registration.shared_secret = Some(Secret::new("sesame"));
    })
    .await;
    let path = "/_synapse/admin/v1/register";
    let nonce = world.anyone().get(path).await.ok()["nonce"].as_str().expect("a nonce").to_owned();
    let request = |secret: &str| {
        let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("any key will do");
        mac.update(format!("{nonce}\0alice\0{PASSWORD}\0admin").as_bytes());
        let mac: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        json!({ "nonce": nonce, "username": "alice", "password": PASSWORD, "admin": true, "mac": mac })
    };
    let made = world.anyone().post(path, request("sesame")).await.ok();
    assert_eq!(made["user_id"], "@alice:localhost");
    let alice = Person::from_login(world.anyone(), &made);
    alice.get(v3!("admin/whois/{}", alice)).await.ok();
    world.anyone().post(path, request("sesame")).await.refused(400, "M_INVALID_PARAM");
    let fresh = world.anyone().get(path).await.ok()["nonce"].clone();
    let mut wrong = request("another secret");
    wrong["nonce"] = fresh;
    world.anyone().post(path, wrong).await.refused(403, "M_FORBIDDEN");
    world.ends().await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_like_an_unknown_name() {
    let world = World::new().await;
    world.register("alice").await;
    let wrong = Person::login(world.anyone(), "alice", "not her password").await.refused(403, "M_FORBIDDEN");
    let unknown = Person::login(world.anyone(), "nobody", "not a password").await.refused(403, "M_FORBIDDEN");
    assert_eq!(wrong, unknown, "the answer tells which names exist");
    world.ends().await;
}

#[tokio::test]
async fn a_token_that_was_refreshed_works_until_the_new_one_is_used() {
    let world = World::new().await;
    world.register("alice").await;
    let who = json!({ "type": "m.id.user", "user": "alice" });
    let login = json!({ "type": "m.login.password", "identifier": who, "password": PASSWORD, "refresh_token": true });
    let old = world.anyone().post(v3!("login"), login).await.ok();
    assert!(old["expires_in_ms"].as_u64().is_some_and(|ms| ms > 0), "{old}");
    let refresh = |token: Value| world.anyone().post(v3!("refresh"), json!({ "refresh_token": token }));

    // The response may be lost: until the new tokens are used, the old ones stay valid, and the same refresh works
    // again.
    let lost = refresh(old["refresh_token"].clone()).await.ok();
    let new = refresh(old["refresh_token"].clone()).await.ok();
    let token = |answer: &Value| world.anyone().with_token(answer["access_token"].as_str().expect("a token"));
    token(&old).get(v3!("account/whoami")).await.ok();

    token(&new).get(v3!("account/whoami")).await.ok();
    token(&old).get(v3!("account/whoami")).await.refused(401, "M_UNKNOWN_TOKEN");
    token(&lost).get(v3!("account/whoami")).await.refused(401, "M_UNKNOWN_TOKEN");
    refresh(old["refresh_token"].clone()).await.refused(401, "M_UNKNOWN_TOKEN");
    world.ends().await;
}

#[tokio::test]
async fn a_token_that_expired_logs_out_softly_and_can_still_be_refreshed() {
    let world = World::with(|config| config.tokens.access_token_lifetime_ms = HOUR_MS).await;
    world.register("alice").await;
    let who = json!({ "type": "m.id.user", "user": "alice" });
    let login = json!({ "type": "m.login.password", "identifier": who, "password": PASSWORD, "refresh_token": true });
    let session = world.anyone().post(v3!("login"), login).await.ok();
    let alice = Person::from_login(world.anyone(), &session);

    world.clock.skip(HOUR_MS + 1_000);
    let refused = alice.get(v3!("account/whoami")).await.refused(401, "M_UNKNOWN_TOKEN");
    assert_eq!(refused["soft_logout"], true);
    let body = json!({ "refresh_token": session["refresh_token"] });
    let fresh = world.anyone().post(v3!("refresh"), body).await.ok();
    let again = world.anyone().with_token(fresh["access_token"].as_str().expect("a token"));
    assert_eq!(again.get(v3!("account/whoami")).await.ok()["device_id"], alice.device.as_str());
    world.ends().await;
}

#[tokio::test]
async fn logging_out_ends_one_device_and_logging_out_everywhere_ends_all() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let (phone, tablet) = (alice.at_another_device().await, alice.at_another_device().await);
    phone.post(v3!("logout"), json!({})).await.ok();
    let refused = phone.get(v3!("account/whoami")).await.refused(401, "M_UNKNOWN_TOKEN");
    assert_ne!(refused["soft_logout"], true);
    tablet.get(v3!("account/whoami")).await.ok();
    alice.post(v3!("logout/all"), json!({})).await.ok();
    for person in [&alice, &tablet] {
        person.get(v3!("account/whoami")).await.refused(401, "M_UNKNOWN_TOKEN");
    }
    world.ends().await;
}

#[tokio::test]
async fn tokens_survive_a_restart() {
    let mut world = World::new().await;
    let alice = world.register("alice").await;
    let phone = alice.at_another_device().await;
    phone.post(v3!("logout"), json!({})).await.ok();
    world.restart().await;
    alice.get(v3!("account/whoami")).await.ok();
    phone.get(v3!("account/whoami")).await.refused(401, "M_UNKNOWN_TOKEN");
    world.ends().await;
}

#[tokio::test]
async fn changing_the_password_takes_a_proof_and_logs_the_other_devices_out() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let phone = alice.at_another_device().await;
    let wish = json!({ "new_password": "another good password" });
    let asked = alice.post(v3!("account/password"), wish.clone()).await;
    assert_eq!(asked.status, 401);
    let session = asked.json()["session"].clone();

    let mut wrong = wish.clone();
    wrong["auth"] = alice.proof(Some(&session));
    wrong["auth"]["password"] = json!("not her password");
    let refused = alice.post(v3!("account/password"), wrong).await;
    assert_eq!((refused.status, refused.json()["errcode"].as_str()), (401, Some("M_FORBIDDEN")));
    assert!(refused.json()["flows"].is_array(), "after a wrong password one may try again");

    let mut right = wish;
    right["auth"] = alice.proof(Some(&session));
    alice.post(v3!("account/password"), right).await.ok();
    alice.get(v3!("account/whoami")).await.ok();
    phone.get(v3!("account/whoami")).await.refused(401, "M_UNKNOWN_TOKEN");
    Person::login(world.anyone(), "alice", PASSWORD).await.refused(403, "M_FORBIDDEN");
    Person::login(world.anyone(), "alice", "another good password").await.ok();
    world.ends().await;
}

#[tokio::test]
async fn a_proof_is_good_for_one_request_of_one_person() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let (phone, tablet) = (alice.at_another_device().await, alice.at_another_device().await);
    let asked = alice.delete(v3!("devices/{}", phone.device)).json(&json!({})).await;
    assert_eq!(asked.status, 401);
    let session = asked.json()["session"].clone();

    // A completed session is bound to device, user and endpoint.
    let proof = json!({ "auth": alice.proof(Some(&session)) });
    alice.delete(v3!("devices/{}", tablet.device)).json(&proof).await.refused(403, "M_FORBIDDEN");
    let others = json!({ "auth": bob.proof(Some(&session)) });
    bob.delete(v3!("devices/{}", phone.device)).json(&others).await.refused(403, "M_FORBIDDEN");
    let close = json!({ "auth": alice.proof(Some(&session)) });
    alice.post(v3!("account/deactivate"), close).await.refused(403, "M_FORBIDDEN");

    alice.delete(v3!("devices/{}", phone.device)).json(&proof).await.ok();
    phone.get(v3!("account/whoami")).await.refused(401, "M_UNKNOWN_TOKEN");
    // And it works only once.
    let again = alice.delete(v3!("devices/{}", phone.device)).json(&json!({ "auth": { "session": session } })).await;
    assert_eq!(again.status, 401, "{}", again.text());
    tablet.get(v3!("account/whoami")).await.ok();
    world.ends().await;
}

#[tokio::test]
async fn a_closed_account_is_gone_and_its_name_is_not_given_away() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    bob.post(v3!("account/deactivate"), json!({ "auth": bob.proof(None) })).await.ok();
    bob.get(v3!("account/whoami")).await.refused(401, "M_UNKNOWN_TOKEN");
    Person::login(world.anyone(), "bob", PASSWORD).await.refused(403, "M_USER_DEACTIVATED");
    let available = world.anyone().get(v3!("register/available")).query(&[("username", "bob")]).await;
    available.refused(400, "M_USER_IN_USE");
    assert_eq!(alice.state_of(&room, "m.room.member", &bob.id).await["membership"], "leave");
    world.ends().await;
}

#[tokio::test]
async fn a_login_token_works_once() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let made = alice.post(v1!("login/get_token"), json!({ "auth": alice.proof(None) })).await.ok();
    let login = json!({ "type": "m.login.token", "token": made["login_token"] });
    let session = world.anyone().post(v3!("login"), login.clone()).await.ok();
    assert_eq!(session["user_id"], alice.id.as_str());
    world.anyone().post(v3!("login"), login).await.refused(403, "M_FORBIDDEN");
    world.ends().await;
}

#[tokio::test]
async fn the_server_says_how_to_log_in() {
    let world = World::new().await;
    let offered = world.anyone().get(v3!("login")).await.ok();
    let kinds: Vec<_> = list(&offered["flows"]).iter().map(|flow| flow["type"].as_str()).collect();
    assert!(kinds.contains(&Some("m.login.password")), "{offered}");
    world.ends().await;
}

#[tokio::test]
async fn without_a_token_there_is_nothing_to_see() {
    let world = World::new().await;
    world.anyone().get(v3!("account/whoami")).await.refused(401, "M_MISSING_TOKEN");
    world.anyone().with_token("a guess").get(v3!("sync")).await.refused(401, "M_UNKNOWN_TOKEN");
    world.anyone().get(v3!("sync")).query(&[("access_token", "a guess")]).await.refused(401, "M_UNKNOWN_TOKEN");
    world.ends().await;
}
