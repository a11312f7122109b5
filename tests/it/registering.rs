//! Registration as real clients do it: upper-case names, requests that omit earlier parameters, lost responses.

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
