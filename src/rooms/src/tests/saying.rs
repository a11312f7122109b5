//! Sending, setting state, redacting.

use hearth_base::Reason;
use serde_json::json;

use super::{World, why};

#[tokio::test]
async fn a_transaction_that_comes_again_is_answered_as_before() {
    let world = World::new().await;
    let id = world.makes(json!({})).await.expect("a room");
    let text = || json!({"body": "hi", "msgtype": "m.text"});
    let first = world.send(&world.alice, &id, "m.room.message", "1", text()).await.expect("sent");
    assert_eq!(world.send(&world.alice, &id, "m.room.message", "1", text()).await.expect("again"), first);
    assert_ne!(world.send(&world.alice, &id, "m.room.message", "2", text()).await.expect("another"), first);
    assert_ne!(world.send(&world.alice, &id, "x", "1", text()).await.expect("another type"), first);
    assert_eq!(why(world.send(&world.bob, &id, "m.room.message", "1", text()).await), Reason::Forbidden);
    let big = json!({"body": "x".repeat(70_000), "msgtype": "m.text"});
    assert_eq!(why(world.send(&world.alice, &id, "m.room.message", "3", big).await), Reason::TooLarge);
    let half = json!({"body": "x", "msgtype": "m.text", "half": 0.5});
    assert_eq!(why(world.send(&world.alice, &id, "m.room.message", "4", half).await), Reason::BadJson);
    assert_eq!(
        why(world.send(&world.alice, &id, "m.room.name", "5", json!({"name": "x"})).await),
        Reason::InvalidParam
    );
}

#[tokio::test]
async fn relations_that_make_no_sense_are_refused() {
    let world = World::new().await;
    let id = world.makes(json!({})).await.expect("a room");
    let said = world.send(&world.alice, &id, "m.room.message", "1", json!({"body": "hi", "msgtype": "m.text"})).await;
    let said = said.expect("sent");
    let react = |key: &str| json!({"m.relates_to": {"rel_type": "m.annotation", "event_id": said, "key": key}});
    world.send(&world.alice, &id, "m.reaction", "2", react("+1")).await.expect("a reaction");
    assert_eq!(why(world.send(&world.alice, &id, "m.reaction", "3", react("+1")).await), Reason::DuplicateAnnotation);
    let other = world.send(&world.alice, &id, "m.reaction", "4", react("-1")).await.expect("another reaction");
    let in_thread = |root: &str| json!({"body": "t", "msgtype": "m.text", "m.relates_to": {"rel_type": "m.thread", "event_id": root}});
    world.send(&world.alice, &id, "m.room.message", "5", in_thread(said.as_str())).await.expect("a thread");
    assert_eq!(
        why(world.send(&world.alice, &id, "m.room.message", "6", in_thread(other.as_str())).await),
        Reason::InvalidParam
    );
    assert_eq!(
        why(world.send(&world.alice, &id, "m.room.message", "7", in_thread("$none")).await),
        Reason::InvalidParam
    );
    // After the reaction is redacted, the same reaction is allowed again.
    world.rooms.redact(&world.alice, id.clone(), other, "8".to_owned(), None).await.expect("redacted");
    world.send(&world.alice, &id, "m.reaction", "9", react("-1")).await.expect("a reaction");
}

#[tokio::test]
async fn only_the_powerful_redact_what_others_said() {
    let world = World::new().await;
    for version in ["10", "12"] {
        let id = world.makes(json!({"room_version": version, "preset": "public_chat"})).await.expect("a room");
        world.joins(&world.bob, &id).await.expect("a join");
        let text = || json!({"body": "hi", "msgtype": "m.text"});
        let of_alice = world.send(&world.alice, &id, "m.room.message", "1", text()).await.expect("sent");
        let of_bob = world.send(&world.bob, &id, "m.room.message", "1", text()).await.expect("sent");
        let redact = async |who, event: &ruma::OwnedEventId, txn: &str| {
            world.rooms.redact(who, id.clone(), event.clone(), txn.to_owned(), Some("why".to_owned())).await
        };
        assert_eq!(why(redact(&world.bob, &of_alice, "2").await), Reason::Forbidden);
        let first = redact(&world.bob, &of_bob, "3").await.expect("one's own");
        assert_eq!(redact(&world.bob, &of_bob, "3").await.expect("again"), first);
        world.send(&world.alice, &id, "m.room.redaction", "4", json!({"redacts": of_bob})).await.expect("by /send");
        let none = ruma::EventId::parse("$none").expect("an id");
        // Other servers may have the unknown target and check the redaction; but the target cannot be by this local
        // user.
        redact(&world.alice, &none, "5").await.expect("sent on with the power to redact");
        assert_eq!(why(redact(&world.bob, &none, "5").await), Reason::NotFound);
        let (core, wanted) = (world.core.clone(), of_bob.clone());
        let redacted = move |tx: &mut hearth_store::ReadTx<'_>| core.events.find(tx.tx(), &wanted);
        let event = world.core.store.read("test", redacted).await.expect("read").expect("known");
        assert_eq!((event.is_redacted(), event.pdu.content.get()), (true, "{}"));
    }
}

#[tokio::test]
async fn state_that_is_so_already_is_not_set_again() {
    let world = World::new().await;
    let id = world.makes(json!({"preset": "public_chat", "room_alias_name": "here"})).await.expect("a room");
    let first = world.set(&world.alice, &id, "m.room.name", json!({"name": "A"})).await.expect("set");
    assert_eq!(world.set(&world.alice, &id, "m.room.name", json!({"name": "A"})).await.expect("again"), first);
    assert_ne!(world.set(&world.alice, &id, "m.room.name", json!({"name": "B"})).await.expect("new"), first);
    world.joins(&world.bob, &id).await.expect("a join");
    assert_eq!(why(world.set(&world.bob, &id, "m.room.name", json!({"name": "C"})).await), Reason::Forbidden);
    let alias = |alias: &str| json!({"alias": "#here:home.example", "alt_aliases": [alias]});
    assert_eq!(
        why(world.set(&world.alice, &id, "m.room.canonical_alias", alias("#there:home.example")).await),
        Reason::BadAlias
    );
    assert_eq!(why(world.set(&world.alice, &id, "m.room.canonical_alias", alias("there")).await), Reason::InvalidParam);
    let there = ruma::RoomAliasId::parse("#there:home.example").expect("an alias");
    world.rooms.add_alias(&world.bob, there.clone(), id.clone()).await.expect("an alias");
    assert_eq!(why(world.rooms.add_alias(&world.bob, there.clone(), id.clone()).await), Reason::AliasInUse);
    world.set(&world.alice, &id, "m.room.canonical_alias", alias("#there:home.example")).await.expect("set");
    assert_eq!(why(world.rooms.remove_alias(&world.carol, there.clone()).await), Reason::Forbidden);
    world.rooms.remove_alias(&world.alice, there.clone()).await.expect("removed");
    assert_eq!(world.state(&id, "m.room.canonical_alias", "").await, json!({"alias": "#here:home.example"}));
    assert_eq!(why(world.leads_to(there).await), Reason::NotFound);
}
