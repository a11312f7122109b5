//! Registration as real clients do it: upper-case names, requests that omit earlier parameters, lost responses.

use hearth_base::config::{Rate, RegistrationMode};

use crate::harness::{PASSWORD, Person, Value, World, json, v3};

#[tokio::test]
async fn capital_letters_in_a_name_become_small() {
    let world = World::new().await;
    let available = v3!("register/available");
    world.anyone().get(&available).query(&[("username", "Alice")]).await.ok();
    let body = json!({ "username": "Alice", "password": PASSWORD, "auth": { "type": "m.login.dummy" } });
    let made = world.anyone().post(v3!("register"), body.clone()).await.ok();
    assert_eq!(made["user_id"], "@alice:localhost");
    world.anyone().get(&available).query(&[("username", "ALICE")]).await.refused(400, "M_USER_IN_USE");
    let again = json!({ "username": "aLiCe", "password": PASSWORD, "auth": { "type": "m.login.dummy" } });
    world.anyone().post(v3!("register"), again).await.refused(400, "M_USER_IN_USE");
    Person::login(world.anyone(), "Alice", PASSWORD).await.ok();
    world.ends().await;
}

async fn asks(world: &World, wish: &Value) -> Value {
    let asked = world.anyone().post(v3!("register"), wish.clone()).await;
    assert_eq!(asked.status, 401, "{}", asked.text());
    asked.json()["session"].clone()
}

#[tokio::test]
async fn what_the_first_request_said_need_not_be_said_again() {
    let world = World::new().await;
    let wish = json!({ "username": "alice", "password": PASSWORD, "device_id": "PHONE",
        "initial_device_display_name": "Telephone" });
    let session = asks(&world, &wish).await;
    let auth = json!({ "auth": { "type": "m.login.dummy", "session": session } });
    let made = world.anyone().post(v3!("register"), auth).await.ok();
    assert_eq!((&made["user_id"], &made["device_id"]), (&json!("@alice:localhost"), &json!("PHONE")));
    let alice = Person::from_login(world.anyone(), &made);
    assert_eq!(alice.get(v3!("devices/PHONE")).await.ok()["display_name"], "Telephone");
    Person::login(world.anyone(), "alice", PASSWORD).await.ok();

    // A repeated parameter replaces the earlier one.
    let session = asks(&world, &json!({ "username": "bob", "password": PASSWORD })).await;
    let other = json!({ "username": "robert", "auth": { "type": "m.login.dummy", "session": session } });
    assert_eq!(world.anyone().post(v3!("register"), other).await.ok()["user_id"], "@robert:localhost");
    Person::login(world.anyone(), "robert", PASSWORD).await.ok();
    world.ends().await;
}

#[tokio::test]
async fn a_registration_whose_answer_was_lost_can_be_repeated() {
    let world = World::new().await;
    let wish = json!({ "username": "alice", "password": PASSWORD });
    let session = asks(&world, &wish).await;
    let mut proven = wish.clone();
    proven["auth"] = json!({ "type": "m.login.dummy", "session": session });
    let lost = world.anyone().post(v3!("register"), proven.clone()).await.ok();
    let again = world.anyone().post(v3!("register"), proven.clone()).await.ok();
    assert_eq!((&lost["user_id"], &again["user_id"]), (&json!("@alice:localhost"), &json!("@alice:localhost")));
    let alice = Person::from_login(world.anyone(), &again);
    alice.get(v3!("account/whoami")).await.ok();
    // Also when both requests are in flight at once.
    let session = asks(&world, &json!({ "username": "bob", "password": PASSWORD })).await;
    let both = json!({ "username": "bob", "password": PASSWORD,
        "auth": { "type": "m.login.dummy", "session": session } });
    let send = || world.anyone().post(v3!("register"), both.clone());
    let (one, other) = tokio::join!(send().into_future(), send().into_future());
    assert_eq!(
        (one.ok()["user_id"].clone(), other.ok()["user_id"].clone()),
        (json!("@bob:localhost"), json!("@bob:localhost"))
    );

    // The session of another registration does not authenticate this one.
    let stranger = asks(&world, &json!({ "username": "eve", "password": PASSWORD })).await;
    let mut theft = wish;
    theft["auth"] = json!({ "type": "m.login.dummy", "session": stranger });
    world.anyone().post(v3!("register"), theft).await.refused(400, "M_USER_IN_USE");
    world.ends().await;
}

#[tokio::test]
async fn who_does_not_log_in_gets_no_device() {
    let world = World::new().await;
    let wish = json!({ "username": "alice", "password": PASSWORD, "inhibit_login": true });
    let session = asks(&world, &wish).await;
    let auth = json!({ "auth": { "type": "m.login.dummy", "session": session } });
    for _ in 0..2 {
        let made = world.anyone().post(v3!("register"), auth.clone()).await.ok();
        assert_eq!(made, json!({ "user_id": "@alice:localhost" }));
    }
    world.ends().await;
}

/// A server that registers with tokens, at most `burst` attempts of them, and a token.
async fn with_token(burst: u32) -> (World, String) {
    let world = World::with(|config| {
        config.registration.mode = RegistrationMode::Token;
        config.rate_limits.enabled = true;
        config.rate_limits.registration = Rate::new(0.001, burst);
    })
    .await;
    let new = hearth_domain::accounts::NewRegistrationToken::default();
    let made = world.server().domain.actions.admin_create_registration_token("test", new, Vec::new()).await;
    (world, made.expect("a token can be made").token)
}

#[tokio::test]
async fn a_registration_token_comes_before_a_stage_that_proves_nothing() {
    // As on Synapse; matrix-nio takes the stages and their order for granted.
    let (world, token) = with_token(1).await;
    let register = |auth: Value| {
        world.anyone().post(v3!("register"), json!({ "username": "alice", "password": PASSWORD, "auth": auth }))
    };
    let challenged = register(json!({ "initial_device_display_name": "matrix-nio" })).await;
    assert_eq!(challenged.status, 401, "{}", challenged.text());
    let challenge = challenged.json();
    assert_eq!(challenge["flows"], json!([{ "stages": ["m.login.registration_token", "m.login.dummy"] }]));
    let session = &challenge["session"];
    let proof = json!({ "type": "m.login.registration_token", "token": token, "session": session });
    let challenged = register(proof).await;
    assert_eq!((challenged.status, &challenged.json()["session"]), (401, session), "{}", challenged.text());
    assert_eq!(challenged.json()["completed"], json!(["m.login.registration_token"]));
    let made = register(json!({ "type": "m.login.dummy", "session": session })).await.ok();
    assert_eq!(made["user_id"], "@alice:localhost");

    // The one attempt that the server allows was the token's.
    Person::registers_with_token(world.anyone(), "bob", &token).await.refused(429, "M_LIMIT_EXCEEDED");
    world.ends().await;
}

#[tokio::test]
async fn a_proved_token_does_not_pay_for_guesses() {
    let (world, token) = with_token(3).await;
    let wish = json!({ "username": "alice", "password": PASSWORD });
    let session = asks(&world, &wish).await;
    let tries = |stage: &str, token: &str| {
        let mut body = wish.clone();
        body["auth"] = json!({ "type": stage, "token": token, "session": session });
        world.anyone().post(v3!("register"), body)
    };
    for token in [&*token, "guess", "another"] {
        assert_eq!(tries("m.login.registration_token", token).await.status, 401);
    }
    tries("m.login.registration_token", "third").await.refused(429, "M_LIMIT_EXCEEDED");
    // A stage that proves nothing counts where no token was proved.
    let session = asks(&world, &json!({ "username": "bob", "password": PASSWORD })).await;
    let auth = json!({ "auth": { "type": "m.login.dummy", "session": session } });
    world.anyone().post(v3!("register"), auth).await.refused(429, "M_LIMIT_EXCEEDED");
    tries("m.login.dummy", "").await.ok();
    world.ends().await;
}
