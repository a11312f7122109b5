//! Users who block invites.

use crate::harness::{Cluster, World, json, v3};

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
