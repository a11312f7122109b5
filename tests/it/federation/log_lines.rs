//! What other servers send fills no log: one line at most for each request at the default level, and none at WARN or above.
//!
//! All servers of a process log through one subscriber, so the requests are counted in a process of their own.

use std::process::Command;
use std::sync::Arc;

use parking_lot::Mutex;
use ruma::room_version_rules::RoomVersionRules;
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::malformed;
use super::resident::{put, signed};
use super::transaction::Letter;
use crate::harness::{Cluster, Room, World, encoded, v3};

/// The lines since the last look.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

struct Text<'a>(&'a mut String);

impl Visit for Text<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!("{field}={value:?} "));
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = format!("{}: ", event.metadata().target());
        event.record(&mut Text(&mut text));
        self.0.lock().push((*event.metadata().level(), text));
    }
}

impl Lines {
    /// Asserts that the requests since the last look left as few lines as they may.
    #[track_caller]
    fn are_few(&self, requests: usize, what: &str) {
        let lines = std::mem::take(&mut *self.0.lock());
        let loud: Vec<_> = lines.iter().filter(|(level, _)| *level <= Level::WARN).collect();
        assert!(loud.is_empty(), "{what}: {loud:#?}");
        assert!(lines.len() <= requests, "{what}: {} lines for {requests} requests: {lines:#?}", lines.len());
    }
}

/// Full transactions of PDUs that cannot be accepted, each for its own reason.
fn transactions(b: &World, room: &Room) -> Vec<(&'static str, Vec<Value>)> {
    let event = |n: usize| {
        json!({
            "type": "m.room.message", "room_id": room.0, "sender": "@bob:b.example", "content": {"n": n}, "depth": 5,
            "origin_server_ts": b.server().domain.core.now_ms(), "prev_events": [format!("$before{n}")],
            "auth_events": ["$create", "$levels"],
        })
    };
    let many = |make: &dyn Fn(usize) -> Value| (0..50).map(make).collect::<Vec<_>>();
    let with = |n: usize, field: &str, value: Value| {
        let mut event = event(n);
        event[field] = value;
        event
    };
    let sign = |event: &Value| signed(b, &RoomVersionRules::V11, event).1;
    vec![
        ("no objects", many(&|n| json!(n))),
        ("empty", many(&|_| json!({}))),
        ("without a type", many(&|n| with(n, "type", json!(7)))),
        ("of unknown rooms", many(&|n| sign(&with(n, "room_id", json!(format!("!none{n}:b.example")))))),
        ("unsigned", many(&event)),
        ("of another server", many(&|n| with(n, "sender", json!("@carol:c.example")))),
        (
            "with broken hashes",
            many(&|n| {
                let mut event = sign(&event(n));
                event["content"]["n"] = json!("changed");
                event
            }),
        ),
        ("with unknown auth events", many(&|n| sign(&event(n)))),
        (
            "of state that bob may not set",
            many(&|n| {
                let mut event = with(n, "type", json!("m.room.power_levels"));
                event["state_key"] = json!("");
                sign(&event)
            }),
        ),
    ]
}

async fn edus(cluster: &Cluster, lines: &Lines, room: &Room) {
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let kinds = ["m.direct_to_device", "m.typing", "m.receipt", "m.presence", "m.device_list_update"];
    let contents = [
        json!({}),
        json!({"user_id": 5, "room_id": [], "messages": 7, "push": 1}),
        json!({"user_id": "@ann:a.example", "room_id": room.0, "typing": true, "sender": "@ann:a.example"}),
    ];
    for kind in kinds.into_iter().chain(["m.signing_key_update", "org.example.none"]) {
        for content in &contents {
            let edu = json!({"edu_type": kind, "content": content});
            let body = json!({"origin": "b.example", "origin_server_ts": 1, "pdus": [], "edus": vec![edu; 100]});
            let target = format!("/_matrix/federation/v1/send/{kind}-{}", content.to_string().len());
            put(cluster, b, a, &target, &body).await.ok();
            lines.are_few(1, &format!("{kind} {content}"));
        }
    }
    // More than the share of a stranger, for a device that does not read.
    let to_device = |n: usize| {
        let content = json!({
            "sender": "@bob:b.example", "type": "m.flood", "message_id": format!("{n}"),
            "messages": {"@ann:a.example": {"*": {"pad": "x".repeat(1_000)}}},
        });
        json!({"edu_type": "m.direct_to_device", "content": content})
    };
    let body = json!({"origin": "b.example", "origin_server_ts": 1, "pdus": [],
        "edus": (0..100).map(to_device).collect::<Vec<_>>()});
    put(cluster, b, a, "/_matrix/federation/v1/send/flood", &body).await.ok();
    lines.are_few(1, "a flood");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "counts the lines of its process; the test below starts it alone"]
async fn alone() {
    let lines = Lines::default();
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let (ann, bob) = (a.register("ann").await, b.register("bob").await);
    let room = ann.creates_room().public().version("11").await;
    bob.post(v3!("join/{}", room), json!({})).query(&[("via", "a.example")]).await.ok();
    // The default of `log.level`, for this server's own crates.
    tracing_subscriber::registry().with(lines.clone().with_filter(EnvFilter::new("ruma_state_res=warn,info"))).init();

    for (n, (what, pdus)) in transactions(b, &room).into_iter().enumerate() {
        let body = json!({"origin": "b.example", "origin_server_ts": 1, "pdus": pdus, "edus": []});
        put(&cluster, b, a, &format!("/_matrix/federation/v1/send/{n}"), &body).await.ok();
        // Most of these are said in the one line of the transaction, so the counting itself works.
        assert!(!lines.0.lock().is_empty() || what == "with unknown auth events", "{what}: no line at all");
        lines.are_few(1, what);
    }
    edus(&cluster, &lines, &room).await;
    for pattern in malformed::READS {
        for value in malformed::values() {
            let target = format!("/_matrix/federation/v1/{}", malformed::filled(pattern, &value));
            Letter::get(b, a, &target).arrives(&cluster).await;
            lines.are_few(1, &target);
        }
    }
    for (method, pattern) in malformed::WRITES {
        for body in malformed::bodies() {
            let target = malformed::filled(pattern, &encoded("!r:a.example"));
            let mut letter = Letter::post(b, a, &format!("/_matrix/federation/{target}"), &body);
            letter.0.method = (*method).to_owned();
            letter.signed_for(b, ruma::owned_server_name!("a.example")).arrives(&cluster).await;
            lines.are_few(1, &format!("{method} {target} {body}"));
        }
    }
    cluster.ends().await;
}

#[test]
fn a_request_of_another_server_is_one_line_at_most_and_never_a_warning() {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    let ran = command.args(["--ignored", "--exact", "federation::log_lines::alone"]).output().expect("it runs");
    let text = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success() && text.contains("1 passed"), "{text}");
}
