//! The machine without a network: a clock that stands still, sockets that are numbers, and requests written by hand.

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

/// Says what a test wants it to.
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

/// Relay sockets that exist in a list only.
#[derive(Default)]
pub(super) struct Fake {
    pub(super) open: Vec<(RelayKey, SocketAddr)>,
    pub(super) asked: Vec<(Family, Port)>,
    pub(super) none_left: Option<Family>,
    next: u16,
}

impl Sockets for Fake {
    fn open(&mut self, key: RelayKey, family: Family, port: Port, _owner: &str, _now_ms: u64) -> Option<Opened> {
        self.asked.push((family, port));
        if self.none_left == Some(family) {
            return None;
        }
        self.next += 2;
        let port = 50_000 + self.next;
        let (local, public) = if family == Family::V4 { (LOCAL_V4, PUBLIC_V4) } else { (PUBLIC_V6, PUBLIC_V6) };
        let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), port);
        self.open.push((key, at(public)));
        Some(Opened { local: at(local), public: at(public) })
    }

    fn close(&mut self, key: RelayKey) {
        let index = self.open.iter().position(|(open, _)| *open == key).expect("closed once, and was open");
        self.open.remove(index);
    }
}

/// A relay with one client at its side.
pub(super) struct Bench {
    pub(super) server: Server,
    pub(super) shared: Arc<Shared>,
    pub(super) counters: Arc<Counters>,
    pub(super) auth: Arc<TestAuth>,
    pub(super) sockets: Fake,
    pub(super) now_ms: u64,
    pub(super) username: String,
    pub(super) password: String,
    pub(super) integrity: Integrity,
    pub(super) algorithm: Algorithm,
    pub(super) nonce: Vec<u8>,
    next: u32,
}

pub(super) fn path(client: &str) -> Path {
    let local = "198.41.0.4:3478".parse().unwrap();
    Path { transport: Transport::Udp, client: client.parse().unwrap(), local, link: 0 }
}

/// An answer, taken apart.
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
        shared.locate(external_address);
        let counters = Arc::new(Counters::default());
        let server = Server::new(Arc::clone(&shared), Arc::clone(&counters), 0, entropy);
        let credentials = mint(b"north", "@alice:example.org", 5_000);
        let mut bench = Self {
            server,
            shared,
            counters,
            auth,
            sockets: Fake::default(),
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

    /// Gives a packet to the machine.
    pub(super) fn raw(&mut self, path: &Path, packet: &[u8]) -> (PacketOutcome, Vec<u8>) {
        let mut reply = Vec::new();
        let outcome = self.server.client_sent(self.now_ms, path, packet, &mut self.sockets, &mut reply);
        (outcome, reply)
    }

    /// A request with credentials.
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

    /// Makes a request with credentials and checks that the answer is signed as it should be.
    pub(super) fn ask(&mut self, path: &Path, method: Method, fill: impl FnOnce(&mut Writer<'_>)) -> Answer {
        let id = self.transaction();
        let packet = self.signed(id, method, fill);
        let answer = self.give(path, &packet);
        let message = answer.message();
        assert_eq!((message.transaction(), message.method()), (id, method));
        if ![401, 438].contains(&answer.code) {
            let key = Key::long_term(self.algorithm, &self.username, REALM, &self.password);
            assert!(answer.code == 400 || key.verifies(&message, self.integrity), "{answer:?}");
        }
        answer
    }

    pub(super) fn give(&mut self, path: &Path, packet: &[u8]) -> Answer {
        let (outcome, bytes) = self.raw(path, packet);
        assert_eq!(outcome, PacketOutcome::Reply);
        let code = Message::parse(&bytes).unwrap().error_code().unwrap_or(0);
        Answer { code, bytes }
    }

    pub(super) fn allocate(&mut self, path: &Path) -> Answer {
        self.ask(path, Method::ALLOCATE, |writer| {
            writer.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        })
    }

    pub(super) fn permit(&mut self, path: &Path, peers: &[&str]) -> u16 {
        let peers: Vec<SocketAddr> = peers.iter().map(|peer| peer.parse().unwrap()).collect();
        self.permit_all(path, &peers)
    }

    pub(super) fn permit_all(&mut self, path: &Path, peers: &[SocketAddr]) -> u16 {
        let fill = |writer: &mut Writer<'_>| {
            for peer in peers {
                writer.put_address(attribute::XOR_PEER_ADDRESS, *peer);
            }
        };
        self.ask(path, Method::CREATE_PERMISSION, fill).code
    }

    pub(super) fn bind(&mut self, path: &Path, channel: u16, peer: SocketAddr) -> u16 {
        let fill = |writer: &mut Writer<'_>| {
            writer.put_number(attribute::CHANNEL_NUMBER, u32::from(channel) << 16);
            writer.put_address(attribute::XOR_PEER_ADDRESS, peer);
        };
        self.ask(path, Method::CHANNEL_BIND, fill).code
    }

    pub(super) fn refresh(&mut self, path: &Path, lifetime_s: u32) -> Answer {
        self.ask(path, Method::REFRESH, |writer| {
            writer.put_number(attribute::LIFETIME, lifetime_s);
        })
    }

    /// A Send indication.
    pub(super) fn send(&mut self, path: &Path, peer: SocketAddr, data: &[u8]) -> PacketOutcome {
        let mut out = Vec::new();
        let id = self.transaction();
        let mut writer = Writer::new(&mut out, Method::SEND, Class::Indication, id);
        writer.put_address(attribute::XOR_PEER_ADDRESS, peer).put(attribute::DATA, data);
        self.raw(path, &out).0
    }

    /// A datagram of a peer; what the client gets.
    pub(super) fn peer_says(&mut self, relay: RelayKey, peer: &str, data: &[u8]) -> Option<Vec<u8>> {
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
