//! A resident server with malicious templates: whatever they contain, this server signs only the requested join, knock
//! or leave (CVE-2026-24471).

use std::sync::Arc;
use std::time::Duration;

use crate::Domain;
use bytes::Bytes;
use hearth_base::{Reason, Result, Seams};
use hearth_core::Requester;
use hearth_core::ports::{Call, Eventually, Network, RemoteResponse};
use hearth_rooms::event::{Authored, Pdu, version};
use hearth_rooms::testing;
use parking_lot::Mutex;
use ruma::OwnedRoomId;
use serde_json::{Value, json};

use hearth_federation::out_of_band;

/// Answers template requests with a scripted template and refuses all others; records the requests.
#[derive(Debug, Default)]
struct Liar {
    template: Mutex<Value>,
    asked: Mutex<Vec<Call>>,
}

impl Liar {
    /// The member events that were sent to it.
    fn sent(&self) -> Vec<Call> {
        self.asked.lock().iter().filter(|call| call.target.contains("/send_")).cloned().collect()
    }
}

#[derive(Debug)]
struct Wire(Arc<Liar>);

impl Network for Wire {
    fn call(&self, call: Call) -> Eventually<Result<RemoteResponse>> {
        let is_template = call.target.contains("/make_");
        self.0.asked.lock().push(call);
        let body = if is_template {
            self.0.template.lock().to_string()
        } else {
            json!({"errcode": "M_FORBIDDEN"}).to_string()
        };
        let body = Box::pin(futures_util::stream::iter([Ok(Bytes::from(body))]));
        let status = if is_template { 200 } else { 403 };
        Box::pin(std::future::ready(Ok(RemoteResponse { status, content_type: None, body })))
    }

    fn fetch(&self, _: String, _: Duration) -> Eventually<Result<RemoteResponse>> {
        Box::pin(std::future::pending())
    }
}

struct World {
    domain: Arc<Domain>,
    liar: Arc<Liar>,
    alice: Requester,
    _folder: tempfile::TempDir,
}

const ALICE: &str = "@alice:home.example";

/// The kinds of membership requests.
const WAYS: [&str; 3] = ["join", "knock", "leave"];

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let core = testing::core(&folder, Seams::system(), |_| {});
        let alice = testing::user(&core, ALICE).await;
        let liar = Arc::new(Liar::default());
        let domain = Domain::new(core, Arc::new(Wire(liar.clone()))).expect("a domain");
        Self { domain, liar, alice, _folder: folder }
    }

    /// Invites Alice to one of the malicious server's rooms, so that she can leave it.
    async fn invites(&self, room_id: &OwnedRoomId, version: &'static str) {
        let event = json!({
            "type": "m.room.member", "room_id": room_id, "sender": "@mallory:evil.example", "state_key": ALICE,
            "content": {"membership": "invite"}, "depth": 5, "origin_server_ts": 1,
            "prev_events": ["$before"], "auth_events": ["$create"],
        });
        let json = event.to_string().into_bytes();
        let id = ruma::EventId::parse(format!("$invite{version}{}", room_id.as_str().len())).expect("an id");
        let pdu = Pdu::parse(id, &json).expect("an event");
        let (core, room_id) = (self.domain.core.clone(), room_id.clone());
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            let room = out_of_band::room(&core, tx, &room_id, version)?;
            out_of_band::stand(&core, tx, &room, &Authored { pdu, json }, Some(b"[]"))
        };
        self.domain.core.store.write("test", write).await.expect("an invite");
    }

    async fn goes(&self, way: &str, room_id: &OwnedRoomId) -> Result<()> {
        let via = vec![ruma::owned_server_name!("evil.example")];
        let (actions, name) = (&self.domain.actions, room_id.clone().into());
        match way {
            "join" => actions.join(&self.alice, name, via, hearth_rooms::JoinContent::default()).await.map(drop),
            "knock" => actions.knock(&self.alice, name, via, None).await.map(drop),
            _ => actions.leave(&self.alice, room_id.clone(), None).await,
        }
    }
}

fn room_of(version: &str) -> OwnedRoomId {
    let id = if version == "12" { "!aGFzaC1vZi1hLWNyZWF0ZS1ldmVudC1vZi1yb29tLTEy" } else { "!den:evil.example" };
    OwnedRoomId::try_from(id).expect("an id")
}

/// A valid template, with the maximum number of auth events.
fn template(way: &str, version: &str, room_id: &OwnedRoomId) -> Value {
    let auth = match (way, version) {
        ("leave", "12") => 2,
        ("leave", _) | ("knock", "12") => 3,
        ("join", "8" | "9" | "10" | "11") => 5,
        _ => 4,
    };
    let auth: Vec<_> = (0..auth).map(|n| format!("$auth{n}")).collect();
    json!({
        "room_version": version,
        "event": {
            "type": "m.room.member", "room_id": room_id, "sender": ALICE, "state_key": ALICE,
            "content": {"membership": way}, "depth": 7, "origin": "evil.example", "origin_server_ts": 1,
            "prev_events": ["$one", "$two"], "auth_events": auth,
        },
    })
}

type Twist = (&'static str, fn(&mut Value));

const TWISTS: &[Twist] = &[
    ("type", |t| t["event"]["type"] = json!("m.room.power_levels")),
    ("sender", |t| t["event"]["sender"] = json!("@admin:home.example")),
    ("state key", |t| t["event"]["state_key"] = json!("@bob:home.example")),
    ("no state key", |t| _ = t["event"].as_object_mut().expect("an object").remove("state_key")),
    ("room", |t| t["event"]["room_id"] = json!("!other:home.example")),
    ("no room", |t| _ = t["event"].as_object_mut().expect("an object").remove("room_id")),
    ("membership", |t| t["event"]["content"]["membership"] = json!("ban")),
    ("no membership", |t| t["event"]["content"] = json!({})),
    ("content that is none", |t| t["event"]["content"] = json!("join")),
    ("one auth event more", |t| t["event"]["auth_events"].as_array_mut().expect("a list").push(json!("$more"))),
    ("many auth events", |t| t["event"]["auth_events"] = (0..200).map(|n| format!("$a{n}")).collect()),
    ("an auth event twice", |t| t["event"]["auth_events"] = json!(["$auth0", "$auth0"])),
    ("auth events that are none", |t| t["event"]["auth_events"] = json!([{"$auth0": 1}])),
    ("no previous events", |t| t["event"]["prev_events"] = json!([])),
    ("many previous events", |t| t["event"]["prev_events"] = (0..21).map(|n| format!("$p{n}")).collect()),
    ("a previous event twice", |t| t["event"]["prev_events"] = json!(["$one", "$one"])),
    ("a negative depth", |t| t["event"]["depth"] = json!(-1)),
    ("a depth that is none", |t| t["event"]["depth"] = json!("7")),
    ("a fraction of a depth", |t| t["event"]["depth"] = json!(7.5)),
    ("a version that there is not", |t| t["room_version"] = json!("org.evil.1")),
    ("the first version", |t| t["room_version"] = json!("1")),
    ("no event", |t| t["event"] = json!([])),
];

#[tokio::test]
async fn nothing_is_signed_but_what_was_asked_for() {
    let world = World::new().await;
    for version in version::SUPPORTED.iter().map(ruma::RoomVersionId::as_str) {
        let room_id = room_of(version);
        for way in WAYS {
            for (name, twist) in TWISTS {
                if way == "leave" {
                    world.invites(&room_id, version).await;
                }
                let mut lie = template(way, version, &room_id);
                twist(&mut lie);
                *world.liar.template.lock() = lie;
                let gone = world.goes(way, &room_id).await;
                assert_eq!(world.liar.sent().len(), 0, "{way} with {name} in version {version}");
                // An invite always ends locally, but then no other server sees the leave.
                assert_eq!(gone.is_ok(), way == "leave", "{way} with {name} in version {version}: {gone:?}");
            }
        }
    }
}

#[tokio::test]
async fn of_a_template_only_the_place_is_taken_over() {
    let world = World::new().await;
    for version in ["6", "10", "12"] {
        let room_id = room_of(version);
        for way in WAYS.into_iter().filter(|way| !(*way == "knock" && version == "6")) {
            if way == "leave" {
                world.invites(&room_id, version).await;
            }
            let mut padded = template(way, version, &room_id);
            padded["event"]["redacts"] = json!("$victim");
            padded["event"]["hashes"] = json!({"sha256": "no"});
            padded["event"]["signatures"] = json!({"home.example": {"ed25519:x": "no"}});
            padded["event"]["unsigned"] = json!({"x": 1});
            padded["event"]["content"]["third_party_invite"] = json!({"signed": {}});
            padded["event"]["content"]["users"] = json!({ALICE: 100});
            padded["event"]["content"]["join_authorised_via_users_server"] = json!("@mallory:evil.example");
            *world.liar.template.lock() = padded.clone();
            world.liar.asked.lock().clear();
            let _ = world.goes(way, &room_id).await;
            let sent = world.liar.sent().into_iter().next().unwrap_or_else(|| panic!("{way} {version} sends an event"));
            let sent: Value = serde_json::from_slice(&sent.body).expect("JSON");
            let keys: Vec<&str> = sent.as_object().expect("an object").keys().map(String::as_str).collect();
            let ours = [
                "auth_events",
                "content",
                "depth",
                "hashes",
                "origin_server_ts",
                "prev_events",
                "room_id",
                "sender",
                "signatures",
                "state_key",
                "type",
            ];
            assert_eq!(keys, ours, "{way} {version}");
            let mut content = json!({"membership": way});
            if way == "join" && version != "6" {
                content["join_authorised_via_users_server"] = json!("@mallory:evil.example");
            }
            assert_eq!(sent["content"], content, "{way} {version}");
            assert_eq!(sent["depth"], 7);
            assert_eq!(sent["prev_events"], padded["event"]["prev_events"]);
            assert_ne!(sent["hashes"], padded["event"]["hashes"]);
        }
    }
}

#[tokio::test]
async fn no_one_of_a_third_server_vouches() {
    let world = World::new().await;
    let room_id = room_of("10");
    let mut template = template("join", "10", &room_id);
    template["event"]["content"]["join_authorised_via_users_server"] = json!("@innocent:other.example");
    *world.liar.template.lock() = template;
    let error = world.goes("join", &room_id).await.expect_err("refused");
    assert_eq!((error.reason(), world.liar.sent().len()), (Some(Reason::ConnectionFailed), 0));
}

#[tokio::test]
async fn a_room_id_and_its_version_fit_each_other() {
    let world = World::new().await;
    for (id, version) in [("12", "11"), ("11", "12")] {
        let room_id = room_of(id);
        for way in ["join", "knock"] {
            *world.liar.template.lock() = template(way, version, &room_id);
            assert!(world.goes(way, &room_id).await.is_err());
            assert_eq!(world.liar.sent().len(), 0, "{way}");
        }
    }
}
