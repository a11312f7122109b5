//! Servers that must not be reached (`trust.md` 11 and 27): addresses behind the firewall, however they are named, and
//! servers without a valid certificate.

use std::time::Duration;

use hearth_domain::ports::Network;
use rcgen::{CertificateParams, date_time_ymd};

use super::internet::{Internet, WELL_KNOWN, ask, refused};

/// The error for an address that the guard forbids.
const GUARDED: &str = "to which this server may not connect";

#[tokio::test]
async fn loopback_by_its_address_and_by_a_name() {
    let internet = Internet::guarded(&[]);
    let inside = internet.server("127.0.0.1", "a.example").await;
    internet.names.host("a.example", &["127.0.0.1"]);
    let port = inside.port();
    for name in [format!("127.0.0.1:{port}"), format!("a.example:{port}")] {
        let why = refused(&internet.seen(1), &name).await;
        assert!(why.contains(GUARDED), "{why}");
    }
    for name in [format!("[::ffff:127.0.0.1]:{port}"), "[::1]:22".to_owned(), "10.0.0.1".to_owned()] {
        let why = refused(&internet.seen(1), &name).await;
        assert!(why.contains(GUARDED), "{why}");
    }
    // Names that a lenient parser would take for addresses.
    for name in ["2130706433", "0x7f.1", "127.1", "0177.0.0.1"] {
        let why = refused(&internet.seen(1), &format!("{name}:{port}")).await;
        assert!(why.contains("no address of"), "{why}");
    }
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn a_delegation_to_loopback() {
    let internet = Internet::guarded(&["127.0.0.2/32"]);
    let inside = internet.server("127.0.0.1", "127.0.0.1").await;
    let web = internet.server("127.0.0.2", "a.example").await;
    internet.names.host("a.example", &["127.0.0.2"]);
    internet.names.host("inside.example", &["127.0.0.1"]);
    for delegate in ["127.0.0.1", "inside.example"] {
        web.delegates(&format!("{delegate}:{}", inside.port()));
        let why = refused(&internet.seen(web.port()), "a.example").await;
        assert!(why.contains(GUARDED), "{why}");
    }
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn a_redirect_to_loopback() {
    let internet = Internet::guarded(&["127.0.0.2/32"]);
    let inside = internet.server("127.0.0.1", "inside.example").await;
    let web = internet.server("127.0.0.2", "a.example").await;
    internet.names.host("a.example", &["127.0.0.2"]);
    internet.names.host("inside.example", &["127.0.0.1"]);
    let port = inside.port();
    for target in ["127.0.0.1", "inside.example", "2130706433", "[::ffff:7f00:1]"] {
        web.redirects(WELL_KNOWN, &format!("https://{target}:{port}/"));
        refused(&internet.seen(web.port()), "a.example").await;
        web.redirects("/file", &format!("https://{target}:{port}/"));
        let file = internet.seen(web.port()).fetch("https://a.example/file".to_owned(), Duration::from_secs(5)).await;
        assert!(file.is_err(), "{target}");
    }
    let url = format!("https://127.0.0.1:{port}/");
    assert!(internet.seen(1).fetch(url, Duration::from_secs(5)).await.is_err());
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn a_redirect_out_of_tls() {
    let internet = Internet::new();
    let web = internet.server("127.0.0.2", "a.example").await;
    internet.names.host("a.example", &["127.0.0.2"]);
    web.redirects("/file", "http://a.example/file");
    let url = "https://a.example/file".to_owned();
    assert!(internet.seen(web.port()).fetch(url, Duration::from_secs(5)).await.is_err());
    let url = "http://a.example/file".to_owned();
    assert!(internet.seen(web.port()).fetch(url, Duration::from_secs(5)).await.is_err());
    assert_eq!(web.seen().len(), 1);
}

#[tokio::test]
async fn a_service_on_loopback() {
    let internet = Internet::guarded(&[]);
    let inside = internet.server("127.0.0.1", "a.example").await;
    internet.names.host("machine7.example", &["127.0.0.1"]);
    internet.names.service("_matrix-fed._tcp.a.example", 0, 0, "machine7.example", inside.port());
    let why = refused(&internet.seen(1), "a.example").await;
    assert!(why.contains(GUARDED), "{why}");
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn a_name_that_leads_to_loopback_the_second_time() {
    let internet = Internet::guarded(&["127.0.0.2/32"]);
    let inside = internet.server("127.0.0.1", "a.example").await;
    let outside = internet.server("127.0.0.2", "a.example").await;
    internet.names.hosts_in_turn("a.example", &[&["127.0.0.2"], &["127.0.0.1"]]);
    let name = |port: u16| format!("a.example:{port}");
    ask(&internet.seen(1), &name(outside.port())).await.expect("the first time it is outside");
    let why = refused(&internet.seen(1), &name(inside.port())).await;
    assert!(why.contains(GUARDED), "{why}");
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn only_the_inner_one_of_two_addresses() {
    let internet = Internet::guarded(&["127.0.0.2/32"]);
    let outside = internet.server("127.0.0.2", "a.example").await;
    internet.names.host("a.example", &["127.0.0.1", "127.0.0.2", "::1"]);
    ask(&internet.seen(1), &format!("a.example:{}", outside.port())).await.expect("the outer one is reached");
}

#[tokio::test]
async fn certificates_that_prove_nothing() {
    let internet = Internet::new();
    internet.names.host("a.example", &["127.0.0.1"]);
    let other = internet.server("127.0.0.1", "b.example").await;
    let why = refused(&internet.seen(1), &format!("a.example:{}", other.port())).await;
    assert!(why.contains("is not for a.example"), "{why}");

    let mut expired = CertificateParams::new(["a.example".to_owned()]).expect("a name");
    (expired.not_before, expired.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
    let expired = internet.server_with("127.0.0.1", expired).await;
    let why = refused(&internet.seen(1), &format!("a.example:{}", expired.port())).await;
    assert!(why.contains("has expired"), "{why}");

    let stranger = Internet::new().server("127.0.0.1", "a.example").await;
    let why = refused(&internet.seen(1), &format!("a.example:{}", stranger.port())).await;
    assert!(why.contains("whom this server trusts"), "{why}");

    let address = internet.server("127.0.0.1", "a.example").await;
    let why = refused(&internet.seen(1), &format!("127.0.0.1:{}", address.port())).await;
    assert!(why.contains("is not for 127.0.0.1"), "{why}");
    for server in [other, expired, address] {
        assert!(server.seen().is_empty(), "nothing is sent to whom cannot prove who they are");
    }
}

#[tokio::test]
async fn the_certificate_of_a_service_is_of_the_name_and_not_of_the_machine() {
    let internet = Internet::new();
    let server = internet.server("127.0.0.1", "machine7.example").await;
    internet.names.host("machine7.example", &["127.0.0.1"]);
    internet.names.service("_matrix-fed._tcp.a.example", 0, 0, "machine7.example", server.port());
    let why = refused(&internet.seen(1), "a.example").await;
    assert!(why.contains("is not for a.example"), "{why}");
}

#[tokio::test]
async fn what_does_not_speak_tls_or_is_not_there() {
    let internet = Internet::new();
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let why = refused(&internet.seen(1), &closed.to_string()).await;
    assert!(why.contains("nothing listens at"), "{why}");
    let why = refused(&internet.seen(1), "nowhere.example:1").await;
    assert!(why.contains("there is no address of nowhere.example in the DNS"), "{why}");
}
