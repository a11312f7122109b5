//! The state machine: two threads of a relay, ten clients and their peers. A model (`book`) knows independently what each
//! client has, and every outcome is compared with what it says.

mod book;
mod build;
mod world;

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use self::book::{Book, assert_may_be_sent};
use self::build::{Memory, PacketBuilder};
use self::world::{THREADS, ThreadPorts, USERS, World, client, thread_of};
use super::script::Script;
use crate::limits::{
    AMPLIFICATION_MAX, HEADROOM_BYTES, LIFETIME_MAX_S, TAILROOM_BYTES, UNAUTHENTICATED_BURST, UNAUTHENTICATED_PER_S,
    UNREACHABLE_BURST,
};
use crate::server::{Icmp, PacketOutcome, Path, RelayKey};
use crate::shared::Refusal;
use crate::stun::integrity::Integrity;
use crate::stun::{Class, Message, Method, attribute, channel_data};

/// Steps of one script. More find nothing that fewer do not, later.
const STEPS_MAX: usize = 300;

/// What a script led to, so that a test can tell that a collection of them leads everywhere.
#[derive(Debug, Default)]
pub struct Reached {
    /// Codes of error answers; 0 for a yes.
    pub codes: BTreeSet<u16>,
    /// Datagrams from clients to peers.
    pub to_peers: u64,
    /// … and from peers to clients.
    pub to_clients: u64,
    /// … and from one client to another, through both their sockets.
    pub between_clients: u64,
    /// Clients that were told of a peer that cannot be reached.
    pub unreachable: u64,
}

/// Does what a script says.
///
/// # Panics
/// If something does not hold that has to.
pub fn packets(bytes: &[u8]) -> Reached {
    let mut script = Script::new(bytes);
    let mut play = Play::new(script.byte());
    for _ in 0..STEPS_MAX {
        if script.is_over() {
            break;
        }
        play.step(&mut script);
        play.world.assert_sound();
        for path in play.book.held.keys() {
            assert!(play.world.threads[thread_of(path)].has_allocation(path));
        }
    }
    play.end();
    play.reached
}

struct Play {
    world: World,
    book: Book,
    memories: HashMap<Path, Memory>,
    token: Vec<u8>,
    /// Answers to the unauthenticated, by source, since the time after it.
    answered: HashMap<IpAddr, (u64, u64)>,
    reached: Reached,
}

impl Play {
    fn new(kind: u8) -> Self {
        Self {
            world: World::new(kind),
            book: Book::default(),
            memories: HashMap::new(),
            token: Vec::new(),
            answered: HashMap::new(),
            reached: Reached::default(),
        }
    }

    fn step(&mut self, script: &mut Script<'_>) {
        match script.byte() % 32 {
            0..10 => self.compose(script, build::request),
            10..13 => self.compose(script, build::send),
            13..16 => self.compose(script, |script, _| build::channel_data(script)),
            16 => self.compose(script, |script, _| build::headed(script)),
            17 => self.compose(script, |script, _| {
                let length = usize::from(script.byte());
                script.take(length).to_vec()
            }),
            18 => {
                // The same once more: lost answers make clients do that.
                let path = client(script);
                let packet = self.memory(&path).last.clone();
                for _ in 0..script.pick(&[1, 1, 1, 100]) {
                    self.give(&path, &packet);
                }
            }
            19..22 => self.peer(script),
            22 => self.unreachable(script),
            23..26 => self.time(script),
            26 => self.close(script),
            27 => self.world.ports.failing = script.byte() % 4,
            28 => self.disconnect(script),
            29 => {
                let kind = script.byte();
                self.world.locate(kind);
            }
            30 => self.rules(script),
            _ => self.book.assert_shown(&self.world),
        }
    }

    fn memory(&mut self, path: &Path) -> &mut Memory {
        self.memories.entry(*path).or_default()
    }

    fn compose(&mut self, script: &mut Script<'_>, make: impl FnOnce(&mut Script<'_>, &PacketBuilder<'_>) -> Vec<u8>) {
        let path = client(script);
        if self.memory(&path).nonce.is_empty() {
            // Clients begin by asking without credentials.
            let mut hello = Vec::new();
            crate::stun::Writer::new(&mut hello, Method::ALLOCATE, Class::Request, [0; 12])
                .put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
            self.give(&path, &hello);
        }
        let memory = self.memory(&path).clone();
        let builder = PacketBuilder {
            auth: &self.world.auth,
            ports: &self.world.ports,
            memory: &memory,
            token: &self.token,
            stolen: self.book.nonce_elsewhere(path.client.ip()),
        };
        let packet = make(script, &builder);
        self.memory(&path).last.clone_from(&packet);
        self.give(&path, &packet);
    }

    /// Gives a packet to the relay and compares what it does with what the model says.
    fn give(&mut self, path: &Path, packet: &[u8]) {
        let thread = thread_of(path);
        let before = self.world.digest();
        let bandwidth = self.world.counters.refused(Refusal::Bandwidth);
        let mut reply = Vec::new();
        let outcome = {
            let world = &mut self.world;
            let mut sockets = ThreadPorts { ports: &mut world.ports, thread };
            world.threads[thread].client_sent(world.now_ms, path, packet, &mut sockets, &mut reply)
        };
        let late = self.world.counters.refused(Refusal::Bandwidth) != bandwidth;
        let expected = self.data(path, packet);
        match outcome {
            PacketOutcome::Reply => return self.answered(path, packet, &reply, &before),
            PacketOutcome::Nothing => assert!(expected.is_none() || late, "data that may pass does"),
            PacketOutcome::ToPeer { relay, peer, payload, dont_fragment } => {
                let (number, to, range, whole) = expected.expect("no data passes that may not");
                assert_eq!((relay, peer, payload.clone(), dont_fragment), (number, to, range, whole));
                assert_may_be_sent(&self.world, peer);
                self.reached.to_peers += 1;
                self.arrive(thread, relay, peer, &packet[payload]);
            }
        }
        assert_eq!(before, self.world.digest(), "only a request changes what is kept");
    }

    /// What happens to a client's data, by the model: through which socket, to whom, which part, and in one piece or not.
    fn data(&self, path: &Path, packet: &[u8]) -> Option<(RelayKey, SocketAddr, Range<usize>, bool)> {
        let first = *packet.first()?;
        if (0x40..0x80).contains(&first) {
            let header: [u8; 4] = packet.get(..4)?.try_into().ok()?;
            let [number, length] = [[header[0], header[1]], [header[2], header[3]]].map(u16::from_be_bytes);
            let range = 4..4 + usize::from(length);
            packet.get(range.clone())?;
            let peer = self.book.channel(self.world.now_ms, path, number)?;
            let (relay, to) = self.book.route(&self.world, path, peer)?;
            return Some((relay, to, range, false));
        }
        let message = Message::parse(packet).ok()?;
        (message.method() == Method::SEND && message.class() == Class::Indication).then_some(())?;
        let foreign = |kind: u16| kind < 0x8000 && !attribute::is_known(kind);
        message.attributes().all(|found| !foreign(found.kind)).then_some(())?;
        let peer = message.addresses(attribute::XOR_PEER_ADDRESS).next()??;
        let data = message.get(attribute::DATA)?;
        let (relay, to) = self.book.route(&self.world, path, peer)?;
        let range = data.at + 4..data.at + 4 + data.value.len();
        Some((relay, to, range, message.get(attribute::DONT_FRAGMENT).is_some()))
    }

    /// Looks at an answer.
    fn answered(&mut self, path: &Path, packet: &[u8], reply: &[u8], before: &([u64; THREADS], [usize; 2])) {
        let asked = Message::parse(packet).expect("only what is sound is answered");
        let told = Message::parse(reply).expect("answers are sound");
        assert_eq!(
            (asked.class(), told.method(), told.transaction()),
            (Class::Request, asked.method(), asked.transaction())
        );
        assert_eq!(asked.has_fingerprint(), told.has_fingerprint());
        let maker = self.book.maker(&self.world, path, &asked).filter(|_| asked.method() != Method::BINDING);
        let code = told.error_code().unwrap_or(0);
        self.reached.codes.insert(code);
        assert_eq!(told.class(), if code == 0 { Class::Success } else { Class::Error });
        self.book.note_nonce(self.world.now_ms, path, &told);
        let memory = self.memories.entry(*path).or_default();
        if let Some(nonce) = told.get(attribute::NONCE) {
            memory.nonce = nonce.value.to_vec();
        }
        if let Some(token) = told.get(attribute::RESERVATION_TOKEN) {
            self.token = token.value.to_vec();
        }
        let after = self.world.digest();
        let Some(maker) = maker.filter(|_| Integrity::of(&told).is_some()) else {
            assert!(Integrity::of(&told).is_none(), "an answer is signed only for who knows the password");
            assert!(reply.len() <= AMPLIFICATION_MAX * packet.len(), "{} bytes for {}", reply.len(), packet.len());
            assert_eq!(*before, after, "nothing is kept for strangers");
            assert!(code != 0 || asked.method() == Method::BINDING, "a stranger is told yes");
            return self.count_answer(path);
        };
        assert!(maker.key.verifies(&told, maker.integrity), "an answer has the asker's signature");
        if code == 0 {
            self.book.note_success(&self.world, path, &maker, &asked, &told);
        } else {
            assert_eq!(before.0, after.0, "who is told no ({code}) has what they had");
        }
    }

    /// Strangers get answers at a limited rate. Twice that, as a source has two cells in the table that counts.
    fn count_answer(&mut self, path: &Path) {
        if self.book.held.contains_key(path) {
            return;
        }
        let now_ms = self.world.now_ms;
        let (since_ms, count) = self.answered.entry(path.client.ip()).or_insert((now_ms, 0));
        *count += 1;
        let due = u64::from(UNAUTHENTICATED_BURST) + (now_ms - *since_ms) * u64::from(UNAUTHENTICATED_PER_S) / 1_000;
        assert!(*count <= 2 * (due + 1), "{count} answers to a stranger");
    }

    /// A datagram has left for `to`; perhaps that is another client's.
    fn arrive(&mut self, thread: usize, relay: RelayKey, to: SocketAddr, payload: &[u8]) {
        let from = self.world.ports.open[&(thread, relay)].local;
        let there = self.world.ports.open.iter().find(|(_, opened)| opened.local == to).map(|(at, _)| *at);
        if let Some(at) = there {
            self.reached.between_clients += u64::from(self.deliver(at, from, payload));
        }
    }

    /// A relay socket, open or not.
    fn socket(&self, script: &mut Script<'_>) -> (usize, RelayKey) {
        let open: Vec<_> = self.world.ports.open.keys().copied().collect();
        match script.byte() {
            known @ 0..240 if !open.is_empty() => open[usize::from(known) % open.len()],
            any => (usize::from(any) % THREADS, RelayKey(u32::from(script.byte()))),
        }
    }

    fn peer(&mut self, script: &mut Script<'_>) {
        let at = self.socket(script);
        let (from, length) = (build::peer(script, &self.world.ports), script.length());
        self.deliver(at, from, &vec![0xEE; length]);
    }

    /// Somebody claims that a datagram did not arrive, perhaps often.
    fn unreachable(&mut self, script: &mut Script<'_>) {
        let (at, peer) = (self.socket(script), build::peer(script, &self.world.ports));
        let icmp = Icmp { kind: script.pick(&[1, 2, 3, 11, 255]), code: script.byte(), mtu: u32::from(script.word()) };
        let (before, expected, mut reply) = (self.world.digest(), self.book.owner(&self.world, at, peer), Vec::new());
        for count in 0..script.pick(&[1, 1, 20]) {
            let server = &mut self.world.threads[at.0];
            let Some(path) = server.peer_unreachable(self.world.now_ms, at.1, peer, icmp, &mut reply) else { break };
            assert!(count < UNREACHABLE_BURST, "a client is told a few times");
            let (owner, known_as) = expected.expect("only who may talk to a peer hears of it");
            assert_eq!(owner, path);
            let message = Message::parse(&reply).expect("an indication is sound");
            assert_eq!((message.method(), message.class()), (Method::DATA, Class::Indication));
            assert!(message.addresses(attribute::XOR_PEER_ADDRESS).eq([Some(known_as)]));
            assert!(message.get(attribute::ICMP).is_some_and(|found| found.value.len() == 8));
            self.reached.unreachable += 1;
        }
        assert_eq!(before, self.world.digest(), "a claim changes nothing");
    }

    /// A datagram arrives at a relay socket. Returns whether a client gets it.
    fn deliver(&mut self, at: (usize, RelayKey), from: SocketAddr, payload: &[u8]) -> bool {
        let bandwidth = self.world.counters.refused(Refusal::Bandwidth);
        let mut buffer = vec![0xAA; HEADROOM_BYTES + payload.len() + TAILROOM_BYTES];
        let place = HEADROOM_BYTES..HEADROOM_BYTES + payload.len();
        buffer[place.clone()].copy_from_slice(payload);
        let got = self.world.threads[at.0].peer_sent(self.world.now_ms, at.1, from, &mut buffer, place);
        let late = self.world.counters.refused(Refusal::Bandwidth) != bandwidth;
        let expected = self.book.recipient(&self.world, at, from);
        let Some((path, range)) = got else {
            assert!(expected.is_none() || late, "data that may pass does");
            return false;
        };
        let (to, channel, from) = expected.expect("no data passes that may not");
        assert_eq!((to, thread_of(&to)), (path, at.0));
        let packet = &buffer[range];
        let Some(number) = channel else {
            let message = Message::parse(packet).expect("a Data indication is sound");
            assert_eq!((message.method(), message.class()), (Method::DATA, Class::Indication));
            assert!(message.addresses(attribute::XOR_PEER_ADDRESS).eq([Some(from)]));
            assert_eq!(message.get(attribute::DATA).map(|found| found.value), Some(payload));
            self.reached.to_clients += 1;
            return true;
        };
        let (said, inside) = channel_data::read(packet).expect("ChannelData is sound");
        assert_eq!((said, &packet[inside.clone()]), (number, payload));
        let padded = if path.transport.is_stream() { inside.end.next_multiple_of(4) } else { inside.end };
        assert_eq!(packet.len(), padded);
        self.reached.to_clients += 1;
        true
    }

    fn time(&mut self, script: &mut Script<'_>) {
        let ms = match script.byte() % 16 {
            0..3 => 1,
            3..5 => 1_000,
            5 => 29_999,
            6 => 30_001,
            7 => 60_000,
            8 => 299_999,
            9 => 300_000,
            10 => 599_999,
            11 => 600_000,
            12 => 3_600_000,
            _ => u64::from(script.word()),
        };
        self.world.pass(ms);
        // A packet may be read before the thread looks at the clock's consequences.
        if script.byte() >= 224 {
            self.compose(script, build::request);
        }
        self.expire();
    }

    fn expire(&mut self) {
        let world = &mut self.world;
        for thread in 0..THREADS {
            let mut sockets = ThreadPorts { ports: &mut world.ports, thread };
            world.threads[thread].expire(world.now_ms, &mut sockets);
            assert!(world.threads[thread].next_timeout_ms().is_none_or(|next| next > world.now_ms));
        }
        world.ports.expire(world.now_ms);
        self.book.expire(world.now_ms);
    }

    /// A stream ends.
    fn close(&mut self, script: &mut Script<'_>) {
        let path = client(script);
        if path.transport.is_stream() {
            let thread = thread_of(&path);
            let mut sockets = ThreadPorts { ports: &mut self.world.ports, thread };
            self.world.threads[thread].closed(&path, &mut sockets);
            self.book.held.remove(&path);
            assert!(!self.world.threads[thread].has_allocation(&path));
        }
    }

    fn disconnect(&mut self, script: &mut Script<'_>) {
        let user = script.pick(&USERS);
        for thread in 0..THREADS {
            let mut sockets = ThreadPorts { ports: &mut self.world.ports, thread };
            let ended = self.world.threads[thread].disconnect(|_, name| name == user, &mut sockets);
            assert_eq!(ended, self.book.forget_user(thread, user));
        }
    }

    /// Who may use the relay changes.
    fn rules(&mut self, script: &mut Script<'_>) {
        let auth = &self.world.auth;
        match script.byte() {
            mask @ 0..128 => auth.revoked.store(mask & mask >> 3, Ordering::Relaxed),
            number => {
                let mut secrets = auth.secrets.lock();
                secrets.insert(0, Arc::from([number].as_slice()));
                secrets.truncate(2);
            }
        }
    }

    /// Everybody leaves, and nothing remains.
    fn end(&mut self) {
        self.book.assert_shown(&self.world);
        self.world.pass(u64::from(LIFETIME_MAX_S) * 1_000);
        self.expire();
        self.world.assert_sound();
        assert!(self.world.is_closed() && self.book.held.is_empty());
        assert!(self.world.threads.iter().all(|server| server.next_timeout_ms().is_none()));
    }
}
