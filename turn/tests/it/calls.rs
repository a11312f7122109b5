//! Calls between two WebRTC stacks (webrtc-rs) with ICE, DTLS and a data channel, over the relay only and over
//! every transport.
//!
//! webrtc-rs reaches relays over UDP and IPv4 only; other transports go through a `Proxy`. It requests no address
//! family and so gets IPv4 relayed transport addresses; other tests cover IPv6.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hearth_turn::{Credentials, Transport};
use tokio::sync::mpsc;
use tokio::time::timeout;
use webrtc::api::APIBuilder;
use webrtc::api::setting_engine::SettingEngine;
use webrtc::data_channel::RTCDataChannel;
use webrtc::data_channel::data_channel_init::RTCDataChannelInit;
use webrtc::ice::mdns::MulticastDnsMode;
use webrtc::ice_transport::ice_candidate_type::RTCIceCandidateType;
use webrtc::ice_transport::ice_server::RTCIceServer;
use webrtc::peer_connection::RTCPeerConnection;
use webrtc::peer_connection::configuration::RTCConfiguration;
use webrtc::peer_connection::peer_connection_state::RTCPeerConnectionState;
use webrtc::peer_connection::policy::ice_transport_policy::RTCIceTransportPolicy;

use super::harness::credentials;
use super::proxy::Proxy;
use super::streams::relay_at;

const WAIT: Duration = Duration::from_secs(20);
/// Bytes of the bulk transfer, in each direction.
const BULK_BYTES: usize = 2 << 20;
/// Bytes per message of the bulk transfer, and bytes that may wait to be sent.
const PIECE_BYTES: usize = 16 << 10;
const UNSENT_BYTES_MAX: usize = 256 << 10;
const MESSAGES: usize = 200;

/// One participant of a call.
struct Peer {
    connection: RTCPeerConnection,
    channel: Arc<RTCDataChannel>,
    opened: mpsc::Receiver<()>,
    received: mpsc::UnboundedReceiver<Bytes>,
}

impl Peer {
    /// A participant whose only ICE candidates are relayed ones.
    async fn new(relay: SocketAddr, credentials: Credentials) -> Self {
        let mut engine = SettingEngine::default();
        engine.set_ice_multicast_dns_mode(MulticastDnsMode::Disabled);
        let server = RTCIceServer {
            urls: vec![format!("turn:{relay}?transport=udp")],
            username: credentials.username,
            credential: credentials.password,
        };
        let configuration = RTCConfiguration {
            ice_servers: vec![server],
            ice_transport_policy: RTCIceTransportPolicy::Relay,
            ..RTCConfiguration::default()
        };
        let api = APIBuilder::new().with_setting_engine(engine).build();
        let connection = api.new_peer_connection(configuration).await.unwrap();
        // A negotiated channel: both sides create it, and neither waits for the other.
        let init = RTCDataChannelInit { negotiated: Some(0), ..RTCDataChannelInit::default() };
        let channel = connection.create_data_channel("words", Some(init)).await.unwrap();
        let (open, opened) = mpsc::channel(1);
        channel.on_open(Box::new(move || Box::pin(async move { open.send(()).await.unwrap() })));
        let (sender, received) = mpsc::unbounded_channel();
        channel.on_message(Box::new(move |message| {
            // The test may have ended.
            let _ = sender.send(message.data);
            Box::pin(std::future::ready(()))
        }));
        Self { connection, channel, opened, received }
    }

    /// Creates an offer or an answer with all candidates, and gives it to the other side.
    async fn negotiate(&self, other: &Self, is_offer: bool) {
        let description = match is_offer {
            true => self.connection.create_offer(None).await.unwrap(),
            false => self.connection.create_answer(None).await.unwrap(),
        };
        let mut gathered = self.connection.gathering_complete_promise().await;
        self.connection.set_local_description(description).await.unwrap();
        let _ = timeout(WAIT, gathered.recv()).await.expect("addresses are found, or not, in time");
        let whole = self.connection.local_description().await.unwrap();
        other.connection.set_remote_description(whole).await.unwrap();
    }

    async fn connect(&mut self, other: &mut Self) {
        self.negotiate(other, true).await;
        other.negotiate(self, false).await;
        for peer in [self, other] {
            timeout(WAIT, peer.opened.recv()).await.expect("the channel opens").unwrap();
        }
    }

    /// Sends all messages, with flow control.
    async fn send_all(&self, messages: &[Bytes]) {
        for message in messages {
            while self.channel.buffered_amount().await > UNSENT_BYTES_MAX {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            self.channel.send(message).await.unwrap();
        }
    }

    /// Waits for these messages, in this order.
    async fn expect_messages(received: &mut mpsc::UnboundedReceiver<Bytes>, messages: &[Bytes]) {
        for (index, message) in messages.iter().enumerate() {
            let got = timeout(WAIT, received.recv()).await.unwrap_or_else(|_| panic!("message {index} does not come"));
            assert!(got.unwrap() == message, "message {index} is another one");
        }
    }

    /// Type and address of the selected candidates.
    async fn pair(&self) -> [(RTCIceCandidateType, SocketAddr); 2] {
        let dtls = self.connection.sctp().transport();
        let pair = dtls.ice_transport().get_selected_candidate_pair().await.unwrap();
        [pair.local, pair.remote].map(|end| (end.typ, SocketAddr::new(end.address.parse().unwrap(), end.port)))
    }
}

/// Distinct messages.
fn messages(from: u8, count: usize, bytes: impl Fn(usize) -> usize) -> Vec<Bytes> {
    let one = |index: usize| {
        let head = [&[from][..], &index.to_be_bytes()].concat();
        head.into_iter().cycle().take(bytes(index)).collect()
    };
    (0..count).map(one).collect()
}

/// Both sides send at the same time.
async fn exchange(alice: &mut Peer, bob: &mut Peer, from_alice: &[Bytes], from_bob: &[Bytes]) {
    let (mut to_alice, mut to_bob) = (
        std::mem::replace(&mut alice.received, mpsc::unbounded_channel().1),
        std::mem::replace(&mut bob.received, mpsc::unbounded_channel().1),
    );
    tokio::join!(
        alice.send_all(from_alice),
        bob.send_all(from_bob),
        Peer::expect_messages(&mut to_alice, from_bob),
        Peer::expect_messages(&mut to_bob, from_alice),
    );
    (alice.received, bob.received) = (to_alice, to_bob);
}

/// A call over one transport: it must use the relay only, and carry messages in both directions in order, then
/// a bulk transfer.
async fn call(ip: &str, transport: Transport) {
    let here = relay_at(ip);
    let (relay, at) = (&here.relay, here.address(transport));
    let proxy = Proxy::to(&here, transport).await;
    let mut alice = Peer::new(proxy.at, credentials("@alice:example.org")).await;
    let mut bob = Peer::new(proxy.at, credentials("@bob:example.org")).await;
    alice.connect(&mut bob).await;

    let [mine, theirs] = alice.pair().await;
    assert_eq!([mine.0, theirs.0], [RTCIceCandidateType::Relay; 2]);
    assert_eq!(bob.pair().await, [theirs, mine]);
    let held = relay.running.allocations();
    let mut seen: Vec<_> = held.iter().map(|one| (&one.user[..], one.transport, one.relayed[0])).collect();
    seen.sort_unstable_by_key(|one| one.0);
    assert_eq!(seen, [("@alice:example.org", transport, mine.1), ("@bob:example.org", transport, theirs.1)]);
    assert!(held.iter().all(|one| one.client.is_ipv4() == at.is_ipv4() && one.peers == [mine.1.ip()]), "{held:?}");

    // From one byte to more than a datagram holds.
    let sizes = |index: usize| 1 + index * 37;
    exchange(&mut alice, &mut bob, &messages(1, MESSAGES, sizes), &messages(2, MESSAGES, sizes)).await;
    let began = Instant::now();
    let bulk = |from| messages(from, BULK_BYTES / PIECE_BYTES, |_| PIECE_BYTES);
    exchange(&mut alice, &mut bob, &bulk(3), &bulk(4)).await;
    println!("{transport:?} to {ip}: {BULK_BYTES} bytes each way in {:?}", began.elapsed());

    for one in relay.running.allocations() {
        let (sent, got) = (one.to_peers.bytes, one.to_clients.bytes);
        assert!(sent.min(got) > BULK_BYTES as u64, "{}: {sent} bytes sent, {got} received", one.user);
    }
    for peer in [alice, bob] {
        peer.connection.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_over_udp() {
    call("127.0.0.1", Transport::Udp).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_over_udp_and_ipv6() {
    call("::1", Transport::Udp).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_over_tcp() {
    call("127.0.0.1", Transport::Tcp).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_over_tcp_and_ipv6() {
    call("::1", Transport::Tcp).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_over_tls() {
    call("127.0.0.1", Transport::Tls).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_over_tls_and_ipv6() {
    call("::1", Transport::Tls).await;
}

/// With wrong credentials the two sides cannot connect. This shows that the calls above do use the relay.
#[tokio::test]
async fn without_the_relay_there_is_no_call() {
    let relay = relay_at("127.0.0.1").relay;
    let stranger = Credentials { password: "guessed".to_owned(), ..credentials("@alice:example.org") };
    let mut alice = Peer::new(relay.udp(), stranger).await;
    let bob = Peer::new(relay.udp(), credentials("@bob:example.org")).await;
    alice.negotiate(&bob, true).await;
    bob.negotiate(&alice, false).await;
    let offer = alice.connection.local_description().await.unwrap().sdp;
    assert!(!offer.contains("a=candidate"), "{offer}");
    assert!(timeout(Duration::from_secs(3), alice.opened.recv()).await.is_err(), "the channel is open");
    assert_ne!(alice.connection.connection_state(), RTCPeerConnectionState::Connected);
    let held = relay.running.allocations();
    assert_eq!((held.len(), &held[0].user[..], held[0].to_peers.packets), (1, "@bob:example.org", 0));
}
