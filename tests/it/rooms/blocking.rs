//! Users who block invites.

use crate::harness::{Cluster, Person, Room, World, json, v3};

const TYPE: &str = "m.invite_permission_config";

#[tokio::test]
async fn invites_of_a_user_who_takes_none_are_refused_on_every_way() {
    let world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let config = v3!("user/{}/account_data/{}", bob, TYPE);
    for version in ["11", "12"] {
        let room = alice.creates_room().version(version).await;
        bob.put(&config, json!({ "default_action": "block" })).await.ok();
        let before = bob.syncs().await;
        let invite = json!({ "user_id": bob.id });
        alice.post(v3!("rooms/{}/invite", room), invite.clone()).await.refused(403, "M_INVITE_BLOCKED");
        let state = v3!("rooms/{}/state/m.room.member/{}", room, bob.id);
        alice.put(state, json!({ "membership": "invite" })).await.refused(403, "M_INVITE_BLOCKED");
        let creation = json!({ "room_version": version, "invite": [bob.id] });
        alice.post(v3!("createRoom"), creation).await.refused(403, "M_INVITE_BLOCKED");
        assert!(bob.syncs().since(before.next()).await.is_quiet());
        // An unknown action does not block invites.
        bob.put(&config, json!({ "default_action": "allow" })).await.ok();
        alice.post(v3!("rooms/{}/invite", room), invite).await.ok();
        bob.joins(&room).await;
    }
    world.ends().await;
}

/// The lists of MSC4155.
const LISTS: &str = "org.matrix.msc4155.invite_permission_config";

/// Whether a user's clients are told of an invite, by both kinds of sync.
async fn is_told(person: &Person, room: &Room) -> bool {
    let by_sync = person.syncs().await.0["rooms"]["invite"].get(&room.0).is_some();
    let body = json!({ "lists": { "a": { "ranges": [[0, 9]], "required_state": [], "timeline_limit": 1 } } });
    let sliding = person.post("/_matrix/client/unstable/org.matrix.simplified_msc3575/sync", body).await.ok();
    assert_eq!(sliding["rooms"].get(&room.0).is_some(), by_sync);
    by_sync
}

#[tokio::test]
async fn lists_block_and_ignore_invites_by_user_and_server() {
    let world = World::new().await;
    let (alice, bob, carol) =
        (world.register("alice").await, world.register("bob").await, world.register("carol").await);
    let features = alice.get("/_matrix/client/versions").await.ok();
    assert_eq!(features["unstable_features"]["org.matrix.msc4155"], true);
    for version in ["11", "12"] {
        let invite = json!({ "user_id": bob.id });
        let (of_alice, of_carol) =
            (alice.creates_room().version(version).await, carol.creates_room().version(version).await);
        let lists = json!({ "allowed_users": [carol.id], "blocked_servers": ["local*"] });
        bob.put(v3!("user/{}/account_data/{}", bob, LISTS), lists).await.ok();
        alice.post(v3!("rooms/{}/invite", of_alice), invite.clone()).await.refused(403, "M_INVITE_BLOCKED");
        carol.post(v3!("rooms/{}/invite", of_carol), invite.clone()).await.ok();
        assert!(is_told(&bob, &of_carol).await);
        // An ignored invite succeeds, and is there once the list is gone.
        let lists = json!({ "ignored_users": ["@ali*:*"] });
        bob.put(v3!("user/{}/account_data/{}", bob, LISTS), lists).await.ok();
        alice.post(v3!("rooms/{}/invite", of_alice), invite).await.ok();
        assert!(!is_told(&bob, &of_alice).await);
        bob.put(v3!("user/{}/account_data/{}", bob, LISTS), json!({})).await.ok();
        assert!(is_told(&bob, &of_alice).await);
        bob.joins(&of_alice).await;
        bob.joins(&of_carol).await;
    }
    world.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_hold_for_invites_from_other_servers() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    let lists = |lists| bob.put(v3!("user/{}/account_data/{}", bob, LISTS), lists);
    for version in ["11", "12"] {
        let room = alice.creates_room().version(version).await;
        let invite = json!({ "user_id": bob.id });
        lists(json!({ "blocked_servers": ["a.*"] })).await.ok();
        alice.post(v3!("rooms/{}/invite", room), invite.clone()).await.refused(403, "M_INVITE_BLOCKED");
        lists(json!({ "ignored_servers": ["a.example"] })).await.ok();
        alice.post(v3!("rooms/{}/invite", room), invite).await.ok();
        assert!(!is_told(&bob, &room).await);
    }
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_from_another_server_is_refused_with_the_same_code() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    let config = v3!("user/{}/account_data/{}", bob, TYPE);
    bob.put(&config, json!({ "default_action": "block" })).await.ok();
    for version in ["11", "12"] {
        let room = alice.creates_room().version(version).await;
        let invite = json!({ "user_id": bob.id });
        alice.post(v3!("rooms/{}/invite", room), invite).await.refused(403, "M_INVITE_BLOCKED");
        assert!(alice.state_of(&room, "m.room.member", &bob.id).await.is_null());
        assert!(bob.syncs().await.0["rooms"]["invite"].get(&room.0).is_none());
    }
    cluster.ends().await;
}
