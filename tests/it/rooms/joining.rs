//! Joins and leaves.

use futures_util::future::join_all;

use crate::harness::{World, json, list, v3};

#[tokio::test]
async fn a_private_room_takes_an_invitation() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room().await;
    bob.post(v3!("join/{}", room), json!({})).await.refused(403, "M_FORBIDDEN");
    alice.invites(&bob, &room).await;
    bob.joins(&room).await;
    // Joining twice succeeds.
    bob.joins(&room).await;
    let members = alice.get(v3!("rooms/{}/joined_members", room)).await.ok();
    assert_eq!(members["joined"].as_object().map(serde_json::Map::len), Some(2));
    bob.leaves(&room).await;
    bob.post(v3!("join/{}", room), json!({})).await.refused(403, "M_FORBIDDEN");
    world.ends().await;
}

#[tokio::test]
async fn an_invitation_can_be_declined() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room().inviting(&[&bob]).await;
    let invited = bob.syncs().await;
    assert!(!invited.invited(&room).is_empty());
    bob.leaves(&room).await;
    let after = bob.syncs().since(invited.next()).await;
    assert!(after.invited(&room).is_empty());
    assert!(after.left(&room).is_object(), "the client is not told that the invitation is gone: {}", after.0);
    assert!(bob.syncs().await.is_quiet());
    world.ends().await;
}

#[tokio::test]
async fn who_is_invited_already_or_here_already_or_banned_cannot_be_invited() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    let invite = v3!("rooms/{}/invite", room);
    alice.post(&invite, json!({ "user_id": bob.id })).await.refused(403, "M_FORBIDDEN");
    alice.bans(&bob, &room).await;
    alice.post(&invite, json!({ "user_id": bob.id })).await.refused(403, "M_FORBIDDEN");
    bob.post(v3!("join/{}", room), json!({})).await.refused(403, "M_FORBIDDEN");
    alice.unbans(&bob, &room).await;
    bob.joins(&room).await;
    world.ends().await;
}

#[tokio::test]
async fn a_knock_is_answered_with_an_invitation() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room().state("m.room.join_rules", json!({ "join_rule": "knock" })).await;
    bob.post(v3!("join/{}", room), json!({})).await.refused(403, "M_FORBIDDEN");
    bob.knocks_on(&room).await;
    let knocked = bob.syncs().await;
    assert!(!knocked.knocked(&room).is_empty(), "{}", knocked.0);
    assert_eq!(alice.state_of(&room, "m.room.member", &bob.id).await["membership"], "knock");
    alice.invites(&bob, &room).await;
    let invited = bob.syncs().since(knocked.next()).await;
    assert!(!invited.invited(&room).is_empty() && invited.knocked(&room).is_empty());
    bob.joins(&room).await;
    let private = alice.creates_room().await;
    bob.post(v3!("knock/{}", private), json!({})).await.refused(403, "M_FORBIDDEN");
    world.ends().await;
}

#[tokio::test]
async fn a_restricted_room_lets_in_the_members_of_another_room() {
    let world = World::new().await;
    let (alice, bob, carol) =
        (world.register("alice").await, world.register("bob").await, world.register("carol").await);
    for version in ["8", "10", "12"] {
        let club = alice.creates_room_with(&[&bob]).await;
        let allow = json!([{ "type": "m.room_membership", "room_id": club.0 }]);
        let rules = json!({ "join_rule": "restricted", "allow": allow });
        let room = alice.creates_room().version(version).state("m.room.join_rules", rules).await;
        bob.joins(&room).await;
        let member = alice.state_of(&room, "m.room.member", &bob.id).await;
        assert_eq!(member["join_authorised_via_users_server"], alice.id.as_str(), "version {version}");
        carol.post(v3!("join/{}", room), json!({})).await.refused(403, "M_FORBIDDEN");
        bob.leaves(&room).await;
        bob.leaves(&club).await;
        bob.post(v3!("join/{}", room), json!({})).await.refused(403, "M_FORBIDDEN");
    }
    world.ends().await;
}

#[tokio::test]
async fn a_forgotten_room_is_gone_until_one_joins_again() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room_with(&[&bob]).await;
    bob.post(v3!("rooms/{}/forget", room), json!({})).await.refused(400, "M_UNKNOWN");
    bob.leaves(&room).await;
    bob.get(v3!("rooms/{}/state", room)).await.ok();
    bob.forgets(&room).await;
    bob.get(v3!("rooms/{}/state", room)).await.refused(403, "M_FORBIDDEN");
    bob.get(v3!("rooms/{}/messages", room)).query(&[("dir", "b")]).await.refused(403, "M_FORBIDDEN");
    let all = json!({ "room": { "include_leave": true } });
    assert!(bob.syncs().filter(&all).await.left(&room).is_null());
    bob.joins(&room).await;
    bob.sends("here again").in_room(&room).await;
    world.ends().await;
}

#[tokio::test]
async fn many_who_join_at_once_are_all_in() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().public().await;
    let names: Vec<_> = (0..20).map(|n| format!("guest{n}")).collect();
    let people = join_all(names.iter().map(|name| world.register(name))).await;
    join_all(people.iter().map(|person| person.joins(&room))).await;
    join_all(people.iter().map(|person| person.sends("me too").in_room(&room))).await;
    let members = alice.get(v3!("rooms/{}/joined_members", room)).await.ok();
    assert_eq!(members["joined"].as_object().map(serde_json::Map::len), Some(21));
    let read = alice.reads_all_of(&room).await;
    assert_eq!(crate::harness::bodies(&read).len(), 20);
    world.ends().await;
}

#[tokio::test]
async fn members_are_listed_by_what_they_are() {
    let world = World::new().await;
    let (alice, bob, carol) =
        (world.register("alice").await, world.register("bob").await, world.register("carol").await);
    let room = alice.creates_room_with(&[&bob, &carol]).await;
    let before = alice.syncs().await;
    carol.leaves(&room).await;
    let ids = async |query: &[(&str, &str)]| {
        let members = alice.get(v3!("rooms/{}/members", room)).query(query).await.ok();
        let mut ids: Vec<_> =
            list(&members["chunk"]).iter().filter_map(|event| event["state_key"].as_str().map(str::to_owned)).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids(&[("membership", "join")]).await, [alice.id.clone(), bob.id.clone()]);
    assert_eq!(ids(&[("not_membership", "join")]).await, std::slice::from_ref(&carol.id));
    let then = [("at", before.next()), ("membership", "join")];
    assert_eq!(ids(&then).await, [alice.id.clone(), bob.id.clone(), carol.id.clone()]);
    world.ends().await;
}
