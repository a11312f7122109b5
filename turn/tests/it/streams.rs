//! TCP, TLS, and streams accepted outside of the relay.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use hearth_turn::{AcceptedStream, Transport};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::client::{Bytes, Client, WAIT};
use super::harness::{Echo, Relay, wait_until};

/// A certificate for `localhost`, and a client configuration that trusts it.
pub(crate) fn tls() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = CertificateDer::from(made.cert.der().to_vec());
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

/// A relay that listens with every transport on one address.
pub(crate) struct At {
    pub relay: Relay,
    /// Trusts the relay's certificate.
    pub trust: Arc<ClientConfig>,
}

impl At {
    pub(crate) fn address(&self, transport: Transport) -> SocketAddr {
        match transport {
            Transport::Udp => self.relay.udp(),
            Transport::Tcp => self.relay.tcp(),
            Transport::Tls => self.relay.running.stream_addresses()[1],
        }
    }
}

/// A relay that allows peers on its own address only.
pub(crate) fn relay_at(ip: &str) -> At {
    let (server, trust) = tls();
    let at: SocketAddr = (ip.parse::<IpAddr>().unwrap(), 0).into();
    let relay = Relay::with(|settings| {
        (settings.udp, settings.tcp, settings.tls) = (vec![at], vec![at], vec![at]);
        settings.tls_config = Some(Arc::new(move || Arc::clone(&server)));
        settings.peers.allow.clear();
    });
    At { relay, trust }
}

fn tls_to(at: SocketAddr, config: Arc<ClientConfig>) -> Bytes<StreamOwned<ClientConnection, TcpStream>> {
    let session = ClientConnection::new(config, ServerName::try_from("localhost").unwrap()).unwrap();
    Bytes(StreamOwned::new(session, Bytes::to(at).0))
}

#[test]
fn data_passes_over_tcp() {
    let (relay, echo) = (Relay::start(), Echo::start());
    let mut client = Client::new(Bytes::to(relay.tcp()));
    client.allocate();
    client.passes_data(echo.at);
    assert_eq!(relay.running.allocations()[0].transport, Transport::Tcp);
}

#[test]
fn data_passes_over_tls() {
    let (server, trusting) = tls();
    let relay = Relay::with(|settings| {
        settings.tls = vec!["127.0.0.1:0".parse().unwrap()];
        settings.tls_config = Some(Arc::new(move || Arc::clone(&server)));
    });
    let echo = Echo::start();
    let at = *relay.running.stream_addresses().last().unwrap();
    for _ in 0..3 {
        let mut client = Client::new(tls_to(at, Arc::clone(&trusting)));
        client.allocate();
        client.passes_data(echo.at);
    }
    assert!(relay.running.allocations().iter().all(|view| view.transport == Transport::Tls));
}

#[test]
fn data_passes_over_a_stream_that_was_accepted_elsewhere() {
    let (server, trusting) = tls();
    let (relay, echo) = (Relay::start(), Echo::start());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let client = std::thread::Builder::new()
        .spawn(move || {
            let mut client = Client::new(tls_to(at, trusting));
            client.allocate();
            client.passes_data(echo.at);
        })
        .unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut session = ServerConnection::new(server).unwrap();
    // As an HTTPS listener does: the handshake, then a look at the first bytes.
    let mut read = vec![0; 3];
    rustls::Stream::new(&mut session, &mut stream).read_exact(&mut read).unwrap();
    assert!(read[0] < 4, "STUN begins with two zero bits");
    relay.running.adopt(AcceptedStream { stream, tls: Some(Box::new(session)), read });
    client.join().unwrap();
}

#[test]
fn frames_may_be_split_anywhere() {
    let (relay, echo) = (Relay::start(), Echo::start());
    let mut client = Client::new(Bytes::to(relay.tcp()));
    client.allocate();
    assert_eq!(client.bind(0x4001, echo.at), 0);
    let frames =
        [&[0x40, 1, 0, 5, b'h', b'e', b'l', b'l', b'o', 0, 0, 0][..], &[0x40, 1, 0, 1, b'!', 0, 0, 0]].concat();
    for piece in 1..frames.len() {
        for part in frames.chunks(piece) {
            client.link.0.write_all(part).unwrap();
            std::thread::sleep(Duration::from_micros(300));
        }
        assert_eq!(client.receive(), Some((Ok(0x4001), b"hello".to_vec())));
        assert_eq!(client.receive(), Some((Ok(0x4001), b"!".to_vec())));
    }
}

#[test]
fn an_allocation_ends_with_its_stream() {
    let relay = Relay::start();
    let mut client = Client::new(Bytes::to(relay.tcp()));
    client.allocate();
    assert_eq!(relay.running.allocation_count(), 1);
    drop(client);
    wait_until("the allocation is gone", || relay.running.allocation_count() == 0);
}

#[test]
fn an_invalid_frame_ends_the_stream() {
    let relay = Relay::start();
    for nonsense in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x40, 0, 0xFF, 0xFF], &[0, 1, 0xFF, 0xFC], &[0xFF; 64]] {
        let mut stream = TcpStream::connect(relay.tcp()).unwrap();
        stream.set_read_timeout(Some(WAIT)).unwrap();
        stream.write_all(nonsense).unwrap();
        assert!(!matches!(stream.read(&mut [0; 16]), Ok(1..)), "{nonsense:?}");
    }
    wait_until("they are closed", || relay.running.counters().streams.load(std::sync::atomic::Ordering::Relaxed) == 0);
}

#[test]
fn streams_are_limited_per_source() {
    let relay = Relay::with(|settings| settings.streams_per_source_max = 3);
    let mut clients: Vec<_> = (0..3).map(|_| Client::new(Bytes::to(relay.tcp()))).collect();
    clients.iter_mut().for_each(|client| _ = client.allocate());
    let mut late = TcpStream::connect(relay.tcp()).unwrap();
    late.set_read_timeout(Some(WAIT)).unwrap();
    assert!(matches!(late.read(&mut [0; 1]), Ok(0) | Err(_)));
    wait_until("it is counted", || relay.running.counters().refused(hearth_turn::Refusal::Streams) == 1);
}

#[test]
fn a_client_that_does_not_read_loses_data_and_affects_no_other() {
    let (relay, echo) = (Relay::with(|settings| settings.quotas.bytes_per_s_per_user = 0), Echo::start());
    let mut deaf = Client::of(Bytes::to(relay.tcp()), "@deaf:example.org");
    deaf.allocate();
    assert_eq!(deaf.bind(0x4000, echo.at), 0);
    deaf.link.0.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let frame = [&[0x40, 0, 0x20, 0][..], &[7; 8_192]].concat();
    for _ in 0..4_000 {
        if deaf.link.0.write_all(&frame).is_err() {
            break;
        }
    }
    wait_until("data is dropped", || relay.running.counters().refused(hearth_turn::Refusal::Backpressure) > 0);
    // Another peer, as the first one's socket buffer is full.
    let fresh = Echo::start();
    let mut other = Client::new(Bytes::to(relay.tcp()));
    other.allocate();
    other.passes_data(fresh.at);
}
