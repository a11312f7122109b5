//! Malicious events. The room keeps working after each.

use std::collections::HashSet;

use hearth_rooms::event::client::{Unsigned, show};
use hearth_store::tables::events;
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use ruma::events::TimelineEventType;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::graph::{Graph, Wish};
use super::world::{Home, World};
use crate::pdu;

const CREATOR: &str = "@creator:far.example";

fn raw(value: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("JSON")
}

/// The room accepts and shows a further event.
async fn goes_on(world: &World, why: &str) {
    let newest = world.timeline().await.last().expect("an event").clone();
    let known = world.graph(|graph| graph.events.contains_key(&newest));
    let prev = if known { newest } else { world.joined.clone() };
    let said = world.says(CREATOR, why, &[prev]);
    let outcome = world.receives(&[&said]).await;
    assert!(outcome.get(&said).is_some_and(Result::is_ok), "{why}: {outcome:?}");
    if !world.timeline().await.contains(&said) {
        // The event waits in the inbox, behind those with missing events or with state resolution.
        world.works_off_until_shown(&said).await;
    }
    assert!(world.timeline().await.contains(&said), "{why}");
    let room = world.room;
    let shown = world.read(move |core, tx| {
        let mut shown = 0;
        events::timeline(tx.tx(), room, (i64::MIN, i64::MAX), events::Direction::Forward, 100_000, &mut |row| {
            let event = core.events.keep(row.read()?)?;
            let _: ruma::serde::Raw<Value> = show(&event.pdu, None, &Unsigned::default());
            shown += 1;
            Ok(true)
        })
        .expect("a timeline");
        shown
    });
    assert!(shown.await > 1);
}

/// Values of unexpected types.
fn oddities() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(9_007_199_254_740_991_i64),
        json!(-9_007_199_254_740_991_i64),
        json!(""),
        json!("x"),
        json!("\u{0}"),
        json!("\u{202e}\u{200d}"),
        json!("x".repeat(256)),
        json!("@"),
        json!("@:"),
        json!("$"),
        json!("!"),
        json!("$not-known"),
        json!([]),
        json!([null]),
        json!([[]]),
        json!(["$a", "$a", "$a"]),
        json!((0..21).map(|nth| format!("${nth}")).collect::<Vec<_>>()),
        json!({}),
        json!({"": {}}),
        json!({"far.example": {"ed25519:test": "AAAA"}}),
        json!({"sha256": 7}),
        json!("x".repeat(60_000)),
    ]
}

#[tokio::test]
async fn malformed_fields_break_nothing() {
    for version in ["5", "10", "12"] {
        let world = World::of_version(version).await;
        let mut cases = 0;
        let fields = [
            "type",
            "sender",
            "room_id",
            "state_key",
            "content",
            "prev_events",
            "auth_events",
            "depth",
            "origin_server_ts",
            "hashes",
            "signatures",
            "redacts",
            "unsigned",
            "event_id",
            "origin",
        ];
        for field in fields {
            let mut spoiled = Vec::new();
            for oddity in oddities() {
                let object = world.graph(|graph| spoil(graph, &world.joined, field, oddity));
                spoiled.push(object);
            }
            cases += spoiled.len();
            for chunk in spoiled.chunks(10) {
                let far = ruma::server_name!("far.example");
                world.receives_raw(far, chunk.iter().map(raw).collect()).await;
            }
            goes_on(&world, field).await;
        }
        assert!(cases >= 300, "{cases}");
        world.works_off_some().await;
        goes_on(&world, "in the end").await;
    }
}

/// A message with one modified field, signed as far as possible; one in three is a state event.
fn spoil(graph: &mut Graph, prev: &ruma::EventId, field: &str, oddity: Value) -> Value {
    let wish = Wish { sender: CREATOR, kind: "m.room.message", state_key: None, content: json!({"body": "odd"}) };
    let mut object = graph.object(&wish, &[prev.to_owned()]);
    let oddity: CanonicalJsonValue = serde_json::from_value(oddity).expect("canonical");
    let is_seal = matches!(field, "hashes" | "signatures");
    if !is_seal {
        object.insert(field.to_owned(), oddity.clone());
    }
    let mut signed = object.clone();
    let sealed = seal(&mut signed);
    let mut object = if sealed { signed } else { object };
    if is_seal {
        object.insert(field.to_owned(), oddity);
    }
    serde_json::to_value(object).expect("JSON")
}

fn seal(object: &mut CanonicalJsonObject) -> bool {
    let key = super::graph::key_of("far.example");
    let rules = hearth_rooms::event::version::rules("10").expect("a version");
    ruma::signatures::hash_and_sign_event("far.example", key.pair(), object, &rules.redaction).is_ok()
}

#[tokio::test]
async fn poisonous_contents_break_nothing() {
    let world = World::of_version("9").await;
    let big = "n".repeat(50_000);
    let contents = [
        ("m.room.member", Some(CREATOR), json!({"membership": "join", "displayname": big})),
        ("m.room.member", Some(CREATOR), json!({"membership": "join", "displayname": 7, "avatar_url": []})),
        ("m.room.member", Some("not a user"), json!({"membership": "join"})),
        ("m.room.member", Some(CREATOR), json!({"membership": 7})),
        ("m.room.member", Some(CREATOR), json!({})),
        ("m.room.member", Some("@new:far.example"), json!({"membership": "invite", "third_party_invite": 5})),
        ("m.room.member", Some("@new:far.example"), json!({"membership": "dance"})),
        ("m.room.power_levels", Some(""), json!({"users": {CREATOR: "100"}})),
        ("m.room.power_levels", Some(""), json!({"users": {CREATOR: 100}, "events": []})),
        ("m.room.power_levels", Some(""), json!({"users": [], "ban": null})),
        ("m.room.power_levels", Some(""), json!({"users": {CREATOR: 100, "x": 1}})),
        (
            "m.room.power_levels",
            Some(""),
            json!({"users": {CREATOR: 100, "@x:far.example": -9_007_199_254_740_991_i64}}),
        ),
        ("m.room.join_rules", Some(""), json!({"join_rule": "custom"})),
        ("m.room.join_rules", Some(""), json!({"join_rule": 7, "allow": "x"})),
        ("m.room.history_visibility", Some(""), json!({"history_visibility": {}})),
        ("m.room.server_acl", Some("x"), json!({"allow": 7})),
        ("m.room.canonical_alias", Some(""), json!({"alias": 7})),
        ("m.room.name", Some(""), json!({"name": []})),
        ("m.room.topic", Some(""), json!({"topic": {"m.topic": 7}})),
        ("m.room.encryption", Some(""), json!({"algorithm": 7})),
        ("m.room.tombstone", Some(""), json!({"replacement_room": 7})),
        ("m.room.third_party_invite", Some("token"), json!({"public_keys": 7})),
        ("m.space.child", Some("!x"), json!({"via": 7})),
        ("m.room.redaction", None, json!({"redacts": 7})),
        ("m.room.message", None, json!({"m.relates_to": {"rel_type": "m.thread", "event_id": "$unknown"}})),
        ("m.room.message", None, json!({"m.relates_to": 7})),
        ("m.reaction", None, json!({"m.relates_to": {"rel_type": "m.annotation", "event_id": "$x", "key": "\u{0}"}})),
        ("", None, json!({})),
        ("m.room.message\u{0}", None, json!({})),
    ];
    for (kind, key, content) in contents {
        let wish = Wish { sender: CREATOR, kind, state_key: key, content };
        let object = world.graph(|graph| {
            let mut object = graph.object(&wish, &[world.joined.clone()]);
            object.entry("redacts".to_owned()).or_insert(CanonicalJsonValue::Bool(true));
            graph.sign(&mut object);
            object
        });
        let far = ruma::server_name!("far.example");
        world.receives_raw(far, vec![raw(&serde_json::to_value(object).expect("JSON"))]).await;
        goes_on(&world, kind).await;
    }
}

#[tokio::test]
async fn a_depth_beyond_all_bounds_does_not_end_a_room() {
    let world = World::of_version("10").await;
    let wish = Wish { sender: CREATOR, kind: "m.room.message", state_key: None, content: json!({}) };
    let mut object = world.graph(|graph| graph.object(&wish, &[world.joined.clone()]));
    object.insert("depth".into(), serde_json::from_value(json!(9_007_199_254_740_991_i64)).expect("a number"));
    let deep = world.graph(|graph| graph.finish(object));
    world.receives(&[&deep]).await;
    let (core, room) = (world.core.clone(), world.room);
    let sent = world.core.store.write("test", move |tx| {
        use hearth_rooms::append::{Sender, append};
        let alice = ruma::UserId::parse(super::world::ALICE).expect("an id");
        let sender = hearth_store::tables::users::intern(tx, alice.as_str())?;
        let mut room = hearth_store::tables::rooms::by_sn(tx.tx(), room)?.expect("a room");
        let draft = hearth_rooms::event::Draft::message("m.room.message", Default::default());
        append(&core, tx, &mut room, &Sender::new(sender, &alice), draft).map(|event| event.pdu.depth)
    });
    assert_eq!(sent.await.expect("sent"), 9_007_199_254_740_991);
}

#[tokio::test]
async fn flipped_bits_are_noticed() {
    let world = World::of_version("10").await;
    let far = ruma::server_name!("far.example");
    for field in ["hashes", "signatures", "depth", "origin_server_ts", "sender", "type", "auth_events", "prev_events"] {
        let said = world.says(CREATOR, field, &[world.joined.clone()]);
        let mut event: Value =
            serde_json::from_str(world.graph(|graph| graph.made(&said).json.clone()).get()).expect("JSON");
        match field {
            "hashes" => event["hashes"]["sha256"] = flip(&event["hashes"]["sha256"]),
            "signatures" => {
                let signature = flip(&event["signatures"]["far.example"]["ed25519:test"]);
                event["signatures"]["far.example"]["ed25519:test"] = signature;
            }
            "depth" | "origin_server_ts" => event[field] = (event[field].as_i64().expect("a number") ^ 1).into(),
            "sender" => event[field] = "@creatos:far.example".into(),
            "type" => event[field] = "m.room.messagf".into(),
            _ => event[field] = json!([event[field][0].as_str().expect("an id").replace(['a', 'A'], "b")]),
        }
        let before = world.timeline().await.len();
        let outcome = world.receives_raw(far, vec![raw(&event)]).await;
        assert!(outcome.values().all(Result::is_err), "{field}: {outcome:?}");
        assert_eq!(world.timeline().await.len(), before, "{field}");
    }
    // The content is only covered by the content hash: after a mismatch the event is stored redacted.
    let said = world.says(CREATOR, "secret", &[world.joined.clone()]);
    let mut event: Value =
        serde_json::from_str(world.graph(|graph| graph.made(&said).json.clone()).get()).expect("JSON");
    event["content"]["body"] = "secres".into();
    let outcome = world.receives_raw(far, vec![raw(&event)]).await;
    assert!(outcome[&said].is_ok(), "{outcome:?}");
    assert_eq!(world.event(&said).await.expect("kept").pdu.content.get(), "{}");
}

fn flip(text: &Value) -> Value {
    let text = text.as_str().expect("text");
    let first = if text.starts_with('A') { 'B' } else { 'A' };
    format!("{first}{}", &text[1..]).into()
}

#[tokio::test]
async fn auth_events_of_another_room_authorise_nothing() {
    let world = World::of_version("10").await;
    let elsewhere = Home::open();
    let mut other = Graph::new("10", &elsewhere.core);
    other.room_id = ruma::owned_room_id!("!other:far.example");
    let wish = Wish {
        sender: CREATOR,
        kind: "m.room.power_levels",
        state_key: Some(""),
        content: json!({"users": {CREATOR: 100, "@bob:far.example": 100}}),
    };
    let newest = other.newest();
    let mut object = other.object(&wish, &[newest]);
    object.insert("auth_events".into(), serde_json::from_value(json!([])).expect("none"));
    other.sign(&mut object);
    let raw_event = raw(&serde_json::to_value(&object).expect("JSON"));
    let foreign = pdu::parse(other.rules, Some(&other.room_id), &raw_event).expect("an event");
    let foreign_id = foreign.pdu.event_id.clone();
    let (core, room) = (world.core.clone(), hearth_store::ids::RoomSn(world.room.0 + 1_000_000));
    let write = move |tx: &mut hearth_store::WriteTx<'_>| pdu::outliers(&core, tx, room, vec![foreign]);
    world.core.store.write("test", write).await.expect("an outlier");
    let wish = Wish { sender: CREATOR, kind: "m.room.message", state_key: None, content: json!({}) };
    let mut object = world.graph(|graph| graph.object(&wish, &[world.joined.clone()]));
    if let Some(CanonicalJsonValue::Array(auth)) = object.get_mut("auth_events") {
        auth[0] = foreign_id.as_str().into();
    }
    world.graph(|graph| graph.sign(&mut object));
    let id = world.graph(|graph| graph.id_of(&object));
    let event = raw(&serde_json::to_value(&object).expect("JSON"));
    let outcome = world.receives_raw(ruma::server_name!("far.example"), vec![event]).await;
    assert!(outcome[&id].is_err(), "{outcome:?}");
    assert!(!world.timeline().await.contains(&id));
}

#[test]
fn a_room_of_version_12_is_named_after_its_create_event() {
    let home = Home::open();
    let graph = Graph::new("12", &home.core);
    let create = graph.made(&graph.order[0]);
    assert_eq!(create.pdu.kind, TimelineEventType::RoomCreate);
    assert!(pdu::parse(graph.rules, Some(&graph.room_id), &create.json).is_ok());
    let other = ruma::room_id!("!AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    assert!(pdu::parse(graph.rules, Some(other), &create.json).is_err());
    let named: HashSet<_> = graph.order.iter().skip(1).map(|id| graph.made(id).pdu.room_id.clone()).collect();
    assert_eq!(named, HashSet::from([Some(graph.room_id.clone())]));
}
