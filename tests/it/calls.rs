//! Calls: clients receive TURN credentials for a relay that works.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hearth_admin::wire::{RelayCheckList, RelayEnded, RelayFigures, RelayStatus, Status, paths};
use hearth_base::config::{Address, Config, Listener, RelayMode, Tls};
use hearth_turn::probe::{Probe, Report, probe};
use hearth_turn::{Credentials, Transport};
use rustls::pki_types::CertificateDer;

use crate::harness::{Person, Value, World, json, v3};

fn with_relay(config: &mut Config) {
    config.turn.relay = RelayMode::On;
    config.turn.addresses = vec![Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)))];
    config.turn.tls_addresses = Vec::new();
    config.turn.public_ipv4 = Some("127.0.0.1".to_owned());
}

/// The TURN credentials of a client, once the relay knows its external address.
async fn told(person: &Person) -> Value {
    for _ in 0..500 {
        let answer = person.get(v3!("voip/turnServer")).await.ok();
        if answer != json!({}) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    unreachable!("the relay is not handed out")
}

/// Tests one transport to the relay with a client's credentials.
async fn try_it(told: &Value, port: u16, transport: Transport, trust: Option<Arc<rustls::ClientConfig>>) -> Report {
    let text = |key: &str| told[key].as_str().expect("a text").to_owned();
    let credentials = Credentials { username: text("username"), password: text("password") };
    let wanted = Probe {
        host: "localhost".to_owned(),
        port,
        transport,
        tls: trust,
        credentials: [credentials.clone(), credentials],
        wait: Duration::from_secs(2),
    };
    probe(&wanted).await.expect("the relay works")
}

#[tokio::test]
async fn clients_are_told_of_a_relay_that_works() {
    let world = World::with(with_relay).await;
    let alice = world.register("alice").await;
    let told = told(&alice).await;
    let uris: Vec<&str> = told["uris"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    let port = |kind: &str| {
        let uri = uris.iter().find(|uri| uri.ends_with(kind)).expect("a way");
        let rest = uri.strip_prefix("turn:localhost:").expect("this server");
        rest.split('?').next().and_then(|port| port.parse().ok()).expect("a port")
    };
    assert_eq!((uris.len(), &told["ttl"]), (2, &json!(86_400)));
    assert_eq!(try_it(&told, port("=udp"), Transport::Udp, None).await.returned, 50);
    assert_eq!(try_it(&told, port("=tcp"), Transport::Tcp, None).await.returned, 50);
    world.ends().await;
}

#[tokio::test]
async fn without_a_relay_clients_are_told_nothing_and_the_operator_why() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    assert_eq!(alice.get(v3!("voip/turnServer")).await.ok(), json!({}));
    let status: RelayStatus = world.operator().get(paths::RELAY).await.expect("a status");
    assert!(!status.running);
    assert!(status.absence.is_some_and(|why| why.contains("`turn.relay")), "why, and what to set");
    world.ends().await;
}

#[tokio::test]
async fn the_operator_sees_and_tests_it() {
    let world = World::with(with_relay).await;
    let alice = world.register("alice").await;
    told(&alice).await;
    let operator = world.operator();
    let checks: RelayCheckList = operator.post(paths::RELAY_TEST, &json!({})).await.expect("a test");
    assert_eq!(checks.items.iter().map(|check| check.works).collect::<Vec<_>>(), [true, true], "{checks:?}");
    let status: RelayStatus = operator.get(paths::RELAY).await.expect("a status");
    assert_eq!((status.running, &status.public[..]), (true, &["127.0.0.1".to_owned()][..]));
    assert_eq!((status.users[0].user_id.as_str(), status.users[0].ended), ("relay-test", 4));
    assert!(status.users[0].relayed_bytes > 0 && status.allocations.is_empty() && status.absence.is_none());
    let figures: Status = operator.get(paths::STATUS).await.expect("figures");
    assert_eq!(figures.relay, Some(RelayFigures::default()), "the test leaves nothing behind");
    assert!(figures.problems.iter().all(|problem| problem.area.is_none()), "{:?}", figures.problems);
    let ended: RelayEnded = operator.delete(&paths::relay_user("alice")).await.expect("an answer");
    assert_eq!(ended, RelayEnded { allocations: 0 }, "she holds none");
    let metrics = world.anyone().get("/metrics").await;
    let text = String::from_utf8_lossy(&metrics.bytes).into_owned();
    assert!(text.contains("\nhearth_relay_allocations_total 4\n"), "{text}");
    world.ends().await;
}

/// Writes a certificate for `localhost`; returns its files and a client configuration that trusts it.
fn certificate(folder: &Path) -> (Tls, Arc<rustls::ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let pem =
        |name: &str, der: &[u8]| format!("-----BEGIN {name}-----\n{}\n-----END {name}-----\n", STANDARD.encode(der));
    let files = Tls { certificate_file: folder.join("chain.pem"), key_file: folder.join("key.pem"), ..Tls::default() };
    std::fs::write(&files.certificate_file, pem("CERTIFICATE", made.cert.der())).expect("written");
    std::fs::write(&files.key_file, pem("PRIVATE KEY", &made.signing_key.serialize_der())).expect("written");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(made.cert.der().to_vec())).expect("a root");
    let trust = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    (files, Arc::new(trust))
}

#[tokio::test]
async fn calls_pass_on_the_port_of_https_and_requests_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let (files, trust) = certificate(folder.path());
    let world = World::with(|config| {
        with_relay(config);
        let address = Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
        config.listeners.push(Listener { address, tls: Some(files), ..Listener::default() });
    })
    .await;
    let alice = world.register("alice").await;
    let told = told(&alice).await;
    let Address::Tcp(https) = world.server().listeners[1].address else { panic!("a port") };
    // Two clients without ALPN, and one with it.
    assert_eq!(try_it(&told, https.port(), Transport::Tls, Some(Arc::clone(&trust))).await.returned, 50);
    let mut named = (*trust).clone();
    named.alpn_protocols = vec![b"stun.turn".to_vec()];
    assert_eq!(try_it(&told, https.port(), Transport::Tls, Some(Arc::new(named))).await.returned, 50);
    let answer = tokio::task::spawn_blocking(move || asked_over_tls(https, trust)).await.expect("no panic");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    world.ends().await;
}

/// Sends an HTTP request over TLS without ALPN.
fn asked_over_tls(at: SocketAddr, trust: Arc<rustls::ClientConfig>) -> String {
    use std::io::{Read as _, Write as _};
    let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
    let session = rustls::ClientConnection::new(trust, name).expect("a session");
    let mut stream = rustls::StreamOwned::new(session, std::net::TcpStream::connect(at).expect("connected"));
    let request = "GET /_matrix/client/versions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    // Some servers close without a TLS close notification.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}
