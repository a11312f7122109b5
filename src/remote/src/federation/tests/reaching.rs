//! Connections to homeservers: name, headers and certificate for each form of delegation.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use hearth_domain::ports::{Call, Network};
use ruma::ServerName;

use super::internet::{Internet, Seen, WELL_KNOWN, ask};

fn seen(sni: Option<&str>, host: &str, target: &str) -> Seen {
    Seen { sni: sni.map(str::to_owned), host: host.to_owned(), target: target.to_owned() }
}

#[tokio::test]
async fn a_name_with_a_port() {
    let internet = Internet::new();
    let server = internet.server("127.0.0.1", "a.example").await;
    internet.names.host("a.example", &["127.0.0.1"]);
    server.answers("/version", 200, "hello");
    let name = format!("a.example:{}", server.port());
    let mut answer = ask(&internet.seen(1), &name).await.expect("it is reached");
    assert_eq!(answer.status, 200);
    assert_eq!(&*answer.body.next().await.expect("a piece").expect("whole"), b"hello");
    assert!(answer.body.next().await.is_none());
    assert_eq!(server.seen(), [seen(Some("a.example"), &name, "/version")]);
}

#[tokio::test]
async fn an_address() {
    let internet = Internet::new();
    let server = internet.server("127.0.0.1", "127.0.0.1").await;
    let name = format!("127.0.0.1:{}", server.port());
    assert_eq!(ask(&internet.seen(1), &name).await.expect("it is reached").status, 404);
    assert_eq!(server.seen(), [seen(None, &name, "/version")]);
    assert!(internet.names.asked.lock().is_empty());
}

#[tokio::test]
async fn a_name_that_is_delegated_to_a_name_with_a_port() {
    let internet = Internet::new();
    let web = internet.server("127.0.0.2", "a.example").await;
    let server = internet.server("127.0.0.1", "matrix.a.example").await;
    internet.names.host("a.example", &["127.0.0.2"]);
    internet.names.host("matrix.a.example", &["127.0.0.1"]);
    web.delegates(&format!("matrix.a.example:{}", server.port()));
    let network = internet.seen(web.port());
    for _ in 0..3 {
        ask(&network, "a.example").await.expect("it is reached");
    }
    let host = format!("matrix.a.example:{}", server.port());
    assert_eq!(server.seen()[0], seen(Some("matrix.a.example"), &host, "/version"));
    assert_eq!((server.seen().len(), server.connections()), (3, 1), "the connection is kept");
    assert_eq!(web.seen(), [seen(Some("a.example"), "a.example", WELL_KNOWN)], "what was said is remembered");
    network.forget(&ServerName::parse("a.example").expect("a name"));
    ask(&network, "a.example").await.expect("it is reached");
    assert_eq!((web.seen().len(), server.connections()), (2, 2), "all is forgotten");
}

#[tokio::test]
async fn a_name_that_is_delegated_to_a_name_with_a_service() {
    let internet = Internet::new();
    let web = internet.server("127.0.0.2", "a.example").await;
    let server = internet.server("127.0.0.1", "matrix.a.example").await;
    internet.names.host("a.example", &["127.0.0.2"]);
    internet.names.host("machine7.example", &["127.0.0.1"]);
    internet.names.service("_matrix-fed._tcp.matrix.a.example", 0, 0, "machine7.example", server.port());
    web.delegates("matrix.a.example");
    ask(&internet.seen(web.port()), "a.example").await.expect("it is reached");
    assert_eq!(server.seen(), [seen(Some("matrix.a.example"), "matrix.a.example", "/version")]);
}

#[tokio::test]
async fn a_name_with_a_service_and_no_delegation() {
    let internet = Internet::new();
    let web = internet.server("127.0.0.2", "a.example").await;
    let server = internet.server("127.0.0.1", "a.example").await;
    internet.names.host("a.example", &["127.0.0.2"]);
    internet.names.host("machine7.example", &["127.0.0.1"]);
    internet.names.service("_matrix-fed._tcp.a.example", 0, 0, "machine7.example", server.port());
    ask(&internet.seen(web.port()), "a.example").await.expect("it is reached");
    assert_eq!(server.seen(), [seen(Some("a.example"), "a.example", "/version")]);
    assert_eq!(web.seen().len(), 1);
}

#[tokio::test]
async fn a_delegation_may_be_redirected_to() {
    let internet = Internet::new();
    let web = internet.server_with("127.0.0.2", {
        let names = ["a.example", "www.a.example"].map(str::to_owned);
        rcgen::CertificateParams::new(names).expect("names")
    });
    let web = web.await;
    let server = internet.server("127.0.0.1", "matrix.a.example").await;
    internet.names.host("a.example", &["127.0.0.2"]);
    internet.names.host("www.a.example", &["127.0.0.2"]);
    internet.names.host("matrix.a.example", &["127.0.0.1"]);
    web.redirects(WELL_KNOWN, "https://www.a.example/elsewhere");
    web.answers("/elsewhere", 200, format!(r#"{{"m.server":"matrix.a.example:{}"}}"#, server.port()).leak());
    ask(&internet.seen(web.port()), "a.example").await.expect("it is reached");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn the_second_address_when_the_first_does_not_answer() {
    let internet = Internet::new();
    let server = internet.server("127.0.0.1", "a.example").await;
    internet.names.host("a.example", &["127.0.0.7", "127.0.0.1"]);
    ask(&internet.seen(1), &format!("a.example:{}", server.port())).await.expect("it is reached");
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_costs_nothing() {
    let internet = Internet::new();
    let server = internet.server("127.0.0.1", "127.0.0.1").await;
    server.closes_after(1);
    let network = internet.seen(1);
    for _ in 0..3 {
        ask(&network, &format!("127.0.0.1:{}", server.port())).await.expect("asked again on a new connection");
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn redirects_of_calls_are_answers() {
    let internet = Internet::new();
    let server = internet.server("127.0.0.1", "127.0.0.1").await;
    server.redirects("/version", "/elsewhere");
    let answer = ask(&internet.seen(1), &format!("127.0.0.1:{}", server.port())).await.expect("an answer");
    assert_eq!(answer.status, 302);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn no_answer_is_waited_for_without_end() {
    let internet = Internet::new();
    let server = internet.server("127.0.0.1", "127.0.0.1").await;
    server.falls_silent();
    let call = Call {
        to: ServerName::parse(format!("127.0.0.1:{}", server.port())).expect("a name"),
        method: "GET".to_owned(),
        target: "/version".to_owned(),
        authorization: None,
        body: bytes::Bytes::new(),
        wait: Duration::from_millis(300),
    };
    let began = Instant::now();
    let error = internet.seen(1).call(call).await.expect_err("it is silent").for_operator();
    assert!(error.contains("no answer came"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn files_are_fetched_through_redirects() {
    let internet = Internet::new();
    let site = internet.server("127.0.0.1", "cdn.example").await;
    internet.names.host("cdn.example", &["127.0.0.1"]);
    site.redirects("/file", "/moved");
    site.answers("/moved", 200, "bytes");
    let wait = Duration::from_secs(5);
    let mut answer =
        internet.seen(site.port()).fetch("https://cdn.example/file".to_owned(), wait).await.expect("it is fetched");
    assert_eq!(&*answer.body.next().await.expect("a piece").expect("whole"), b"bytes");
}
