//! Which users appear in `changed` and `left`.

use futures_util::FutureExt;
use hearth_store::tables::memberships::Membership::{Ban, Invite, Join, Leave};

use super::world::{Device, World};

async fn news(world: &World, of: &Device, after: hearth_base::Position) -> (Vec<String>, Vec<String>) {
    let (changed, left) = world.crypto.key_changes(&of.who, after).await.expect("changes");
    let names = |users: Vec<ruma::OwnedUserId>| users.iter().map(|user| user.localpart().to_owned()).collect();
    (names(changed), names(left))
}

fn told(changed: &[&str], left: &[&str]) -> (Vec<String>, Vec<String>) {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    (owned(changed), owned(left))
}

#[tokio::test]
async fn changes_reach_those_who_share_a_room() {
    let world = World::new();
    let (alice, bob) = (world.device("alice", "PHONE").await, world.device("bob", "LAPTOP").await);
    let carol = world.device("carol", "TABLET").await;
    world.set_membership(1, alice.who.user, Join).await;
    world.set_membership(1, bob.who.user, Join).await;
    let start = world.core.store.position();
    let mut waiter = world.core.notifier.subscribe(bob.who.user);
    world.crypto.upload_keys(&alice.who, alice.upload(&["A"], &[])).await.expect("stored");
    assert_eq!(news(&world, &bob, start).await, told(&["alice"], &[]));
    assert_eq!(news(&world, &alice, start).await, told(&["alice"], &[]));
    assert_eq!(news(&world, &carol, start).await, told(&[], &[]));
    assert!(waiter.news_after(start).now_or_never().is_some(), "and wake them");
    let now = world.core.store.position();
    assert_eq!(news(&world, &bob, now).await, told(&[], &[]));
}

#[tokio::test]
async fn coming_and_going_begins_and_ends_tracking() {
    let world = World::new();
    let (alice, bob) = (world.device("alice", "PHONE").await, world.device("bob", "LAPTOP").await);
    let carol = world.device("carol", "TABLET").await;
    let start = world.set_membership(1, alice.who.user, Join).await;
    let invited = world.set_membership(1, bob.who.user, Invite).await;
    assert_eq!(news(&world, &alice, start).await, told(&["bob"], &[]));
    assert_eq!(news(&world, &bob, start).await, told(&[], &[]), "an invited user shares nothing yet");
    let joined = world.set_membership(1, bob.who.user, Join).await;
    assert_eq!(news(&world, &bob, invited).await, told(&["alice", "bob"], &[]), "oneself in the first shared room");
    assert_eq!(news(&world, &alice, invited).await, told(&["bob"], &[]));
    world.set_membership(1, carol.who.user, Join).await;
    world.set_membership(2, carol.who.user, Join).await;
    let both = world.set_membership(2, alice.who.user, Join).await;
    assert_eq!(news(&world, &bob, joined).await, told(&["carol"], &[]));
    let kicked = world.set_membership(1, carol.who.user, Ban).await;
    assert_eq!(news(&world, &bob, both).await, told(&[], &["carol"]));
    assert_eq!(news(&world, &alice, both).await, told(&[], &[]), "they still share another room");
    assert_eq!(news(&world, &carol, both).await, told(&[], &["bob"]));
    world.set_membership(1, bob.who.user, Leave).await;
    assert_eq!(news(&world, &bob, kicked).await, told(&[], &["alice"]));
    assert_eq!(news(&world, &alice, kicked).await, told(&[], &["bob"]));
    assert_eq!(news(&world, &bob, joined).await, told(&[], &["alice"]), "carol came and went between");
}

#[tokio::test]
async fn who_synced_before_what_is_forgotten_is_told_of_all_near() {
    let world = World::new();
    let (alice, bob) = (world.device("alice", "PHONE").await, world.device("bob", "LAPTOP").await);
    let carol = world.device("carol", "TABLET").await;
    world.set_membership(1, alice.who.user, Join).await;
    let start = world.set_membership(1, bob.who.user, Join).await;
    let later = world.set_membership(2, carol.who.user, Join).await;
    assert_eq!(news(&world, &alice, start).await, told(&[], &[]), "what happens in other rooms is not theirs");
    let prune = |tx: &mut hearth_store::WriteTx<'_>| hearth_store::tables::device_lists::prune_moves(tx.tx(), 3);
    world.core.store.write("test", prune).await.expect("pruned");
    assert_eq!(news(&world, &alice, start).await, told(&["bob"], &[]));
    assert_eq!(news(&world, &alice, later).await, told(&[], &[]));
    world.crypto.forget_moves().await.expect("nothing to do");
}
