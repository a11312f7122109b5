//! Kicks, bans, power levels, and reports.

use crate::harness::{World, json, v1, v3};

#[tokio::test]
async fn who_is_kicked_is_told_why_and_may_come_back() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let before = bob.syncs().await;
    alice.kicks(&bob, &room).await;
    let seen = bob.syncs().since(before.next()).await;
    let timeline = crate::harness::list(&seen.left(&room)["timeline"]["events"]);
    let kick = timeline.last().expect("the kick is shown");
    assert_eq!((&kick["content"]["membership"], &kick["content"]["reason"]), (&json!("leave"), &json!("enough")));
    assert_eq!(kick["sender"], alice.id.as_str());
    bob.put(v3!("rooms/{}/send/m.room.message/1", room), json!({ "msgtype": "m.text", "body": "x" }))
        .await
        .refused(403, "M_FORBIDDEN");
    bob.joins(&room).await;
    world.ends().await;
}

#[tokio::test]
async fn those_without_power_moderate_no_one() {
    let world = World::new().await;
    let (alice, bob, carol) =
        (world.register("alice").await, world.register("bob").await, world.register("carol").await);
    let room = alice.creates_room_with(&[&bob, &carol]).await;
    for (what, who) in [("kick", &carol), ("ban", &carol), ("kick", &alice), ("ban", &alice)] {
        let answer = bob.post(v3!("rooms/{}/{}", room, what), json!({ "user_id": who.id })).await;
        answer.refused(403, "M_FORBIDDEN");
    }
    let name = json!({ "name": "Bob's" });
    bob.put(v3!("rooms/{}/state/m.room.name/", room), name).await.refused(403, "M_FORBIDDEN");
    let said = carol.sends("hello").in_room(&room).await;
    bob.put(v3!("rooms/{}/redact/{}/1", room, said), json!({})).await.refused(403, "M_FORBIDDEN");
    world.ends().await;
}

#[tokio::test]
async fn no_one_takes_power_that_they_do_not_have() {
    let world = World::new().await;
    let (alice, bob, carol) =
        (world.register("alice").await, world.register("bob").await, world.register("carol").await);
    for version in ["10", "12"] {
        let room = alice.creates_room().version(version).public().await;
        bob.joins(&room).await;
        carol.joins(&room).await;
        let mut powers = alice.state_of(&room, "m.room.power_levels", "").await;
        powers["users"][&bob.id] = json!(50);
        powers["events"]["m.room.power_levels"] = json!(50);
        alice.sets("m.room.power_levels", "", powers.clone()).in_room(&room).await;
        let path = v3!("rooms/{}/state/m.room.power_levels/", room);
        for (who, level) in [(&bob, 100), (&carol, 51)] {
            let mut greedy = powers.clone();
            greedy["users"][&who.id] = json!(level);
            bob.put(&path, greedy).await.refused(403, "M_FORBIDDEN");
        }
        bob.kicks(&carol, &room).await;
        powers["users"][&carol.id] = json!(50);
        bob.put(&path, powers.clone()).await.ok();
        // Nor from a user with the same power level.
        powers["users"][&carol.id] = json!(0);
        bob.put(&path, powers).await.refused(403, "M_FORBIDDEN");
    }
    world.ends().await;
}

#[tokio::test]
async fn levels_that_are_not_numbers_are_refused() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    let path = v3!("rooms/{}/state/m.room.power_levels/", room);
    let wrong = [
        json!({ "users": { alice.id.clone(): "100" } }),
        json!({ "users": { "not a user": 1 } }),
        json!({ "users_default": 1.5 }),
        json!({ "ban": { "deep": 1 } }),
        json!({ "kick": 9_007_199_254_740_992_i64 }),
        json!({ "events": ["m.room.name"] }),
    ];
    for content in wrong {
        let answer = alice.put(&path, content.clone()).await;
        assert!((400..404).contains(&answer.status), "{content}: {}", answer.text());
    }
    alice.sends("still here").in_room(&room).await;
    world.ends().await;
}

#[tokio::test]
async fn members_report_what_they_see_and_nothing_else() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let (room, secret) = (alice.creates_room_with(&[&bob]).await, alice.creates_room().await);
    let (said, hidden) = (alice.sends("rude").in_room(&room).await, alice.sends("secret").in_room(&secret).await);
    let reason = json!({ "reason": "rude", "score": -100 });
    bob.post(v3!("rooms/{}/report/{}", room, said), reason.clone()).await.ok();
    bob.post(v3!("rooms/{}/report", room), json!({ "reason": "rude people" })).await.ok();
    bob.post(v3!("users/{}/report", alice), json!({ "reason": "is rude" })).await.ok();
    bob.post(v3!("rooms/{}/report/{}", secret, hidden), reason).await.refused(404, "M_NOT_FOUND");
    world.ends().await;
}

#[tokio::test]
async fn an_administrator_locks_and_suspends() {
    let world = World::with(|config| config.registration.shared_secret = None).await;
    let token = world.server().domain.accounts.first_run_token().await.expect("it answers").expect("no account yet");
    let made = crate::harness::Person::registers_with_token(world.anyone(), "root", &token).await.ok();
    let root = crate::harness::Person::from_login(world.anyone(), &made);
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let (hers, his) = (alice.sends("rude").in_room(&room).await, bob.sends("kind").in_room(&room).await);

    bob.put(v1!("admin/suspend/{}", alice), json!({ "suspended": true })).await.refused(403, "M_FORBIDDEN");
    root.put(v1!("admin/suspend/{}", alice), json!({ "suspended": true })).await.ok();
    let send = v3!("rooms/{}/send/m.room.message/1", room);
    alice.put(&send, json!({ "msgtype": "m.text", "body": "x" })).await.refused(403, "M_USER_SUSPENDED");
    // She has the power level, and her account is suspended.
    let redact = |event: &str| v3!("rooms/{}/redact/{}/2", room, event);
    alice.put(redact(&his), json!({})).await.refused(403, "M_USER_SUSPENDED");
    alice.put(redact(&hers), json!({})).await.ok();
    alice.syncs().await;
    root.put(v1!("admin/suspend/{}", alice), json!({ "suspended": false })).await.ok();
    alice.sends("thank you").in_room(&room).await;

    root.put(v1!("admin/lock/{}", alice), json!({ "locked": true })).await.ok();
    let refused = alice.get(v3!("sync")).await.refused(401, "M_USER_LOCKED");
    assert_eq!(refused["soft_logout"], true);
    root.put(v1!("admin/lock/{}", alice), json!({ "locked": false })).await.ok();
    alice.syncs().await;
    world.ends().await;
}
