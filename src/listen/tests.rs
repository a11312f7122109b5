//! What an unauthenticated client can do to a listener before any handler runs, over real sockets.

use std::time::Duration;

use hearth_base::config::{Address, Config, Listener, Passwords};
use hearth_base::{Seams, limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Running;

/// A server on a free port, and its data folder, which must outlive it.
async fn server() -> (Running, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.server.data_dir = folder.path().into();
    config.database.ballast_mib = 0;
    config.listeners = vec![Listener { address: Address::Tcp("127.0.0.1:0".parse().unwrap()), ..Listener::default() }];
    config.passwords = Passwords::cheap();
    (crate::start(config, Seams::system()).await.unwrap(), folder)
}

async fn connect(server: &Running) -> TcpStream {
    let Address::Tcp(address) = server.listeners[0].address else { panic!("a TCP listener") };
    TcpStream::connect(address).await.unwrap()
}

/// Sends `request` on a new connection, and reads until the server closes it.
async fn ask(server: &Running, request: &str) -> String {
    let mut stream = connect(server).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A refusal may close the connection while the client is still sending.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn what_there_is_not_is_refused_in_json() {
    let (server, _folder) = server().await;
    let unknown = ask(&server, &get("/_matrix/client/v3/nothing")).await;
    assert!(unknown.starts_with("HTTP/1.1 404") && unknown.contains("M_UNRECOGNIZED"), "{unknown}");
    let method = ask(&server, &get("/health").replace("GET", "DELETE")).await;
    assert!(method.starts_with("HTTP/1.1 405") && method.contains("M_UNRECOGNIZED"), "{method}");
    let preflight = ask(&server, &get("/_matrix/client/v3/nothing").replace("GET", "OPTIONS")).await;
    assert!(preflight.starts_with("HTTP/1.1 200"), "{preflight}");
    for answer in [unknown, method, preflight] {
        assert!(answer.contains("access-control-allow-origin: *") && answer.contains("x-request-id: "), "{answer}");
    }
    server.stop(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn large_heads_are_refused() {
    let (server, _folder) = server().await;
    let target = ask(&server, &get(&format!("/{}", "a".repeat(20_000)))).await;
    assert!(target.starts_with("HTTP/1.1 414") && target.contains("M_TOO_LARGE"), "{target}");
    let header = format!("Host: h\r\nX: {}", "a".repeat(100_000));
    let head = ask(&server, &get("/").replace("Host: h", &header)).await;
    // The rest of the request may reset the connection before the client reads the answer.
    assert!(head.is_empty() || head.starts_with("HTTP/1.1 431"), "{head}");
    let many = "X: a\r\n".repeat(500);
    let head = ask(&server, &get("/").replace("Host: h\r\n", &many)).await;
    assert!(head.starts_with("HTTP/1.1 431"), "{head}");
    server.stop(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn two_lengths_are_not_smuggled() {
    let (server, _folder) = server().await;
    let request = "POST /health HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd";
    let answer = ask(&server, request).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    server.stop(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_idle_connections() {
    let (server, _folder) = server().await;
    let (_silent, mut idle) = (connect(&server).await, connect(&server).await);
    idle.write_all(get("/health").replace("Connection: close\r\n", "").as_bytes()).await.unwrap();
    assert!(idle.read(&mut [0; 2_000]).await.unwrap() > 0);
    let began = std::time::Instant::now();
    server.stop(Duration::from_secs(30)).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn one_address_cannot_take_every_place() {
    let (server, _folder) = server().await;
    let Address::Tcp(address) = server.listeners[0].address else { panic!("a TCP listener") };
    let share = super::connections_max() / 8;
    let mut idle = Vec::new();
    for _ in 0..share.min(limits::ANONYMOUS_CONNECTIONS_PER_ADDRESS_MAX) + 20 {
        idle.push(connect(&server).await);
    }
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = socket.connect(address).await.unwrap();
    other.write_all(get("/health").as_bytes()).await.unwrap();
    let mut answer = String::new();
    other.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // The connections that were idle longest are closed for the newest.
    assert_eq!(idle[0].read(&mut [0]).await.unwrap_or(0), 0);
    let newest = idle.last_mut().unwrap();
    newest.write_all(get("/health").as_bytes()).await.unwrap();
    assert_ne!(newest.read(&mut [0; 16]).await.unwrap(), 0);
    server.stop(Duration::from_secs(1)).await;
}

/// A client that sends all of its body before it reads gets the refusal, and not a reset connection.
#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let (server, _folder) = server().await;
    let body = "x".repeat(limits::REFUSED_STRANGER_BODY_DRAIN_BYTES_MAX as usize - 1);
    for (path, status) in [("/_matrix/client/v3/login", "413"), ("/_matrix/client/v3/createRoom", "401")] {
        let mut stream = connect(&server).await;
        let head = format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        for piece in body.as_bytes().chunks(64 * 1024) {
            stream.write_all(piece).await.unwrap();
            // Time to answer before the rest of the body comes.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let mut answer = vec![0; 4 * 1024];
        let read = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..read]);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
    server.stop(Duration::from_secs(1)).await;
}
