//! The tunnel to an SFU behind the server, as a client uses it.

use std::net::SocketAddr;
use std::time::Duration;

use hearth_base::config::Address;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::sfu::Sfu;
use super::{sfu_get, world};
use crate::harness::{Person, Room, World};

fn address(world: &World) -> SocketAddr {
    match world.server().listeners[0].address {
        Address::Tcp(address) => address,
        Address::Unix(_) => unreachable!("the first listener has a port"),
    }
}

/// Opens a WebSocket; returns the response head and the connection.
async fn opens(world: &World, target: &str, headers: &str) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(address(world)).await.expect("a connection");
    let request = format!(
        "GET /_matrix/livekit/sfu/{target} HTTP/1.1\r\nhost: localhost\r\nconnection: keep-alive, Upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZQ==\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
    (String::from_utf8(head).expect("text").to_ascii_lowercase(), stream)
}

async fn token(world: &World, person: &Person, room: &Room) -> String {
    sfu_get(world, person, room).await.ok()["jwt"].as_str().expect("a token").to_owned()
}

async fn echoes(stream: &mut TcpStream, text: &[u8]) {
    stream.write_all(text).await.expect("written");
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back).await.expect("an echo");
    assert_eq!(back, text);
}

#[tokio::test]
async fn a_client_is_passed_on_and_bytes_go_both_ways() {
    let sfu = Sfu::starts().await;
    let world = world(&sfu).await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    let token = token(&world, &alice, &room).await;
    let (head, mut stream) =
        opens(&world, &format!("rtc?access_token={token}&auto_subscribe=1"), "cookie: no\r\n").await;
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert!(head.contains("sec-websocket-accept: dghlihnhbxbszq==") && head.contains("upgrade: websocket"), "{head}");
    echoes(&mut stream, b"hello").await;
    // Longer than a request head may take, and in several pieces.
    tokio::time::sleep(Duration::from_millis(200)).await;
    echoes(&mut stream, &[7; 50_000]).await;
    assert_eq!(sfu.header("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    assert_eq!(sfu.header("cookie"), None);
    let asked = world.anyone().get(format!("/_matrix/livekit/sfu/rtc/validate?access_token={token}")).await;
    assert_eq!((asked.status, asked.text().as_str()), (200, "success"));

    // Closing one side closes the other.
    stream.shutdown().await.expect("shut");
    assert_eq!(stream.read(&mut [0; 8]).await.expect("an end"), 0);
    // The SFU's refusal is passed on: this one accepts the token in the query only.
    let (head, _) = opens(&world, "rtc", &format!("authorization: Bearer {token}\r\n")).await;
    assert!(head.starts_with("http/1.1 401 "), "{head}");
    world.ends().await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_those_who_talk() {
    let sfu = Sfu::starts().await;
    let world = world(&sfu).await;
    let alice = world.register("alice").await;
    let room = alice.creates_room().await;
    let token = token(&world, &alice, &room).await;
    let (head, mut stream) = opens(&world, &format!("rtc?access_token={token}"), "").await;
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    echoes(&mut stream, b"hello").await;
    world.ends().await;
    assert!(matches!(stream.read(&mut [0; 8]).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn nothing_else_is_passed_on() {
    let sfu = Sfu::starts().await;
    let world = world(&sfu).await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let room = alice.creates_room().await;
    let token = token(&world, &alice, &room).await;
    let anyone = world.anyone();
    let path = |rest: &str| format!("/_matrix/livekit/sfu/{rest}");
    anyone.get(path("rtc")).await.refused(401, "M_MISSING_TOKEN");
    anyone.get(path("rtc?access_token=x")).await.refused(401, "M_UNAUTHORIZED");
    // An access token of this server is not valid at the SFU.
    bob.get(path("rtc")).await.refused(401, "M_UNAUTHORIZED");
    for other in ["twirp/livekit.RoomService/ListRooms", "rtcx", "rtc/%2e%2e/twirp", "rtc//x", "metrics"] {
        anyone.get(path(&format!("{other}?access_token={token}"))).await.refused(404, "M_UNRECOGNIZED");
    }
    anyone
        .post(path(&format!("rtc?access_token={token}")), crate::harness::json!({}))
        .await
        .refused(405, "M_UNRECOGNIZED");
    let (head, _) = opens(&world, "rtc?access_token=x.y.z", "").await;
    assert!(head.starts_with("http/1.1 401 "), "{head}");
    assert_eq!(sfu.calls(), ["CreateRoom"]);
    world.ends().await;
}
