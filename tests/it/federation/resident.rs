//! Invites and joins from other servers: only events with the required signatures are accepted, and no additional
//! content breaks a sync.

use ruma::CanonicalJsonObject;
use ruma::room_version_rules::RoomVersionRules;
use ruma::signatures::{Ed25519KeyPair, hash_and_sign_event, reference_hash, sign_json};
use serde_json::{Value, json};

use super::transaction::{Letter, Reply};
use crate::harness::{Cluster, World, encoded, v3};

/// Modifies a valid event.
type Twist = fn(&mut Value);

/// An event, hashed and signed by a server, and its id.
pub(super) fn signed(by: &World, rules: &RoomVersionRules, event: &Value) -> (String, Value) {
    let core = &by.server().domain.core;
    let mut object: CanonicalJsonObject = serde_json::from_value(event.clone()).expect("canonical JSON");
    hash_and_sign_event(core.server_name.as_str(), core.key.pair(), &mut object, &rules.redaction).expect("signed");
    let id = format!("${}", reference_hash(&object, rules).expect("a hash"));
    (id, serde_json::to_value(object).expect("JSON"))
}

/// A `PUT` request from one server to another.
pub(super) async fn put(cluster: &Cluster, from: &World, to: &World, target: &str, body: &Value) -> Reply {
    let mut transaction = Letter::post(from, to, target, body);
    transaction.0.method = "PUT".to_owned();
    transaction.signed_for(from, to.server().domain.core.server_name.clone()).arrives(cluster).await
}

/// Bob's invite of Ann, before it is signed.
pub(super) fn invite(b: &World, room: &str) -> Value {
    json!({
        "type": "m.room.member", "room_id": room, "sender": "@bob:b.example", "state_key": "@ann:a.example",
        "content": {"membership": "invite"}, "depth": 5, "origin_server_ts": b.server().domain.core.now_ms(),
        "prev_events": ["$before"], "auth_events": ["$create", "$levels"],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn only_invites_of_our_users_by_theirs_are_signed() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let ann = a.register("ann").await;
    let (room, rules) = ("!den:b.example", &RoomVersionRules::V11);
    let send = async |id: &str, version: &str, event: &Value, shown: Value| {
        let target = format!("/_matrix/federation/v2/invite/{}/{}", encoded(room), encoded(id));
        let body = json!({"room_version": version, "event": event, "invite_room_state": shown});
        put(&cluster, b, a, &target, &body).await
    };
    let twists: [(&str, Twist); 5] = [
        ("type", |event| event["type"] = json!("m.room.topic")),
        ("membership", |event| event["content"]["membership"] = json!("join")),
        ("sender", |event| event["sender"] = json!("@cat:c.example")),
        ("ours as the sender", |event| event["sender"] = json!("@ann:a.example")),
        ("theirs as the invited", |event| event["state_key"] = json!("@ben:b.example")),
    ];
    for (name, twist) in twists {
        let mut event = invite(b, room);
        twist(&mut event);
        let (id, event) = signed(b, rules, &event);
        let reply = send(&id, "11", &event, json!([])).await;
        assert_eq!((reply.status, &reply.json()["errcode"]), (400, &json!("M_INVALID_PARAM")), "{name}");
    }
    let (id, good) = signed(b, rules, &invite(b, room));
    send("$another", "11", &good, json!([])).await.refused(400, "M_INVALID_PARAM");
    send(&id, "org.example.1", &good, json!([])).await.refused(400, "M_INCOMPATIBLE_ROOM_VERSION");
    send(&id, "12", &good, json!([])).await.refused(400, "M_INVALID_PARAM");
    let mut reworded = good.clone();
    reworded["content"]["reason"] = json!("added on the way");
    send(&id, "11", &reworded, json!([])).await.refused(400, "M_INVALID_PARAM");
    let mut unsigned = good.clone();
    unsigned["signatures"] = json!({"b.example": {}});
    send(&id, "11", &unsigned, json!([])).await.refused(400, "M_INVALID_PARAM");
    let mut elsewhere = good.clone();
    elsewhere["room_id"] = json!("!other:b.example");
    send(&id, "11", &elsewhere, json!([])).await.refused(400, "M_BAD_JSON");
    let (nobody, of_nobody) = signed(b, rules, &{
        let mut event = invite(b, room);
        event["state_key"] = json!("@nobody:a.example");
        event
    });
    send(&nobody, "11", &of_nobody, json!([])).await.refused(403, "M_FORBIDDEN");
    let old = format!("/_matrix/federation/v1/invite/{}/{}", encoded(room), encoded(&id));
    put(&cluster, b, a, &old, &good).await.refused(400, "M_INCOMPATIBLE_ROOM_VERSION");
    assert!(ann.syncs().await.0["rooms"]["invite"].get(room).is_none());

    let taken = send(&id, "11", &good, json!([])).await.ok();
    let signers: Vec<_> = taken["event"]["signatures"].as_object().expect("signatures").keys().collect();
    assert_eq!(signers, ["a.example", "b.example"]);
    send(&id, "11", &good, json!([])).await.ok();
    assert!(ann.syncs().await.0["rooms"]["invite"].get(room).is_some());
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_with_an_invite_is_sifted() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let ann = a.register("ann").await;
    let (room, rules) = ("!den:b.example", &RoomVersionRules::V11);
    let mut name = invite(b, room);
    name["type"] = json!("m.room.name");
    name["state_key"] = json!("");
    name["content"] = json!({"name": "Den"});
    let (_, whole) = signed(b, rules, &name);
    let mut forged = whole.clone();
    forged["content"]["name"] = json!("Bank");
    let mut stranger = name.clone();
    stranger["room_id"] = json!("!other:b.example");
    let (_, stranger) = signed(b, rules, &stranger);
    let plain = json!({"type": "m.room.topic", "state_key": "", "sender": "@bob:b.example", "content": {"topic": "t"}});
    let shown = json!([
        1, null, "x", {}, [], {"type": "m.room.name"}, stranger, whole, plain,
        {"type": "m.room.avatar", "state_key": "", "sender": "bob", "content": {}},
        {"type": "m.room.avatar", "state_key": 7, "sender": "@bob:b.example", "content": {}},
        {"type": "m.room.avatar", "state_key": "", "sender": "@bob:b.example", "content": "none"},
        {"type": "x".repeat(300), "state_key": "", "sender": "@bob:b.example", "content": {}},
    ]);
    let (id, event) = signed(b, rules, &invite(b, room));
    let target = format!("/_matrix/federation/v2/invite/{}/{}", encoded(room), encoded(&id));
    put(&cluster, b, a, &target, &json!({"room_version": "11", "event": event, "invite_room_state": shown})).await.ok();
    let seen = ann.syncs().await.0;
    let events = seen["rooms"]["invite"][room]["invite_state"]["events"].as_array().expect("a list").clone();
    let mut kinds: Vec<_> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["m.room.member", "m.room.name", "m.room.topic"]);
    assert!(events.iter().all(|event| event.get("signatures").is_none() && event.get("prev_events").is_none()));

    // From version 12 on the room id is the hash of the create event, so a false one is detected.
    let mut create = name.clone();
    create["type"] = json!("m.room.create");
    create["content"] = json!({"room_version": "12"});
    create.as_object_mut().expect("an object").remove("room_id");
    create["auth_events"] = json!([]);
    create["prev_events"] = json!([]);
    let v12 = &RoomVersionRules::V12;
    let (create_id, create) = signed(b, v12, &create);
    for (room, status) in [(create_id.replacen('$', "!", 1), 200), (format!("!{}", "A".repeat(43)), 400)] {
        let (id, event) = signed(b, v12, &invite(b, &room));
        let target = format!("/_matrix/federation/v2/invite/{}/{}", encoded(&room), encoded(&id));
        let body = json!({"room_version": "12", "event": event, "invite_room_state": [create]});
        let reply = put(&cluster, b, a, &target, &body).await;
        assert_eq!(reply.status, status, "{room}: {}", reply.json());
    }
    // An invite without stripped state shows nothing, and is still valid.
    let (id, event) = signed(b, rules, &invite(b, "!bare:b.example"));
    let target = format!("/_matrix/federation/v2/invite/{}/{}", encoded("!bare:b.example"), encoded(&id));
    put(&cluster, b, a, &target, &json!({"room_version": "11", "event": event})).await.ok();
    assert_eq!(ann.syncs().await.0["rooms"]["invite"].as_object().map(serde_json::Map::len), Some(3));
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_joins_of_their_users_by_themselves_are_let_in() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let ann = a.register("ann").await;
    let room = ann.creates_room().public().version("11").await;
    let rules = &RoomVersionRules::V11;
    let make = async |user: &str, versions: &str| {
        let path = format!("/_matrix/federation/v1/make_join/{}/{}?{versions}", encoded(&room.0), encoded(user));
        Letter::get(b, a, &path).arrives(&cluster).await
    };
    make("@bob:b.example", "ver=6&ver=10").await.refused(400, "M_INCOMPATIBLE_ROOM_VERSION");
    make("@ann:a.example", "ver=11").await.refused(403, "M_FORBIDDEN");
    make("@cat:c.example", "ver=11").await.refused(403, "M_FORBIDDEN");
    let template = make("@bob:b.example", "ver=11").await.ok();
    assert_eq!(template["room_version"], "11");
    let send = async |version: &str, id: &str, event: &Value| {
        let path = format!("/_matrix/federation/{version}/send_join/{}/{}", encoded(&room.0), encoded(id));
        put(&cluster, b, a, &path, event).await
    };
    let twists: [(&str, Twist); 5] = [
        ("type", |event| event["type"] = json!("m.room.topic")),
        ("membership", |event| event["content"]["membership"] = json!("leave")),
        ("somebody else", |event| event["state_key"] = json!("@ben:b.example")),
        ("ours", |event| {
            event["sender"] = json!("@ann:a.example");
            event["state_key"] = json!("@ann:a.example");
        }),
        ("a third server's", |event| {
            event["sender"] = json!("@cat:c.example");
            event["state_key"] = json!("@cat:c.example");
        }),
    ];
    for (name, twist) in twists {
        let mut event = template["event"].clone();
        twist(&mut event);
        let (id, event) = signed(b, rules, &event);
        let reply = send("v2", &id, &event).await;
        assert_eq!((reply.status, &reply.json()["errcode"]), (400, &json!("M_INVALID_PARAM")), "{name}");
    }
    let (id, good) = signed(b, rules, &template["event"]);
    send("v2", "$another", &good).await.refused(400, "M_INVALID_PARAM");
    let mut reworded = good.clone();
    reworded["content"]["displayname"] = json!("Ann");
    send("v2", &id, &reworded).await.refused(400, "M_INVALID_PARAM");
    let mut unsigned = good.clone();
    unsigned["signatures"] = json!({"b.example": {b.server().domain.core.key.id(): "A".repeat(86)}});
    send("v2", &id, &unsigned).await.refused(400, "M_INVALID_PARAM");
    let mut vouched = template["event"].clone();
    vouched["content"]["join_authorised_via_users_server"] = json!(ann.id);
    let (vouched_id, vouched) = signed(b, rules, &vouched);
    send("v2", &vouched_id, &vouched).await.refused(403, "M_FORBIDDEN");
    assert_eq!(ann.state_of(&room, "m.room.member", "@bob:b.example").await, Value::Null);

    for version in ["v2", "v2", "v1"] {
        let answer = send(version, &id, &good).await.ok();
        let answer = if version == "v1" { answer[1].clone() } else { answer };
        let kinds = |list: &Value| {
            let events = list.as_array().expect("a list").iter();
            events.map(|event| event["type"].as_str().expect("a type").to_owned()).collect::<Vec<_>>()
        };
        assert!(kinds(&answer["state"]).contains(&"m.room.join_rules".to_owned()), "{version}");
        assert!(kinds(&answer["auth_chain"]).contains(&"m.room.create".to_owned()), "{version}");
        assert_eq!(answer["event"]["state_key"], "@bob:b.example");
        let is_before = |event: &Value| event["state_key"] != "@bob:b.example";
        assert!(answer["state"].as_array().expect("a list").iter().all(is_before), "the state before the join");
    }
    assert_eq!(ann.state_of(&room, "m.room.member", "@bob:b.example").await["membership"], "join");
    ann.sets("m.room.server_acl", "", json!({"allow": ["*"], "deny": ["b.example"]})).in_room(&room).await;
    make("@ben:b.example", "ver=11").await.refused(403, "M_FORBIDDEN");
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_was_invited_finds_its_user() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let (ann, bob) = (a.register("ann").await, b.register("bob").await);
    let ben = b.register("ben").await;
    let key = Ed25519KeyPair::from_der(&Ed25519KeyPair::generate(), "0".to_owned());
    let key = key.expect("a key");
    let public = ruma::serde::Base64::<ruma::serde::base64::Standard, _>::new(key.public_key().to_vec()).encode();
    let room = ann.creates_room().version("11").await;
    let content = json!({
        "display_name": "b...@example.org", "key_validity_url": "https://id.example/valid", "public_key": public,
        "public_keys": [{"public_key": public, "key_validity_url": "https://id.example/valid"}],
    });
    ann.sets("m.room.third_party_invite", "token", content).in_room(&room).await;
    let sign = |mxid: &str, token: &str| {
        let mut object: CanonicalJsonObject =
            serde_json::from_value(json!({"mxid": mxid, "token": token})).expect("JSON");
        sign_json("id.example", &key, &mut object).expect("signed");
        serde_json::to_value(object).expect("JSON")
    };
    let bind = async |signed: Value| {
        let invite = json!({
            "medium": "email", "address": "bob@example.org", "mxid": bob.id, "room_id": room.0, "sender": ann.id,
            "signed": signed,
        });
        let body = json!({"medium": "email", "address": "bob@example.org", "mxid": bob.id, "invites": [invite]});
        b.anyone().post("/_matrix/federation/v1/3pid/onbind", body).await.ok();
    };
    bind(sign(&bob.id, "another")).await;
    bind(sign(&ben.id, "token")).await;
    let mut forged = sign(&bob.id, "token");
    forged["signatures"]["id.example"]["ed25519:0"] = json!("A".repeat(86));
    bind(forged).await;
    assert_eq!(ann.state_of(&room, "m.room.member", &bob.id).await, Value::Null);
    bind(sign(&bob.id, "token")).await;
    let member = ann.state_of(&room, "m.room.member", &bob.id).await;
    assert_eq!(
        (&member["membership"], &member["third_party_invite"]["display_name"]),
        (&json!("invite"), &json!("b...@example.org"))
    );
    bob.post(v3!("join/{}", room), json!({})).await.ok();
    cluster.ends().await;
}
