//! JSON without a canonical form (fractions, numbers beyond 2^53, lone surrogates) is refused at every door whose content
//! may leave the server: what is signed with it could not be sent, and other servers could not read it.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Ask, Cluster, Person, Room, v3};

/// Values that canonical JSON lacks, or that are no text.
const POISONS: [&str; 8] =
    ["1.5", "1.0", "-0", "1e300", "9007199254740992", "-9007199254740992", "18446744073709551616", r#""\ud800""#];

/// One request for each door, with `poison` somewhere in its content.
fn doors(alice: &Person, bob: &Person, room: &Room, poison: &str) -> Vec<Ask> {
    let txn = || alice.fresh_transaction();
    let bad = format!(r#"{{"n":[{poison}]}}"#);
    let key = format!(r#"{{"key":"abc","n":{poison},"signatures":{{}}}}"#);
    let event = format!(r#"{{"type":"org.example.x","state_key":"","content":{bad}}}"#);
    let ask = |method: Method, path: String, body: String| alice.ask(method, &path).bytes("application/json", body);
    vec![
        ask(
            Method::PUT,
            v3!("sendToDevice/org.example.x/{}", txn()),
            format!(r#"{{"messages":{{"{}":{{"*":{bad}}}}}}}"#, bob.id),
        ),
        ask(
            Method::PUT,
            v3!("sendToDevice/org.example.x/{}", txn()),
            format!(r#"{{"messages":{{"{}":{{"*":{bad}}}}}}}"#, alice.id),
        ),
        ask(Method::PUT, v3!("rooms/{}/send/m.room.message/{}", room, txn()), bad.clone()),
        ask(Method::PUT, v3!("rooms/{}/state/org.example.x/", room), bad.clone()),
        ask(Method::PUT, v3!("rooms/{}/send/org.example.x/{}", room, txn()), bad.clone())
            .query(&[("org.matrix.msc4140.delay", "600000")]),
        ask(Method::PUT, v3!("rooms/{}/state/org.example.x/", room), bad.clone())
            .query(&[("org.matrix.msc4140.delay", "600000")]),
        ask(Method::POST, v3!("createRoom"), format!(r#"{{"initial_state":[{event}]}}"#)),
        ask(Method::POST, v3!("createRoom"), format!(r#"{{"creation_content":{bad}}}"#)),
        ask(Method::POST, v3!("createRoom"), format!(r#"{{"power_level_content_override":{bad}}}"#)),
        ask(Method::POST, v3!("createRoom"), format!(r#"{{"name":{poison}}}"#)),
        ask(Method::POST, v3!("rooms/{}/kick", room), format!(r#"{{"user_id":"{}","reason":{poison}}}"#, bob.id)),
        ask(Method::PUT, v3!("profile/{}/org.example.x", alice), format!(r#"{{"org.example.x":{bad}}}"#)),
        ask(Method::PUT, v3!("profile/{}/displayname", alice), format!(r#"{{"displayname":{poison}}}"#)),
        ask(Method::PUT, v3!("devices/{}", &alice.device), format!(r#"{{"display_name":{poison}}}"#)),
        ask(Method::PUT, v3!("presence/{}/status", alice), format!(r#"{{"presence":"online","status_msg":{poison}}}"#)),
        ask(Method::POST, v3!("keys/upload"), format!(r#"{{"one_time_keys":{{"signed_curve25519:AAAA":{key}}}}}"#)),
        ask(Method::POST, v3!("keys/upload"), format!(r#"{{"fallback_keys":{{"signed_curve25519:AAAA":{key}}}}}"#)),
        ask(Method::POST, v3!("keys/upload"), format!(r#"{{"device_keys":{{"n":{poison}}}}}"#)),
        ask(Method::POST, v3!("keys/claim"), format!(r#"{{"one_time_keys":{{"{}":{{"D":{poison}}}}}}}"#, bob.id)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_signed_is_refused_at_every_door_and_the_queue_goes_on() {
    for version in ["11", "12"] {
        let cluster = Cluster::of(["a.example", "b.example"]).await;
        let (alice, bob) = (cluster.worlds[0].register("alice").await, cluster.worlds[1].register("bob").await);
        let room = alice.creates_room().public().version(version).await;
        bob.post(v3!("join/{}", room), json!({})).query(&[("via", "a.example")]).await.ok();
        for poison in POISONS {
            for (door, ask) in doors(&alice, &bob, &room, poison).into_iter().enumerate() {
                let answer = ask.await;
                let code = answer.json()["errcode"].as_str().unwrap_or_default().to_owned();
                let refused = answer.status == 400 && ["M_BAD_JSON", "M_NOT_JSON", "M_INVALID_PARAM"].contains(&&*code);
                assert!(refused, "door {door} and {poison} in version {version}: {} {}", answer.status, answer.text());
            }
        }
        let body = json!({"messages": {&bob.id: {"*": {"good": 1}}}});
        alice.put(v3!("sendToDevice/org.example.x/{}", "good"), body).await.ok();
        alice.sends("good").in_room(&room).await;
        let (mut since, mut heard) = (None::<String>, 0);
        for _ in 0..60 {
            let syncing = bob.syncs().waiting_ms(500);
            let seen = match &since {
                Some(since) => syncing.since(since).await,
                None => syncing.await,
            };
            let events = seen.0["rooms"]["join"][&room.0]["timeline"]["events"].as_array().cloned().unwrap_or_default();
            heard += seen.to_device().len();
            heard += events.iter().filter(|event| event["content"]["body"] == "good").count();
            since = Some(seen.next().to_owned());
            if heard == 2 {
                break;
            }
        }
        assert_eq!(heard, 2, "what comes after arrives");
        cluster.ends().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_server_sends_to_devices_is_readable_for_clients() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let bob = b.register("bob").await;
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let messages = [
        ("deep", format!(r#"{{"n":{}}}"#, nested(120))),
        ("surrogate", r#"{"n":"\ud800"}"#.to_owned()),
        ("huge", r#"{"n":1e999}"#.to_owned()),
        ("good", r#"{"n":1.5}"#.to_owned()),
    ];
    let edus = messages.iter().map(|(id, content)| {
        let sender = "@alice:a.example";
        let messages = format!(r#"{{"{}":{{"*":{content}}}}}"#, bob.id);
        let content =
            format!(r#"{{"sender":"{sender}","type":"org.example.{id}","message_id":"{id}","messages":{messages}}}"#);
        format!(r#"{{"edu_type":"m.direct_to_device","content":{content}}}"#)
    });
    for edu in edus {
        let edu = serde_json::value::RawValue::from_string(edu).expect("JSON");
        let origin = &a.server().domain.core.server_name;
        b.server().domain.federation.edu(origin, &edu).await.expect("taken in");
    }
    let seen = bob.syncs().await;
    let kinds: Vec<_> = seen.to_device().iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(kinds, ["org.example.good"]);
    cluster.ends().await;
}
