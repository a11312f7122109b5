//! Unusual events that all other servers accept: a server that drops one of them splits the room.

use ruma::canonical_json::CanonicalJsonObject;
use serde_json::{Value, json};

use super::graph::Wish;
use super::world::World;

const CREATOR: &str = "@creator:far.example";
const BOB: &str = "@bob:far.example";

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!({ "n": inner }))
}

/// Sends an event of the creator that is modified before it is signed; returns whether it is shown.
async fn is_taken(world: &World, wish: &Wish<'_>, change: impl FnOnce(&mut CanonicalJsonObject)) -> bool {
    let newest = world.timeline().await.last().expect("an event").clone();
    let id = world.graph(|graph| {
        let mut object = graph.object(wish, &[newest]);
        change(&mut object);
        graph.finish(object)
    });
    let outcome = world.receives(&[&id]).await;
    world.timeline().await.contains(&id) && outcome[&id].is_ok()
}

#[tokio::test]
async fn odd_events_are_taken() {
    for version in ["10", "11", "12"] {
        let world = World::of_version(version).await;
        let message = |content: Value| Wish { sender: CREATOR, kind: "m.room.message", state_key: None, content };
        let set = |kind: &'static str, key: &'static str| Wish {
            sender: CREATOR,
            kind,
            state_key: Some(key),
            content: json!({}),
        };
        assert!(is_taken(&world, &message(nested(100)), |_| {}).await, "deep, version {version}");
        for at_ms in [-1, -9_007_199_254_740_991_i64, 0] {
            let change = |object: &mut CanonicalJsonObject| {
                object.insert("origin_server_ts".into(), serde_json::from_value(json!(at_ms)).expect("a number"));
            };
            assert!(is_taken(&world, &message(json!({})), change).await, "at {at_ms}, version {version}");
        }
        for (kind, key) in [
            ("", ""),
            ("org.example.odd", "not @a user"),
            ("org.example.odd", " "),
            ("org.example.odd", "\u{202e}\u{1f600}"),
            ("org.example.odd", "ein langer Schlüssel mit / und ? und #"),
            ("org.example.odd", "@creator:far.example"),
        ] {
            assert!(is_taken(&world, &set(kind, key), |_| {}).await, "{kind:?} {key:?}, version {version}");
        }
        for odd in [
            json!({ "displayname": 5, "avatar_url": ["x"] }),
            json!({ "displayname": null, "is_direct": "yes", "reason": {} }),
            json!({ "third_party_invite": null }),
            json!({ "displayname": "x".repeat(2_000) }),
        ] {
            let mut content = odd.clone();
            content["membership"] = json!("join");
            let wish = Wish { sender: BOB, kind: "m.room.member", state_key: Some(BOB), content };
            assert!(is_taken(&world, &wish, |_| {}).await, "{odd}, version {version}");
        }
    }
}

#[tokio::test]
async fn lengths_are_code_points_before_version_11_and_bytes_from_then_on() {
    let long: String = "ü".repeat(200);
    for (version, is_good) in [("10", true), ("11", false), ("12", false)] {
        let world = World::of_version(version).await;
        let newest = world.joined.clone();
        let object = world.graph(|graph| {
            let wish = Wish { sender: CREATOR, kind: "org.example.odd", state_key: Some(&long), content: json!({}) };
            let mut object = graph.object(&wish, &[newest]);
            graph.sign(&mut object);
            object
        });
        let raw = serde_json::value::to_raw_value(&object).expect("JSON");
        let (before, origin) = (world.timeline().await.len(), ruma::owned_server_name!("far.example"));
        world.receives_raw(&origin, vec![raw]).await;
        assert_eq!(world.timeline().await.len() - before, usize::from(is_good), "version {version}");
    }
}
