//! Membership: join, leave, invite, knock, ban.

use hearth_base::Reason;
use serde_json::json;

use super::{World, why};

#[tokio::test]
async fn an_invited_user_joins_leaves_and_forgets() {
    let world = World::new().await;
    let id = world.makes(json!({})).await.expect("a room");
    assert_eq!(why(world.joins(&world.bob, &id).await), Reason::Forbidden);
    let invite = || world.rooms.invite(&world.alice, id.clone(), world.bob.user_id.clone(), None);
    invite().await.expect("an invite");
    invite().await.expect("inviting again changes nothing");
    world.joins(&world.bob, &id).await.expect("a join");
    world.joins(&world.bob, &id).await.expect("joining again changes nothing");
    assert_eq!(why(invite().await), Reason::Forbidden);
    assert_eq!(world.rooms.joined(&world.bob).await.expect("rooms"), std::slice::from_ref(&id));
    assert_eq!(
        world.rooms.mutual(&world.alice, world.bob.user_id.clone()).await.expect("rooms"),
        std::slice::from_ref(&id)
    );
    assert_eq!(why(world.rooms.forget(&world.bob, id.clone()).await), Reason::Unknown);
    world.rooms.leave(&world.bob, id.clone(), Some("bye".to_owned())).await.expect("a leave");
    world.rooms.leave(&world.bob, id.clone(), None).await.expect("leaving again changes nothing");
    world.rooms.forget(&world.bob, id.clone()).await.expect("forgotten");
    assert_eq!(world.state(&id, "m.room.member", "@bob:home.example").await["reason"], "bye");
    assert_eq!(why(world.rooms.leave(&world.carol, id, None).await), Reason::Forbidden);
}

#[tokio::test]
async fn the_banned_stay_out_until_the_ban_is_lifted() {
    let world = World::new().await;
    let id = world.makes(json!({"preset": "public_chat"})).await.expect("a room");
    let bob = &world.bob.user_id;
    assert_eq!(why(world.rooms.kick(&world.alice, id.clone(), bob.clone(), None).await), Reason::Forbidden);
    world.joins(&world.bob, &id).await.expect("a join");
    assert_eq!(
        why(world.rooms.kick(&world.bob, id.clone(), world.alice.user_id.clone(), None).await),
        Reason::Forbidden
    );
    world.rooms.kick(&world.alice, id.clone(), bob.clone(), None).await.expect("a kick");
    assert_eq!(world.membership(&id, &world.bob).await, "leave");
    assert_eq!(why(world.rooms.unban(&world.alice, id.clone(), bob.clone(), None).await), Reason::Forbidden);
    world.rooms.ban(&world.alice, id.clone(), bob.clone(), None).await.expect("a ban");
    assert_eq!(why(world.joins(&world.bob, &id).await), Reason::Forbidden);
    assert_eq!(why(world.rooms.invite(&world.alice, id.clone(), bob.clone(), None).await), Reason::Forbidden);
    world.rooms.unban(&world.alice, id.clone(), bob.clone(), None).await.expect("an unban");
    world.joins(&world.bob, &id).await.expect("a join");
}

#[tokio::test]
async fn members_of_an_allowed_room_come_into_a_restricted_one() {
    let world = World::new().await;
    let space = world.makes(json!({"preset": "public_chat"})).await.expect("a space");
    let rules = json!({"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": space}]});
    let initial = json!([{"type": "m.room.join_rules", "content": rules}]);
    for version in ["8", "10", "12"] {
        let id = world.makes(json!({"room_version": version, "initial_state": initial})).await.expect("a room");
        assert_eq!(why(world.joins(&world.bob, &id).await), Reason::Forbidden);
        world.joins(&world.bob, &space).await.expect("a join");
        world.joins(&world.bob, &id).await.expect(version);
        world.joins(&world.bob, &id).await.expect("joining again changes nothing");
        let member = world.state(&id, "m.room.member", "@bob:home.example").await;
        assert_eq!(member["join_authorised_via_users_server"], "@alice:home.example");
        world.rooms.leave(&world.alice, id.clone(), None).await.expect("a leave");
        world.rooms.leave(&world.bob, id.clone(), None).await.expect("a leave");
        assert_eq!(why(world.joins(&world.bob, &id).await), Reason::UnableToGrantJoin);
        world.rooms.leave(&world.bob, space.clone(), None).await.expect("a leave");
    }
}

#[tokio::test]
async fn who_knocks_may_be_let_in() {
    let world = World::new().await;
    let initial = json!([{"type": "m.room.join_rules", "content": {"join_rule": "knock"}}]);
    let id = world.makes(json!({"initial_state": initial})).await.expect("a room");
    let knock = || world.rooms.knock(&world.bob, id.clone().into(), Some("please".to_owned()));
    knock().await.expect("a knock");
    knock().await.expect("knocking again changes nothing");
    assert_eq!(world.membership(&id, &world.bob).await, "knock");
    world.rooms.invite(&world.alice, id.clone(), world.bob.user_id.clone(), None).await.expect("an invite");
    world.joins(&world.bob, &id).await.expect("a join");
    assert_eq!(why(knock().await), Reason::Forbidden);
    let closed = world.makes(json!({})).await.expect("a room");
    assert_eq!(why(world.rooms.knock(&world.bob, closed.into(), None).await), Reason::Forbidden);
}

#[tokio::test]
async fn a_new_name_shows_where_one_is() {
    use hearth_store::tables::profiles::{self, ProfileRow};
    let world = World::new().await;
    let id = world.makes(json!({})).await.expect("a room");
    let user = world.alice.user;
    let profile = ProfileRow { displayname: Some("Alice".to_owned()), avatar_url: None, more: None };
    world.core.store.write("test", move |tx| profiles::set(tx.tx(), user, &profile)).await.expect("a profile");
    world
        .rooms
        .renew_face(&world.alice, crate::member_profile::MemberProfileField::DisplayName)
        .await
        .expect("renewed");
    assert_eq!(world.state(&id, "m.room.member", "@alice:home.example").await["displayname"], "Alice");
    world.rooms.leave(&world.alice, id.clone(), None).await.expect("left");
    assert!(world.rooms.joined(&world.alice).await.expect("rooms").is_empty());
}
