//! Normal events, and rejected ones.

use serde_json::json;

use super::graph::Wish;
use super::world::{ALICE, World};
use hearth_store::tables::events;

const CREATOR: &str = "@creator:far.example";
const BOB: &str = "@bob:far.example";

#[tokio::test]
async fn messages_come_in_without_anything_being_asked() {
    for version in ["3", "5", "6", "10", "11", "12"] {
        let world = World::of_version(version).await;
        let one = world.says(CREATOR, "one", &[world.joined.clone()]);
        let two = world.says(CREATOR, "two", &[one.clone()]);
        let outcome = world.receives(&[&one, &two]).await;
        assert!(outcome.len() == 2 && outcome.values().all(Result::is_ok), "{version}: {outcome:?}");
        assert_eq!(world.timeline().await, [world.joined.clone(), one.clone(), two], "{version}");
        assert!(!world.others.has_asked("/federation/"), "{:?}", world.others.asked.lock());
        // A second delivery: known, and nothing is stored twice.
        assert!(world.receives(&[&one]).await.values().all(Result::is_ok));
        assert_eq!(world.timeline().await.len(), 3);
    }
}

#[tokio::test]
async fn a_fork_of_messages_changes_no_state_and_joins_again() {
    let world = World::of_version("10").await;
    let left = world.says(CREATOR, "left", &[world.joined.clone()]);
    let right = world.says(CREATOR, "right", &[world.joined.clone()]);
    world.receives(&[&left]).await;
    let before = world.current_state().await;
    world.receives(&[&right]).await;
    let both = world.says(CREATOR, "both", &[left, right]);
    world.receives(&[&both]).await;
    assert_eq!(world.current_state().await, before);
    let expected = world.graph(|graph| graph.state_after(&both));
    assert_eq!(before, expected);
    assert_eq!(world.timeline().await.len(), 4);
}

#[tokio::test]
async fn what_the_current_state_forbids_is_soft_failed() {
    for version in ["6", "10", "12"] {
        let world = World::of_version(version).await;
        let joins = world.sets(BOB, "m.room.member", BOB, json!({"membership": "join"}), &[world.joined.clone()]);
        let ban = world.sets(CREATOR, "m.room.member", BOB, json!({"membership": "ban"}), &[joins.clone()]);
        // Sent on a branch without the ban.
        let late = world.says(BOB, "I am still here", &[joins.clone()]);
        let outcome = world.receives(&[&joins, &ban, &late]).await;
        assert!(outcome.values().all(Result::is_ok), "of a soft failure others learn nothing: {outcome:?}");
        let event = world.event(&late).await.expect("kept");
        assert_eq!((event.flags, event.ord), (events::SOFT_FAILED, None));
        assert_eq!(world.timeline().await, [world.joined.clone(), joins, ban.clone()]);
        // A later event on that branch does not make it visible.
        let next = world.says(CREATOR, "go on", &[ban, late.clone()]);
        world.receives(&[&next]).await;
        assert!(!world.timeline().await.contains(&late));
        assert_eq!(world.current_state().await, world.graph(|graph| graph.state_after(&next)), "{version}");
    }
}

#[tokio::test]
async fn what_was_never_allowed_is_rejected_and_does_not_count() {
    let world = World::of_version("11").await;
    let joins = world.sets(BOB, "m.room.member", BOB, json!({"membership": "join"}), &[world.joined.clone()]);
    let usurps = world.sets(BOB, "m.room.power_levels", "", json!({"users": {BOB: 100}}), &[joins.clone()]);
    let outcome = world.receives(&[&joins, &usurps]).await;
    assert!(outcome[&usurps].is_err(), "{outcome:?}");
    let event = world.event(&usurps).await.expect("kept");
    assert_eq!((event.flags, event.ord), (events::REJECTED, None));
    let after = world.says(CREATOR, "nothing happened", &[usurps.clone()]);
    assert!(world.receives(&[&after]).await[&after].is_ok());
    assert_eq!(world.current_state().await, world.graph(|graph| graph.state_after(&after)));
    assert_eq!(world.timeline().await, [world.joined.clone(), joins, after]);
    // An event with a rejected auth event is rejected.
    let object = world.graph(|graph| {
        let wish = Wish { sender: BOB, kind: "m.room.topic", state_key: Some(""), content: json!({"topic": "mine"}) };
        let mut object = graph.object(&wish, &[graph.newest()]);
        let mut auth: Vec<_> = graph.made(&usurps).pdu.auth_events.clone();
        auth.retain(|id| graph.made(id).pdu.kind != ruma::events::TimelineEventType::RoomPowerLevels);
        auth.push(usurps.clone());
        object.insert("auth_events".into(), serde_json::from_value(json!(auth)).expect("ids"));
        object
    });
    let heir = world.graph(|graph| graph.finish(object));
    assert!(world.receives(&[&heir]).await[&heir].is_err());
}

#[tokio::test]
async fn a_redaction_may_come_before_what_it_redacts() {
    for version in ["6", "11"] {
        let world = World::of_version(version).await;
        let secret = world.says(CREATOR, "secret", &[world.joined.clone()]);
        let redaction = world.graph(|graph| {
            let in_content = graph.rules.redaction.content_field_redacts;
            let content = if in_content { json!({"redacts": secret}) } else { json!({}) };
            let wish = Wish { sender: CREATOR, kind: "m.room.redaction", state_key: None, content };
            let mut object = graph.object(&wish, &[world.joined.clone()]);
            if !in_content {
                object.insert("redacts".into(), secret.as_str().into());
            }
            graph.finish(object)
        });
        world.receives(&[&redaction]).await;
        world.receives(&[&secret]).await;
        let event = world.event(&secret).await.expect("known");
        assert!(event.is_redacted() && event.pdu.content.get() == "{}", "{version}: {}", event.pdu.content);
        assert_eq!(world.timeline().await.len(), 3);
    }
}

#[tokio::test]
async fn strangers_redact_nothing() {
    let world = World::of_version("11").await;
    let mallory = "@mallory:other.example";
    let said = world.says(CREATOR, "stays", &[world.joined.clone()]);
    let joins = world.sets(mallory, "m.room.member", mallory, json!({"membership": "join"}), &[said.clone()]);
    let wish = Wish { sender: mallory, kind: "m.room.redaction", state_key: None, content: json!({"redacts": said}) };
    let redaction = world.make(&wish, &[joins.clone()]);
    world.receives(&[&said]).await;
    world.receives(&[&joins]).await;
    world.receives(&[&redaction]).await;
    let event = world.event(&said).await.expect("known");
    assert!(!event.is_redacted(), "the domains differ, and the power is missing");
}

#[tokio::test]
async fn only_the_sender_s_server_brings_an_event_but_any_user_a_membership() {
    let world = World::of_version("10").await;
    let said = world.says(CREATOR, "hello", &[world.joined.clone()]);
    let json = world.graph(|graph| graph.made(&said).json.clone());
    let other = ruma::server_name!("other.example");
    let outcome = world.receives_raw(other, vec![json]).await;
    assert!(outcome[&said].is_ok(), "dropped silently");
    assert!(world.event(&said).await.is_none());
    let join = world.sets(BOB, "m.room.member", BOB, json!({"membership": "join"}), &[world.joined.clone()]);
    let json = world.graph(|graph| graph.made(&join).json.clone());
    world.receives_raw(other, vec![json]).await;
    assert!(world.timeline().await.contains(&join));
}

#[tokio::test]
async fn servers_that_the_room_keeps_out_bring_nothing() {
    let world = World::of_version("10").await;
    let acl = world.sets(
        CREATOR,
        "m.room.server_acl",
        "",
        json!({"allow": ["*"], "deny": ["other.example"]}),
        &[world.joined.clone()],
    );
    world.receives(&[&acl]).await;
    let mallory = "@mallory:other.example";
    let joins = world.sets(mallory, "m.room.member", mallory, json!({"membership": "join"}), &[acl]);
    assert!(world.receives(&[&joins]).await[&joins].is_err());
    assert!(world.event(&joins).await.is_none());
}

#[tokio::test]
async fn a_second_create_event_is_none() {
    let world = World::of_version("10").await;
    let wish = Wish {
        sender: CREATOR,
        kind: "m.room.create",
        state_key: Some(""),
        content: json!({"creator": CREATOR, "room_version": "10", "again": true}),
    };
    let mut object = world.graph(|graph| graph.object(&wish, &[]));
    object.insert("room_id".into(), world.graph(|graph| graph.room_id.as_str().to_owned()).into());
    let again = world.graph(|graph| graph.finish(object));
    assert!(world.receives(&[&again]).await[&again].is_err());
    assert!(!world.timeline().await.contains(&again));
}

#[tokio::test]
async fn local_events_join_what_has_come_apart() {
    let world = World::of_version("10").await;
    let topic = world.sets(CREATOR, "m.room.topic", "", json!({"topic": "t"}), &[world.joined.clone()]);
    let name = world.sets(CREATOR, "m.room.name", "", json!({"name": "n"}), &[world.joined.clone()]);
    world.receives(&[&topic]).await;
    world.receives(&[&name]).await;
    let state = world.current_state().await;
    assert_eq!(state, world.graph(|graph| graph.state_after_all(&[topic.clone(), name.clone()])));
    let (core, room) = (world.core.clone(), world.room);
    let prev = world
        .core
        .store
        .write("test", move |tx| {
            use hearth_rooms::append::{Sender, append};
            let alice = ruma::UserId::parse(ALICE).expect("an id");
            let sender = hearth_store::tables::users::intern(tx, ALICE)?;
            let mut room = hearth_store::tables::rooms::by_sn(tx.tx(), room)?.expect("a room");
            let draft = hearth_rooms::event::Draft::message("m.room.message", Default::default());
            let event = append(&core, tx, &mut room, &Sender::new(sender, &alice), draft)?;
            assert_eq!(room.extremities, [event.sn]);
            Ok(event.pdu.prev_events.clone())
        })
        .await
        .expect("sent");
    assert!(prev.contains(&topic) && prev.contains(&name), "{prev:?}");
    assert_eq!(world.current_state().await, state);
}
