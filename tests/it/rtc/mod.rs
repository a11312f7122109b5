//! Group calls: SFU tokens by each API that clients use, and the tunnel to an SFU behind the server.

mod leave;
mod passage;
mod sfu;

use hearth_admin::wire::{RelayCheckList, paths};
use hearth_base::config::RelayMode;

use crate::harness::{Answer, Cluster, Person, Room, Value, World, json, v3};
use sfu::{Sfu, claims};

const SFU_GET: &str = "/_matrix/livekit/jwt/sfu/get";
const GET_TOKEN: &str = "/_matrix/livekit/jwt/get_token";
const TRANSPORTS: &str = "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports";
const CS_GET_TOKEN: &str = "/_matrix/client/unstable/io.element.msc4195/rtc/livekit/get_token";

async fn world(sfu: &Sfu) -> World {
    World::with(|config| sfu.is_named_in(config)).await
}

/// An OpenID token, as a client passes it on.
async fn openid(person: &Person) -> Value {
    person.post(v3!("user/{}/openid/request_token", person.id), json!({})).await.ok()
}

/// Requests a token by the oldest API.
async fn sfu_get(service: &World, person: &Person, room: &Room) -> Answer {
    let openid = openid(person).await;
    let body = json!({ "room": room.0, "openid_token": openid, "device_id": person.device, "remove_me_user_id": "x" });
    service.anyone().post(SFU_GET, body).await
}

async fn sfu_url(person: &Person) -> String {
    let told = person.get(TRANSPORTS).await.ok();
    told["rtc_transports"][0]["url"].as_str().expect("a URL").to_owned()
}

/// Requests a token from the homeserver.
async fn ask(person: &Person, url: &str, room: &Room, more: Value) -> Answer {
    let mut body = json!({ "url": url, "room_id": room.0, "slot_id": "m.call#ROOM" });
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    person.post(CS_GET_TOKEN, body).await
}

fn said(answer: &Answer) -> Value {
    claims(answer.ok()["jwt"].as_str().expect("a token")).expect("one that the SFU takes")
}

#[tokio::test]
async fn clients_are_told_where_the_sfu_is() {
    let sfu = Sfu::starts().await;
    let with = world(&sfu).await;
    let alice = with.register("alice").await;
    let base = with.server().domain.core.config.public_baseurl();
    let service = format!("{base}/_matrix/livekit/jwt");
    let transport = json!({
        "type": "livekit",
        "url": format!("{}/_matrix/livekit/sfu", base.replacen("http", "ws", 1)),
        "livekit_service_url": service,
    });
    let wanted = json!({ "rtc_transports": [transport], "transports": [transport] });
    assert_eq!(alice.get(TRANSPORTS).await.ok(), wanted);
    assert_eq!(alice.get("/_matrix/client/v1/rtc/transports").await.ok(), wanted);
    with.anyone().get(TRANSPORTS).await.refused(401, "M_MISSING_TOKEN");
    let known = with.anyone().get("/.well-known/matrix/client").await.ok();
    assert_eq!(known["org.matrix.msc4143.rtc_foci"], json!([{ "type": "livekit", "livekit_service_url": service }]));
    let versions = with.anyone().get("/_matrix/client/versions").await.ok();
    assert_eq!(versions["unstable_features"]["org.matrix.msc4143"], true);
    with.anyone().get("/_matrix/livekit/jwt/healthz").await.ok();
    with.ends().await;
}

#[tokio::test]
async fn without_an_sfu_there_are_no_group_calls() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    alice.get(TRANSPORTS).await.refused(404, "M_UNRECOGNIZED");
    let known = world.anyone().get("/.well-known/matrix/client").await.ok();
    assert!(known["org.matrix.msc4143.rtc_foci"].is_null());
    sfu_get(&world, &alice, &room).await.refused(404, "M_UNRECOGNIZED");
    ask(&alice, "wss://x", &room, json!({ "member_id": "x" })).await.refused(404, "M_UNRECOGNIZED");
    world.anyone().get("/_matrix/livekit/jwt/healthz").await.refused(404, "M_NOT_FOUND");
    world.anyone().get("/_matrix/livekit/sfu/rtc?access_token=x").await.refused(404, "M_UNRECOGNIZED");
    world.ends().await;
}

#[tokio::test]
async fn a_member_gets_in_with_an_openid_token() {
    let sfu = Sfu::starts().await;
    let world = world(&sfu).await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room().await;
    let answer = sfu_get(&world, &alice, &room).await;
    let (claims, told) = (said(&answer), answer.ok());
    assert_eq!(told["url"], sfu_url(&alice).await);
    assert_eq!(claims["sub"], format!("{}:{}", alice.id, alice.device));
    assert_eq!(sfu.rooms(), [claims["video"]["room"].as_str().expect("a room")]);
    let may = |what: &str| claims["video"][what] == true;
    assert!(may("roomJoin") && may("canPublish") && may("canSubscribe") && !may("roomCreate") && !may("roomAdmin"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));

    sfu_get(&world, &bob, &room).await.refused(403, "M_FORBIDDEN");
    sfu_get(&world, &bob, &Room("!nowhere:localhost".to_owned())).await.refused(403, "M_FORBIDDEN");
    assert_eq!(sfu.rooms().len(), 1, "a room was made for somebody who may not be in it");
    world.ends().await;
}

#[tokio::test]
async fn a_member_of_a_slot_gets_in_with_an_openid_token() {
    let sfu = Sfu::starts().await;
    let world = world(&sfu).await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    let openid = openid(&alice).await;
    let body = |user: &str| {
        let member = json!({ "id": "m", "claimed_user_id": user, "claimed_device_id": alice.device });
        json!({ "room_id": room.0, "slot_id": "m.call#ROOM", "openid_token": openid, "member": member })
    };
    let claims = said(&world.anyone().post(GET_TOKEN, body(&alice.id)).await);
    let sub = claims["sub"].as_str().expect("an identity");
    assert!(sub.len() == 43 && !sub.contains("alice"), "{sub}");
    assert_eq!(claims["video"]["room"], said(&sfu_get(&world, &alice, &room).await)["video"]["room"], "one call");
    world.anyone().post(GET_TOKEN, body("@bob:localhost")).await.refused(401, "M_UNAUTHORIZED");
    world.ends().await;
}

#[tokio::test]
async fn what_is_no_request_for_a_token_is_refused() {
    let sfu = Sfu::starts().await;
    let world = world(&sfu).await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    let token = openid(&alice).await;
    let good = json!({ "room": room.0, "openid_token": token, "device_id": "D" });
    let with = |key: &str, value: Value| {
        let mut body = good.clone();
        body[key] = value;
        world.anyone().post(SFU_GET, body)
    };
    let forged = |access_token: &str, server: &str| {
        with("openid_token", json!({ "access_token": access_token, "matrix_server_name": server, "expires_in": 1 }))
    };
    forged("x", "localhost").await.refused(401, "M_UNAUTHORIZED");
    forged("x", "elsewhere.example").await.refused(403, "M_FORBIDDEN");
    forged("x", "no server").await.refused(400, "M_BAD_JSON");
    with("room", json!("not a room")).await.refused(400, "M_BAD_JSON");
    with("room", json!(7)).await.refused(400, "M_BAD_JSON");
    with("device_id", json!("")).await.refused(400, "M_INVALID_PARAM");
    with("device_id", json!("D".repeat(256))).await.refused(400, "M_INVALID_PARAM");
    with("device_id", json!("D".repeat(70_000))).await.refused(413, "M_TOO_LARGE");
    world.anyone().post(SFU_GET, json!({})).await.refused(400, "M_BAD_JSON");
    world.anyone().post(SFU_GET, json!(null)).await.refused(400, "M_BAD_JSON");
    assert_eq!(sfu.rooms(), Vec::<String>::new());
    world.ends().await;
}

#[tokio::test]
async fn a_member_gets_in_with_an_access_token() {
    let sfu = Sfu::starts().await;
    let world = world(&sfu).await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room().await;
    let url = sfu_url(&alice).await;
    let claims = said(&ask(&alice, &url, &room, json!({ "member_id": "m" })).await);
    assert_eq!((&claims["video"]["canPublish"], sfu.rooms().len()), (&json!(true), 1));
    let named = said(&ask(&alice, &url, &room, json!({ "member_id": "m", "server_name": "localhost" })).await);
    assert_eq!(named["sub"], claims["sub"]);
    let older = said(&ask(&alice, &url, &room, json!({ "member": { "id": "m" } })).await);
    assert_eq!(older["sub"], claims["sub"]);
    let device = json!({ "member": { "id": "m", "claimed_device_id": "D" } });
    assert_ne!(said(&ask(&alice, &url, &room, device).await)["sub"], claims["sub"]);

    ask(&alice, &url, &room, json!({})).await.refused(400, "M_BAD_JSON");
    ask(&alice, &url, &room, json!({ "member_id": "" })).await.refused(400, "M_INVALID_PARAM");
    ask(&alice, "wss://elsewhere.example", &room, json!({ "member_id": "m" })).await.refused(400, "M_INVALID_PARAM");
    ask(&bob, &url, &room, json!({ "member_id": "m" })).await.refused(403, "M_FORBIDDEN");
    let abroad = json!({ "member_id": "m", "server_name": "elsewhere.example" });
    ask(&alice, &url, &room, abroad).await.refused(403, "M_FORBIDDEN");
    let stable = json!({ "url": url, "room_id": room.0, "slot_id": "s", "member_id": "m" });
    alice.post("/_matrix/client/v1/rtc/livekit/get_token", stable).await.ok();
    world.ends().await;
}

#[tokio::test]
async fn an_sfu_that_does_not_work_is_said_so() {
    let sfu = Sfu::starts().await;
    let with_relay = |config: &mut hearth_base::config::Config| {
        sfu.is_named_in(config);
        config.turn.relay = RelayMode::Off;
    };
    let world = World::with(with_relay).await;
    let tried = async |world: &World| {
        let list: RelayCheckList = world.operator().post(paths::RELAY_TEST, &json!({})).await.expect("a test");
        list.items.into_iter().find(|check| check.uri.starts_with("ws://")).expect("the SFU is among them")
    };
    let good = tried(&world).await;
    assert!(good.works, "{good:?}");
    assert_eq!(sfu.calls(), ["ListRooms"]);
    world.ends().await;

    let other_key = |config: &mut hearth_base::config::Config| {
        with_relay(config);
        config.livekit.key = Some(hearth_base::config::Secret::new("devkey: another-secret-of-32-characters-or-more"));
    };
    let world = World::with(other_key).await;
    let (alice, bad) = (world.register("alice").await, tried(&world).await);
    assert!(!bad.works && bad.message.contains("livekit.key_file"), "{bad:?}");
    let room = alice.creates_room().await;
    sfu_get(&world, &alice, &room).await.refused(502, "M_CONNECTION_FAILED");
    drop(sfu);
    sfu_get(&world, &alice, &room).await.refused(502, "M_CONNECTION_FAILED");
    assert!(!tried(&world).await.works);
    world.ends().await;
}

/// Two servers with an SFU each, and a room that Alice of the first created and Bob of the second joined.
async fn cluster() -> (Cluster, [Sfu; 2], Person, Person, Room) {
    let sfus = [Sfu::starts().await, Sfu::starts().await];
    let names = ["a.example", "b.example"];
    let set_up = |config: &mut hearth_base::config::Config| {
        sfus[usize::from(config.server.name == names[1])].is_named_in(config);
    };
    let cluster = Cluster::with(names, 1, set_up).await;
    let (alice, bob) = (cluster.worlds[0].register("alice").await, cluster.worlds[1].register("bob").await);
    let room = alice.creates_room().public().await;
    bob.post(format!("{}?via=a.example", v3!("join/{}", room.0)), json!({})).await.ok();
    (cluster, sfus, alice, bob, room)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_another_server_is_let_in_and_makes_no_rooms() {
    let (cluster, sfus, alice, bob, room) = cluster().await;
    let [a, _] = &cluster.worlds[..] else { unreachable!("two servers") };
    let claims = said(&sfu_get(a, &bob, &room).await);
    assert_eq!(claims["sub"], format!("{}:{}", bob.id, bob.device));
    assert_eq!(claims["video"]["canPublish"], true, "clients that ask here choose one SFU for all");
    assert_eq!((sfus[0].rooms(), sfus[1].rooms()), (Vec::new(), Vec::new()));
    assert_eq!(said(&sfu_get(a, &alice, &room).await)["video"]["room"], claims["video"]["room"]);
    assert_eq!(sfus[0].rooms().len(), 1);

    let carol = cluster.worlds[1].register("carol").await;
    sfu_get(a, &carol, &room).await.refused(403, "M_FORBIDDEN");
    // A server name in the request does not change whose token it is.
    let mut token = openid(&alice).await;
    token["matrix_server_name"] = json!("b.example");
    let body = json!({ "room": room.0, "openid_token": token, "device_id": "D" });
    a.anyone().post(SFU_GET, body).await.refused(401, "M_UNAUTHORIZED");
    cluster.network.part("a.example", "b.example");
    sfu_get(a, &bob, &room).await.refused(502, "M_CONNECTION_FAILED");
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_ask_each_other_for_their_users() {
    let (cluster, sfus, alice, bob, room) = cluster().await;
    let url = sfu_url(&alice).await;
    let wish = |member: &str| json!({ "member_id": member, "server_name": "a.example" });
    let claims = said(&ask(&bob, &url, &room, wish("m")).await);
    assert_eq!((&claims["video"]["canPublish"], &claims["video"]["canSubscribe"]), (&json!(false), &json!(true)));
    assert_eq!((sfus[0].rooms(), sfus[1].rooms()), (Vec::new(), Vec::new()), "nobody of the house is in the call");
    let here = json!({ "application": "m.call" });
    alice.sets("org.matrix.msc3401.call.member", &alice.id, here).in_room(&room).await;
    said(&ask(&bob, &url, &room, wish("m")).await);
    assert_eq!((sfus[0].rooms().len(), sfus[1].rooms().len()), (1, 0), "the room is made where the call is");
    assert_eq!(
        said(&ask(&alice, &url, &room, json!({ "member_id": "m" })).await)["video"]["room"],
        claims["video"]["room"]
    );

    ask(&bob, "wss://elsewhere.example", &room, wish("m")).await.refused(400, "M_INVALID_PARAM");
    let private = alice.creates_room().await;
    ask(&bob, &url, &private, wish("m")).await.refused(403, "M_FORBIDDEN");
    alice.bans(&bob, &room).await;
    let target = v3!("rooms/{}/joined_members", room.0);
    let members = alice.get(target).await.ok();
    assert!(members["joined"][&bob.id].is_null());
    ask(&bob, &url, &room, wish("m")).await.refused(403, "M_FORBIDDEN");
    cluster.network.part("a.example", "b.example");
    let other = bob.creates_room().await;
    ask(&bob, &url, &other, wish("m")).await.refused(403, "M_FORBIDDEN");
    cluster.ends().await;
}
