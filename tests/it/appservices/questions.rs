//! What application services are asked: pings, queries for users and aliases, look-ups in third-party networks.

use hearth_admin::wire::{Appservice, NewAppservice, paths};

use super::bridge::{Bridge, Creates};
use crate::harness::{Client, World, json, v1, v3};

async fn bridged() -> (World, Bridge, Client) {
    let (world, bridge) = (World::new().await, Bridge::starts("irc").await);
    let new = NewAppservice { registration: bridge.registration("") };
    let _: Appservice = world.operator().post(paths::APPSERVICES, &new).await.expect("a registration");
    let client = bridge.client(&world);
    (world, bridge, client)
}

#[tokio::test]
async fn a_ping_tells_whether_the_service_is_reached() {
    let (world, bridge, client) = bridged().await;
    let ping = async |id: &str| client.post(v1!("appservice/{}/ping", id), json!({ "transaction_id": "t1" })).await;
    assert!(ping("irc").await.ok()["duration_ms"].is_u64());
    let asked = bridge.asked().into_iter().find(|asked| asked.line == "POST /_matrix/app/v1/ping").expect("a ping");
    assert_eq!((asked.body["transaction_id"].as_str(), &*asked.authorization), (Some("t1"), "Bearer hs_irc"));
    ping("other").await.refused(403, "M_FORBIDDEN");
    bridge.answers_everything_with(Some(401));
    let refused = ping("irc").await.refused(502, "M_BAD_STATUS");
    assert_eq!((&refused["status"], &refused["body"]), (&json!(401), &json!("{}")));
    drop(bridge);
    ping("irc").await.refused(502, "M_CONNECTION_FAILED");
    let silent = "id: silent\nurl: null\nas_token: as_silent\nhs_token: x\nsender_localpart: silent\nnamespaces: {}\n";
    let new = NewAppservice { registration: silent.to_owned() };
    let _: Appservice = world.operator().post(paths::APPSERVICES, &new).await.expect("a registration");
    let silent = world.anyone().with_token("as_silent");
    silent.post(v1!("appservice/silent/ping"), json!({})).await.refused(400, "M_URL_NOT_SET");
    world.ends().await;
}

#[tokio::test]
async fn users_and_rooms_are_made_on_demand() {
    for version in ["11", "12"] {
        let (world, bridge, client) = bridged().await;
        let alice = world.register("alice").await;
        let room = json!({ "room_alias_name": "irc_chan", "preset": "public_chat", "room_version": version });
        bridge.creates(Creates { client: client.clone(), path: v3!("createRoom").to_string(), body: room });
        let joined = alice.post(v3!("join/{}", "#irc_chan:localhost"), json!({})).await.ok();
        assert!(joined["room_id"].is_string());
        let user = json!({ "type": "m.login.application_service", "username": "irc_carol" });
        bridge.creates(Creates { client: client.clone(), path: v3!("register").to_string(), body: user });
        let invited = json!({ "invite": ["@irc_carol:localhost"] });
        alice.post(v3!("createRoom"), invited).await.ok();
        let asked: Vec<String> = bridge.asked().into_iter().map(|asked| asked.line).collect();
        assert!(asked.contains(&"GET /_matrix/app/v1/rooms/%23irc_chan%3Alocalhost".to_owned()), "{asked:?}");
        assert!(asked.contains(&"GET /_matrix/app/v1/users/%40irc_carol%3Alocalhost".to_owned()), "{asked:?}");
        bridge.answers_everything_with(Some(404));
        alice.get(v3!("profile/{}", "@irc_unknown:localhost")).await.refused(404, "M_NOT_FOUND");
        // Other users may not take a name of an exclusive namespace.
        let taken = json!({ "username": "irc_eve", "password": "correct horse battery" });
        world.anyone().post(v3!("register"), taken).await.refused(400, "M_EXCLUSIVE");
        world.ends().await;
    }
}

#[tokio::test]
async fn third_party_networks_are_looked_up_in_all_services() {
    let (world, bridge, _) = bridged().await;
    let alice = world.register("alice").await;
    let protocols = alice.get(v3!("thirdparty/protocols")).await.ok();
    assert_eq!(protocols["irc"]["instances"][0]["instance_id"], "irc|libera");
    assert_eq!(alice.get(v3!("thirdparty/protocol/irc")).await.ok()["user_fields"], json!(["nick"]));
    let users = alice.get(v3!("thirdparty/user/irc")).query(&[("nick", "a b")]).await.ok();
    assert_eq!(users[0]["fields"]["nick"], "x");
    assert!(bridge.asked().iter().any(|asked| asked.line.ends_with("/thirdparty/user/irc?nick=a%20b")));
    alice.get(v3!("thirdparty/protocol/xmpp")).await.refused(404, "M_NOT_FOUND");
    bridge.answers_everything_with(Some(500));
    assert_eq!(alice.get(v3!("thirdparty/protocols")).await.ok(), json!({}));
    world.ends().await;
}
