//! Tests of the state machine: a manual clock, fake sockets and hand-written requests.

mod allocate;
mod auth;
mod data;
mod peers;
mod quotas;
mod storm;
mod unreachable;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;
use crate::credentials::{Authority, mint};
use crate::peers::PeerRules;
use crate::settings::Settings;
use crate::shared::{ExternalAddress, Quotas, RelayAddress};
use crate::stun::integrity::Integrity;
use crate::stun::{Algorithm, Key, TransactionId, Writer, attribute};

pub(super) const REALM: &str = "hearth";
pub(super) const PUBLIC_V4: &str = "198.41.0.4";
pub(super) const LOCAL_V4: &str = "192.168.7.2";
pub(super) const PUBLIC_V6: &str = "2a01:4f8::7";
pub(super) const PEER: &str = "9.9.9.9:4444";

/// Credentials that a test can change.
pub(super) struct TestAuth {
    pub(super) now_unix_s: AtomicU64,
    pub(super) secrets: parking_lot::Mutex<Vec<Arc<[u8]>>>,
    pub(super) revoked: AtomicBool,
}

impl Authority for TestAuth {
    fn now_unix_s(&self) -> u64 {
        self.now_unix_s.load(Ordering::Relaxed)
    }

    fn secrets(&self) -> Vec<Arc<[u8]>> {
        self.secrets.lock().clone()
    }

    fn is_revoked(&self, _user: &str) -> bool {
        self.revoked.load(Ordering::Relaxed)
    }
}

/// Relay sockets that are entries of a list.
#[derive(Default)]
pub(super) struct FakeSockets {
    pub(super) open: Vec<(RelayKey, SocketAddr)>,
    pub(super) asked: Vec<(AddressFamily, PortRequest)>,
    pub(super) none_left: Option<AddressFamily>,
    next: u16,
}

impl RelaySockets for FakeSockets {
    fn open(
        &mut self,
        key: RelayKey,
        family: AddressFamily,
        port: PortRequest,
        _owner: &str,
        _now_ms: u64,
    ) -> Option<RelayedAddress> {
        self.asked.push((family, port));
        if self.none_left == Some(family) {
            return None;
        }
        self.next += 2;
        let port = 50_000 + self.next;
        let (local, public) = if family == AddressFamily::V4 { (LOCAL_V4, PUBLIC_V4) } else { (PUBLIC_V6, PUBLIC_V6) };
        let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), port);
        self.open.push((key, at(public)));
        Some(RelayedAddress { local: at(local), public: at(public) })
    }

    fn close(&mut self, key: RelayKey) {
        let index = self.open.iter().position(|(open, _)| *open == key).expect("closed once, and was open");
        self.open.remove(index);
    }
}

/// A relay and one client.
pub(super) struct Bench {
    pub(super) server: Server,
    pub(super) shared: Arc<Shared>,
    pub(super) counters: Arc<Counters>,
    pub(super) auth: Arc<TestAuth>,
    pub(super) sockets: FakeSockets,
    pub(super) now_ms: u64,
    pub(super) username: String,
    pub(super) password: String,
    pub(super) integrity: Integrity,
    pub(super) algorithm: Algorithm,
    pub(super) nonce: Vec<u8>,
    next: u32,
}

pub(super) fn five_tuple(client: &str) -> FiveTuple {
    let local = "198.41.0.4:3478".parse().unwrap();
    FiveTuple { transport: Transport::Udp, client: client.parse().unwrap(), local, link: 0 }
}

/// A response.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) code: u16,
    pub(super) bytes: Vec<u8>,
}

impl Answer {
    pub(super) fn message(&self) -> Message<'_> {
        Message::parse(&self.bytes).unwrap()
    }

    pub(super) fn address(&self, kind: u16) -> SocketAddr {
        self.message().addresses(kind).next().unwrap().unwrap()
    }

    pub(super) fn lifetime_s(&self) -> u32 {
        self.message().number(attribute::LIFETIME).unwrap().unwrap()
    }
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(Quotas { bytes_per_s_per_user: 0, ..Quotas::default() }, PeerRules::default())
    }

    pub(super) fn with(quotas: Quotas, peers: PeerRules) -> Self {
        let secret: Arc<[u8]> = Arc::from(&b"north"[..]);
        let auth = Arc::new(TestAuth {
            now_unix_s: 1_000.into(),
            secrets: parking_lot::Mutex::new(vec![secret]),
            revoked: false.into(),
        });
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let external_address = ExternalAddress {
            v4: Some(RelayAddress { local: ip(LOCAL_V4), public: ip(PUBLIC_V4) }),
            v6: Some(RelayAddress { local: ip(PUBLIC_V6), public: ip(PUBLIC_V6) }),
            own: vec![ip(LOCAL_V4), ip(PUBLIC_V4), ip(PUBLIC_V6)],
        };
        let entropy: Entropy = Arc::new(|bytes| bytes.fill(9));
        let settings = Settings { quotas, peers, realm: REALM.into(), ..Settings::new() };
        let shared = Arc::new(Shared::new(&settings, Arc::clone(&auth) as Arc<dyn Authority>, &entropy));
        shared.set_external_address(external_address);
        let counters = Arc::new(Counters::default());
        let server = Server::new(Arc::clone(&shared), Arc::clone(&counters), 0, entropy);
        let credentials = mint(b"north", "@alice:example.org", 5_000);
        let mut bench = Self {
            server,
            shared,
            counters,
            auth,
            sockets: FakeSockets::default(),
            now_ms: 1_000_000,
            username: credentials.username,
            password: credentials.password,
            integrity: Integrity::Sha1,
            algorithm: Algorithm::Md5,
            nonce: Vec::new(),
            next: 0,
        };
        bench.nonce = bench.shared.nonces.issue(bench.now_ms, ip("192.0.2.1"), false);
        bench
    }

    pub(super) fn become_user(&mut self, user: &str) {
        let credentials = mint(b"north", user, 5_000);
        (self.username, self.password) = (credentials.username, credentials.password);
    }

    pub(super) fn transaction(&mut self) -> TransactionId {
        self.next += 1;
        let mut id = [1; 12];
        id[..4].copy_from_slice(&self.next.to_be_bytes());
        id
    }

    /// Passes a packet to the state machine.
    pub(super) fn raw(&mut self, five_tuple: &FiveTuple, packet: &[u8]) -> (PacketOutcome, Vec<u8>) {
        let mut reply = Vec::new();
        let outcome = self.server.client_sent(self.now_ms, five_tuple, packet, &mut self.sockets, &mut reply);
        (outcome, reply)
    }

    /// A signed request.
    pub(super) fn signed(&mut self, id: TransactionId, method: Method, fill: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, method, Class::Request, id);
        fill(&mut writer);
        writer.put(attribute::USERNAME, self.username.as_bytes());
        writer.put(attribute::REALM, REALM.as_bytes()).put(attribute::NONCE, &self.nonce);
        if self.algorithm == Algorithm::Sha256 {
            writer.put(attribute::PASSWORD_ALGORITHMS, &super::auth::ALGORITHMS);
            writer.put(attribute::PASSWORD_ALGORITHM, &[0, 2, 0, 0]);
        }
        let key = Key::long_term(self.algorithm, &self.username, REALM, &self.password);
        writer.put_integrity(self.integrity, &key);
        out
    }

    /// Sends a signed request and checks the signature of the response.
    pub(super) fn ask(&mut self, five_tuple: &FiveTuple, method: Method, fill: impl FnOnce(&mut Writer<'_>)) -> Answer {
        let id = self.transaction();
        let packet = self.signed(id, method, fill);
        let answer = self.give(five_tuple, &packet);
        let message = answer.message();
        assert_eq!((message.transaction(), message.method()), (id, method));
        if ![401, 438].contains(&answer.code) {
            let key = Key::long_term(self.algorithm, &self.username, REALM, &self.password);
            assert!(answer.code == 400 || key.verifies(&message, self.integrity), "{answer:?}");
        }
        answer
    }

    pub(super) fn give(&mut self, five_tuple: &FiveTuple, packet: &[u8]) -> Answer {
        let (outcome, bytes) = self.raw(five_tuple, packet);
        assert_eq!(outcome, PacketOutcome::Reply);
        let code = Message::parse(&bytes).unwrap().error_code().unwrap_or(0);
        Answer { code, bytes }
    }

    pub(super) fn allocate(&mut self, five_tuple: &FiveTuple) -> Answer {
        self.ask(five_tuple, Method::ALLOCATE, |writer| {
            writer.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        })
    }

    pub(super) fn permit(&mut self, five_tuple: &FiveTuple, peers: &[&str]) -> u16 {
        let peers: Vec<SocketAddr> = peers.iter().map(|peer| peer.parse().unwrap()).collect();
        self.permit_all(five_tuple, &peers)
    }

    pub(super) fn permit_all(&mut self, five_tuple: &FiveTuple, peers: &[SocketAddr]) -> u16 {
        let fill = |writer: &mut Writer<'_>| {
            for peer in peers {
                writer.put_address(attribute::XOR_PEER_ADDRESS, *peer);
            }
        };
        self.ask(five_tuple, Method::CREATE_PERMISSION, fill).code
    }

    pub(super) fn bind(&mut self, five_tuple: &FiveTuple, channel: u16, peer: SocketAddr) -> u16 {
        let fill = |writer: &mut Writer<'_>| {
            writer.put_number(attribute::CHANNEL_NUMBER, u32::from(channel) << 16);
            writer.put_address(attribute::XOR_PEER_ADDRESS, peer);
        };
        self.ask(five_tuple, Method::CHANNEL_BIND, fill).code
    }

    pub(super) fn refresh(&mut self, five_tuple: &FiveTuple, lifetime_s: u32) -> Answer {
        self.ask(five_tuple, Method::REFRESH, |writer| {
            writer.put_number(attribute::LIFETIME, lifetime_s);
        })
    }

    /// Sends a Send indication.
    pub(super) fn send(&mut self, five_tuple: &FiveTuple, peer: SocketAddr, data: &[u8]) -> PacketOutcome {
        let mut out = Vec::new();
        let id = self.transaction();
        let mut writer = Writer::new(&mut out, Method::SEND, Class::Indication, id);
        writer.put_address(attribute::XOR_PEER_ADDRESS, peer).put(attribute::DATA, data);
        self.raw(five_tuple, &out).0
    }

    /// Delivers a peer's datagram and returns what the client gets.
    pub(super) fn peer_sends(&mut self, relay: RelayKey, peer: &str, data: &[u8]) -> Option<Vec<u8>> {
        let mut buffer = vec![0xEE; 64 + data.len() + 4];
        buffer[64..64 + data.len()].copy_from_slice(data);
        let peer = peer.parse().unwrap();
        let (_, range) = self.server.peer_sent(self.now_ms, relay, peer, &mut buffer, 64..64 + data.len())?;
        Some(buffer[range].to_vec())
    }

    pub(super) fn refused(&self, why: Refusal) -> u64 {
        self.counters.refused(why)
    }
}
