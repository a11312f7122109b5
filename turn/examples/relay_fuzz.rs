//! Throws damaged packets at the relay's state machine, for as long as one likes, and checks what must always hold. Each round
//! is made from its number, so that a failure can be repeated.
//!
//! `cargo run --release -p hearth-turn --example relay_fuzz -- [seconds] [first round]`

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a testing program for developers")]

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hearth_turn::credentials::{Authority, mint};
use hearth_turn::server::{Opened, Outcome, Path, Port, RelayKey, Server, Sockets, Transport};
use hearth_turn::shared::whereabouts::Family;
use hearth_turn::shared::{Counters, RelayAddress, Shared, Whereabouts};
use hearth_turn::stun::integrity::Integrity;
use hearth_turn::stun::{Algorithm, Class, Key, Message, Method, Writer, attribute, channel_data};
use hearth_turn::{Quotas, Settings, peers};

/// Numbers that repeat (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    fn bytes(&mut self, max: usize) -> Vec<u8> {
        (0..self.below(max + 1)).map(|_| self.next() as u8).collect()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

struct House;

impl Authority for House {
    fn now_unix_s(&self) -> u64 {
        1_000
    }

    fn secrets(&self) -> Vec<Arc<[u8]>> {
        vec![Arc::from(&b"north"[..])]
    }

    fn is_revoked(&self, user: &str) -> bool {
        user == "revoked"
    }
}

/// Counts sockets; refuses some.
struct Ports {
    open: Vec<RelayKey>,
    next: u16,
}

impl Sockets for Ports {
    fn open(&mut self, key: RelayKey, family: Family, _port: Port, _owner: &str, _now_ms: u64) -> Option<Opened> {
        self.next = self.next.wrapping_add(1).max(50_000);
        if self.next.is_multiple_of(17) {
            return None;
        }
        self.open.push(key);
        let ip: IpAddr = if family == Family::V4 { [9, 9, 9, 1].into() } else { "2600::1".parse().unwrap() };
        let at = SocketAddr::new(ip, self.next);
        Some(Opened { local: at, public: at })
    }

    fn close(&mut self, key: RelayKey) {
        let index = self.open.iter().position(|open| *open == key).expect("only open sockets are closed");
        self.open.swap_remove(index);
    }
}

const PEERS: [&str; 10] = [
    "8.8.8.8:53",
    "8.8.4.4:1",
    "10.0.0.1:53",
    "127.0.0.1:80",
    "169.254.169.254:80",
    "9.9.9.1:50001",
    "[2600::9]:7",
    "[::1]:7",
    "[::ffff:10.0.0.1]:7",
    "0.0.0.0:0",
];

struct World {
    dice: Dice,
    server: Server,
    ports: Ports,
    counters: Arc<Counters>,
    now_ms: u64,
    nonce: Vec<u8>,
}

fn world(round: u64) -> World {
    let dice = Dice(round);
    let settings = Settings {
        quotas: Quotas {
            allocations_per_user: 3,
            allocations: 6,
            permissions_per_allocation: 4,
            channels_per_allocation: 3,
            bytes_per_s_per_user: 50_000,
        },
        ..Settings::new()
    };
    let entropy: hearth_turn::settings::Entropy = Arc::new(move |bytes| bytes.fill(round as u8));
    let shared = Arc::new(Shared::new(&settings, Arc::new(House), &entropy));
    let at = |ip: &str| ip.parse().ok().map(|ip| RelayAddress { local: ip, public: ip });
    let own = vec!["9.9.9.1".parse().unwrap(), "2600::1".parse().unwrap()];
    shared.locate(Whereabouts { v4: at("9.9.9.1"), v6: at("2600::1"), own });
    let counters = Arc::new(Counters::default());
    let server = Server::new(shared, Arc::clone(&counters), 0, entropy);
    World {
        dice,
        server,
        counters,
        ports: Ports { open: Vec::new(), next: 50_000 },
        now_ms: 1_000_000,
        nonce: b"none".to_vec(),
    }
}

impl World {
    fn path(&mut self) -> Path {
        let port = self.dice.pick(&[1, 1, 1, 2, 3, 5]);
        let client = SocketAddr::from(([192, 0, 2, 1], port));
        let transport = if port == 5 { Transport::Tcp } else { Transport::Udp };
        Path { transport, client, local: SocketAddr::from(([9, 9, 9, 1], 3_478)), link: u32::from(port) }
    }

    fn attribute(&mut self, writer: &mut Writer<'_>) {
        let peer: SocketAddr = self.dice.pick(&PEERS).parse().unwrap();
        match self.dice.below(12) {
            0 | 1 => _ = writer.put_address(attribute::XOR_PEER_ADDRESS, peer),
            2 => _ = writer.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]),
            3 => _ = writer.put_number(attribute::LIFETIME, self.dice.pick(&[0, 1, 600, 3_600, u32::MAX])),
            4 => _ = writer.put_number(attribute::CHANNEL_NUMBER, (0x4000 + self.dice.below(4) as u32) << 16),
            5 => _ = writer.put(attribute::REQUESTED_ADDRESS_FAMILY, &[self.dice.below(4) as u8, 0, 0, 0]),
            6 => _ = writer.put(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]),
            7 => _ = writer.put(attribute::EVEN_PORT, &[self.dice.pick(&[0, 0x80])]),
            8 => _ = writer.put(attribute::RESERVATION_TOKEN, &[self.dice.next() as u8; 8]),
            9 => _ = writer.put(attribute::DATA, &self.dice.bytes(64)),
            10 => _ = writer.put(attribute::DONT_FRAGMENT, &[]),
            _ => {
                let kind =
                    self.dice.pick(&[0x0006, 0x0008, 0x0014, 0x0015, 0x001C, 0x001D, 0x8002, 0x8028, 0x7FFF, 0xFFFF]);
                let value = self.dice.bytes(40);
                writer.put(kind, &value);
            }
        }
    }

    /// What a request of this kind needs.
    fn usual(&mut self, method: Method, writer: &mut Writer<'_>) {
        if method == Method::ALLOCATE {
            writer.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        }
        if method == Method::CHANNEL_BIND {
            writer.put_number(attribute::CHANNEL_NUMBER, (0x4000 + self.dice.below(4) as u32) << 16);
        }
        if [Method::CHANNEL_BIND, Method::CREATE_PERMISSION, Method::SEND].contains(&method) {
            writer.put_address(attribute::XOR_PEER_ADDRESS, self.dice.pick(&PEERS).parse().unwrap());
        }
        if method == Method::SEND {
            writer.put(attribute::DATA, &self.dice.bytes(64));
        }
    }

    /// A request that may be good.
    fn request(&mut self) -> Vec<u8> {
        let methods = [
            Method::BINDING,
            Method::ALLOCATE,
            Method::REFRESH,
            Method::CREATE_PERMISSION,
            Method::CHANNEL_BIND,
            Method::SEND,
        ];
        let method = self.dice.pick(&methods);
        let class = if method == Method::SEND { Class::Indication } else { Class::Request };
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, method, class, [self.dice.next() as u8; 12]);
        self.usual(method, &mut writer);
        for _ in 0..self.dice.pick(&[0, 0, 0, 0, 1, 2, 4]) {
            self.attribute(&mut writer);
        }
        if class == Class::Request && !self.dice.one_in(8) {
            let user = self.dice.pick(&["alice", "alice", "alice", "alice", "alice", "alice", "bob", "revoked"]);
            let minted = mint(b"north", user, 5_000);
            let features = self.nonce.starts_with(b"obMatJos2") && self.dice.one_in(2);
            let (algorithm, integrity) =
                if features { (Algorithm::Sha256, Integrity::Sha256) } else { (Algorithm::Md5, Integrity::Sha1) };
            writer.put(attribute::USERNAME, minted.username.as_bytes()).put(attribute::REALM, b"hearth");
            writer.put(attribute::NONCE, &self.nonce);
            if features {
                writer
                    .put(attribute::PASSWORD_ALGORITHMS, &[0, 2, 0, 0, 0, 1, 0, 0])
                    .put(attribute::PASSWORD_ALGORITHM, &[0, 2, 0, 0]);
            }
            writer.put_integrity(integrity, &Key::long_term(algorithm, &minted.username, "hearth", &minted.password));
        }
        if self.dice.one_in(3) {
            writer.put_fingerprint();
        }
        out
    }

    fn packet(&mut self) -> Vec<u8> {
        let mut packet = match self.dice.below(8) {
            0 => self.dice.bytes(80),
            1 => {
                let data = self.dice.bytes(50);
                [&channel_data::header(0x4000 + self.dice.below(4) as u16, data.len() as u16)[..], &data].concat()
            }
            _ => self.request(),
        };
        if self.dice.one_in(4) && !packet.is_empty() {
            for _ in 0..1 + self.dice.below(3) {
                let at = self.dice.below(packet.len());
                packet[at] = self.dice.next() as u8;
            }
            if self.dice.one_in(3) {
                packet.truncate(self.dice.below(packet.len() + 1));
            }
        }
        packet
    }

    fn step(&mut self) {
        self.now_ms += match self.dice.below(40) {
            0 => 400_000,
            1 | 2 => 60_000,
            3..10 => 1_000,
            _ => 1,
        };
        self.server.expire(self.now_ms, &mut self.ports);
        let path = self.path();
        if self.dice.one_in(6) {
            return self.peer();
        }
        if self.dice.one_in(200) {
            self.server.closed(&path, &mut self.ports);
        }
        let (packet, mut reply) = (self.packet(), Vec::new());
        match self.server.client_sent(self.now_ms, &path, &packet, &mut self.ports, &mut reply) {
            Outcome::Nothing => {}
            Outcome::ToPeer { relay, peer, payload, .. } => {
                assert!(payload.end <= packet.len() && self.ports.open.contains(&relay));
                let ours = peer.ip().to_string() == "9.9.9.1" || peer.ip().to_string() == "2600::1";
                assert!(peer.port() != 0 && (ours || peers::is_public(peer.ip())), "sent to {peer}");
                assert!(!ours || peer.port() >= 50_000, "sent to {peer}");
            }
            Outcome::Reply => {
                let answer = Message::parse(&reply).expect("answers are sound");
                let signed = Integrity::of(&answer).is_some();
                assert!(signed || reply.len() <= 3 * packet.len(), "{} bytes for {}", reply.len(), packet.len());
                if let Some(nonce) = answer.get(attribute::NONCE) {
                    self.nonce = nonce.value.to_vec();
                }
            }
        }
        assert!(self.ports.open.len() <= 12, "more sockets than the quota has");
    }

    fn peer(&mut self) {
        let data = self.dice.bytes(60);
        let mut buffer = vec![0; 64 + data.len() + 4];
        let relay = RelayKey(self.dice.below(14) as u32);
        let peer = self.dice.pick(&PEERS).parse().unwrap();
        if let Some((_, range)) = self.server.peer_sent(self.now_ms, relay, peer, &mut buffer, 64..64 + data.len()) {
            let packet = &buffer[range];
            assert!(channel_data::is_channel_data(packet[0]) || Message::parse(packet).is_ok());
        }
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let time = Duration::from_secs(arguments.next().map_or(10, |text| text.parse().unwrap()));
    let first: u64 = arguments.next().map_or(0, |text| text.parse().unwrap());
    let (start, mut round) = (Instant::now(), first);
    let mut seen = [0; 4];
    while start.elapsed() < time {
        let result = std::panic::catch_unwind(|| {
            let mut world = world(round);
            for _ in 0..500 {
                world.step();
            }
            let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
            let counters = &world.counters;
            [&counters.allocations, &counters.challenges, &counters.packets_to_peers, &counters.packets_to_clients]
                .map(read)
        });
        let Ok(counts) = result else {
            println!("round {round} failed; repeat it with: relay_fuzz 1 {round}");
            std::process::abort();
        };
        seen.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        round += 1;
    }
    let [allocations, challenges, to_peers, to_clients] = seen;
    println!("{} rounds of 500 packets, none failed", round - first);
    println!(
        "{allocations} allocations, {challenges} challenges, {to_peers} packets to peers, {to_clients} to clients"
    );
}
