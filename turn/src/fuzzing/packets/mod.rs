//! Fuzz target for the state machine: two relay threads, ten clients and their peers. A model tracks
//! independently what each client must have, and every outcome is compared with it.

mod build;
mod harness;
mod model;

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use self::build::{ClientMemory, PacketBuilder};
use self::harness::{Harness, THREADS, ThreadPorts, USERS, client, thread_of};
use self::model::{Model, assert_may_be_sent};
use super::script::Script;
use crate::limits::{
    AMPLIFICATION_MAX, HEADROOM_BYTES, LIFETIME_MAX_S, TAILROOM_BYTES, UNAUTHENTICATED_BURST, UNAUTHENTICATED_PER_S,
    UNREACHABLE_BURST,
};
use crate::server::{FiveTuple, Icmp, PacketOutcome, RelayKey};
use crate::shared::Refusal;
use crate::stun::integrity::Integrity;
use crate::stun::{Class, Message, Method, attribute, channel_data};

/// Steps of one script. Longer scripts find nothing that shorter ones do not.
const STEPS_MAX: usize = 300;

/// What a script reached. A test uses it to check that the corpus covers every outcome.
#[derive(Debug, Default)]
pub struct PacketCoverage {
    /// Codes of error responses; 0 for success.
    pub codes: BTreeSet<u16>,
    /// Datagrams from clients to peers.
    pub to_peers: u64,
    /// Datagrams from peers to clients.
    pub to_clients: u64,
    /// Datagrams between two clients, through both relay sockets.
    pub between_clients: u64,
    /// ICMP errors reported to clients.
    pub unreachable: u64,
}

/// Runs a script.
///
/// # Panics
/// If the relay and the model disagree, or an invariant does not hold.
pub fn packets(bytes: &[u8]) -> PacketCoverage {
    let mut script = Script::new(bytes);
    let mut run = FuzzRun::new(script.byte());
    for _ in 0..STEPS_MAX {
        if script.is_over() {
            break;
        }
        run.step(&mut script);
        run.harness.assert_invariants();
        for five_tuple in run.model.held.keys() {
            assert!(run.harness.threads[thread_of(five_tuple)].has_allocation(five_tuple));
        }
    }
    run.end();
    run.coverage
}

struct FuzzRun {
    harness: Harness,
    model: Model,
    memories: HashMap<FiveTuple, ClientMemory>,
    token: Vec<u8>,
    /// Unauthenticated responses by source: since when, and how many.
    answered: HashMap<IpAddr, (u64, u64)>,
    coverage: PacketCoverage,
}

impl FuzzRun {
    fn new(kind: u8) -> Self {
        Self {
            harness: Harness::new(kind),
            model: Model::default(),
            memories: HashMap::new(),
            token: Vec::new(),
            answered: HashMap::new(),
            coverage: PacketCoverage::default(),
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
                // A retransmission, as after a lost response.
                let five_tuple = client(script);
                let packet = self.memory(&five_tuple).last.clone();
                for _ in 0..script.pick(&[1, 1, 1, 100]) {
                    self.give(&five_tuple, &packet);
                }
            }
            19..22 => self.peer(script),
            22 => self.unreachable(script),
            23..26 => self.time(script),
            26 => self.close(script),
            27 => self.harness.ports.failing = script.byte() % 4,
            28 => self.disconnect(script),
            29 => {
                let kind = script.byte();
                self.harness.set_external_address(kind);
            }
            30 => self.rules(script),
            _ => self.model.assert_shown(&self.harness),
        }
    }

    fn memory(&mut self, five_tuple: &FiveTuple) -> &mut ClientMemory {
        self.memories.entry(*five_tuple).or_default()
    }

    fn compose(&mut self, script: &mut Script<'_>, make: impl FnOnce(&mut Script<'_>, &PacketBuilder<'_>) -> Vec<u8>) {
        let five_tuple = client(script);
        if self.memory(&five_tuple).nonce.is_empty() {
            // Clients start without credentials.
            let mut hello = Vec::new();
            crate::stun::Writer::new(&mut hello, Method::ALLOCATE, Class::Request, [0; 12])
                .put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
            self.give(&five_tuple, &hello);
        }
        let memory = self.memory(&five_tuple).clone();
        let builder = PacketBuilder {
            auth: &self.harness.auth,
            ports: &self.harness.ports,
            memory: &memory,
            token: &self.token,
            stolen: self.model.nonce_elsewhere(five_tuple.client.ip()),
        };
        let packet = make(script, &builder);
        self.memory(&five_tuple).last.clone_from(&packet);
        self.give(&five_tuple, &packet);
    }

    /// Passes a packet to the relay and compares the outcome with the model.
    fn give(&mut self, five_tuple: &FiveTuple, packet: &[u8]) {
        let thread = thread_of(five_tuple);
        let before = self.harness.digest();
        let bandwidth = self.harness.counters.refused(Refusal::Bandwidth);
        let mut reply = Vec::new();
        let outcome = {
            let harness = &mut self.harness;
            let mut sockets = ThreadPorts { ports: &mut harness.ports, thread };
            harness.threads[thread].client_sent(harness.now_ms, five_tuple, packet, &mut sockets, &mut reply)
        };
        let late = self.harness.counters.refused(Refusal::Bandwidth) != bandwidth;
        let expected = self.data(five_tuple, packet);
        match outcome {
            PacketOutcome::Reply => return self.answered(five_tuple, packet, &reply, &before),
            PacketOutcome::Nothing => assert!(expected.is_none() || late, "permitted data is relayed"),
            PacketOutcome::ToPeer { relay, peer, payload, dont_fragment } => {
                let (number, to, range, whole) = expected.expect("only permitted data is relayed");
                assert_eq!((relay, peer, payload.clone(), dont_fragment), (number, to, range, whole));
                assert_may_be_sent(&self.harness, peer);
                self.coverage.to_peers += 1;
                self.arrive(thread, relay, peer, &packet[payload]);
            }
        }
        assert_eq!(before, self.harness.digest(), "only a request changes client state");
    }

    /// The outcome for a client's data according to the model: relay socket, destination, range of the payload,
    /// DF bit.
    fn data(&self, five_tuple: &FiveTuple, packet: &[u8]) -> Option<(RelayKey, SocketAddr, Range<usize>, bool)> {
        let first = *packet.first()?;
        if (0x40..0x80).contains(&first) {
            let header: [u8; 4] = packet.get(..4)?.try_into().ok()?;
            let [number, length] = [[header[0], header[1]], [header[2], header[3]]].map(u16::from_be_bytes);
            let range = 4..4 + usize::from(length);
            packet.get(range.clone())?;
            let peer = self.model.channel(self.harness.now_ms, five_tuple, number)?;
            let (relay, to) = self.model.route(&self.harness, five_tuple, peer)?;
            return Some((relay, to, range, false));
        }
        let message = Message::parse(packet).ok()?;
        (message.method() == Method::SEND && message.class() == Class::Indication).then_some(())?;
        let foreign = |kind: u16| kind < 0x8000 && !attribute::is_known(kind);
        message.attributes().all(|found| !foreign(found.kind)).then_some(())?;
        let peer = message.addresses(attribute::XOR_PEER_ADDRESS).next()??;
        let data = message.get(attribute::DATA)?;
        let (relay, to) = self.model.route(&self.harness, five_tuple, peer)?;
        let range = data.at + 4..data.at + 4 + data.value.len();
        Some((relay, to, range, message.get(attribute::DONT_FRAGMENT).is_some()))
    }

    /// Checks a response.
    fn answered(&mut self, five_tuple: &FiveTuple, packet: &[u8], reply: &[u8], before: &([u64; THREADS], [usize; 2])) {
        let asked = Message::parse(packet).expect("only valid messages get a response");
        let told = Message::parse(reply).expect("responses are valid");
        assert_eq!(
            (asked.class(), told.method(), told.transaction()),
            (Class::Request, asked.method(), asked.transaction())
        );
        assert_eq!(asked.has_fingerprint(), told.has_fingerprint());
        let sender = self.model.sender(&self.harness, five_tuple, &asked).filter(|_| asked.method() != Method::BINDING);
        let code = told.error_code().unwrap_or(0);
        self.coverage.codes.insert(code);
        assert_eq!(told.class(), if code == 0 { Class::Success } else { Class::Error });
        self.model.note_nonce(self.harness.now_ms, five_tuple, &told);
        let memory = self.memories.entry(*five_tuple).or_default();
        if let Some(nonce) = told.get(attribute::NONCE) {
            memory.nonce = nonce.value.to_vec();
        }
        if let Some(token) = told.get(attribute::RESERVATION_TOKEN) {
            self.token = token.value.to_vec();
        }
        let after = self.harness.digest();
        let Some(sender) = sender.filter(|_| Integrity::of(&told).is_some()) else {
            assert!(Integrity::of(&told).is_none(), "only responses to authenticated requests are signed");
            assert!(reply.len() <= AMPLIFICATION_MAX * packet.len(), "{} bytes for {}", reply.len(), packet.len());
            assert_eq!(*before, after, "an unauthenticated request changes no state");
            assert!(code != 0 || asked.method() == Method::BINDING, "an unauthenticated request succeeds");
            return self.count_answer(five_tuple);
        };
        assert!(sender.key.verifies(&told, sender.integrity), "the response is signed with the client's key");
        if code == 0 {
            self.model.note_success(&self.harness, five_tuple, &sender, &asked, &told);
        } else {
            assert_eq!(before.0, after.0, "an error ({code}) changes no client state");
        }
    }

    /// Checks the rate of unauthenticated responses. The bound is twice the limit, as a source has two cells in
    /// the table.
    fn count_answer(&mut self, five_tuple: &FiveTuple) {
        if self.model.held.contains_key(five_tuple) {
            return;
        }
        let now_ms = self.harness.now_ms;
        let (since_ms, count) = self.answered.entry(five_tuple.client.ip()).or_insert((now_ms, 0));
        *count += 1;
        let due = u64::from(UNAUTHENTICATED_BURST) + (now_ms - *since_ms) * u64::from(UNAUTHENTICATED_PER_S) / 1_000;
        assert!(*count <= 2 * (due + 1), "{count} unauthenticated responses to one source");
    }

    /// Delivers a datagram that left for `to`, if another client's relay socket is there.
    fn arrive(&mut self, thread: usize, relay: RelayKey, to: SocketAddr, payload: &[u8]) {
        let from = self.harness.ports.open[&(thread, relay)].local;
        let there = self.harness.ports.open.iter().find(|(_, opened)| opened.local == to).map(|(at, _)| *at);
        if let Some(at) = there {
            self.coverage.between_clients += u64::from(self.deliver(at, from, payload));
        }
    }

    /// A relay socket, open or not.
    fn socket(&self, script: &mut Script<'_>) -> (usize, RelayKey) {
        let open: Vec<_> = self.harness.ports.open.keys().copied().collect();
        match script.byte() {
            known @ 0..240 if !open.is_empty() => open[usize::from(known) % open.len()],
            any => (usize::from(any) % THREADS, RelayKey(u32::from(script.byte()))),
        }
    }

    fn peer(&mut self, script: &mut Script<'_>) {
        let at = self.socket(script);
        let (from, length) = (build::peer(script, &self.harness.ports), script.length());
        self.deliver(at, from, &vec![0xEE; length]);
    }

    /// Reports ICMP errors, which an attacker may also forge.
    fn unreachable(&mut self, script: &mut Script<'_>) {
        let (at, peer) = (self.socket(script), build::peer(script, &self.harness.ports));
        let icmp = Icmp { kind: script.pick(&[1, 2, 3, 11, 255]), code: script.byte(), mtu: u32::from(script.word()) };
        let (before, expected, mut reply) =
            (self.harness.digest(), self.model.owner(&self.harness, at, peer), Vec::new());
        for count in 0..script.pick(&[1, 1, 20]) {
            let server = &mut self.harness.threads[at.0];
            let Some(five_tuple) = server.peer_unreachable(self.harness.now_ms, at.1, peer, icmp, &mut reply) else {
                break;
            };
            assert!(count < UNREACHABLE_BURST, "ICMP error reports are rate limited");
            let (owner, known_as) = expected.expect("reports need a permission");
            assert_eq!(owner, five_tuple);
            let message = Message::parse(&reply).expect("an indication is valid");
            assert_eq!((message.method(), message.class()), (Method::DATA, Class::Indication));
            assert!(message.addresses(attribute::XOR_PEER_ADDRESS).eq([Some(known_as)]));
            assert!(message.get(attribute::ICMP).is_some_and(|found| found.value.len() == 8));
            self.coverage.unreachable += 1;
        }
        assert_eq!(before, self.harness.digest(), "an ICMP error changes no client state");
    }

    /// Delivers a datagram to a relay socket. Returns whether a client receives it.
    fn deliver(&mut self, at: (usize, RelayKey), from: SocketAddr, payload: &[u8]) -> bool {
        let bandwidth = self.harness.counters.refused(Refusal::Bandwidth);
        let mut buffer = vec![0xAA; HEADROOM_BYTES + payload.len() + TAILROOM_BYTES];
        let place = HEADROOM_BYTES..HEADROOM_BYTES + payload.len();
        buffer[place.clone()].copy_from_slice(payload);
        let got = self.harness.threads[at.0].peer_sent(self.harness.now_ms, at.1, from, &mut buffer, place);
        let late = self.harness.counters.refused(Refusal::Bandwidth) != bandwidth;
        let expected = self.model.recipient(&self.harness, at, from);
        let Some((five_tuple, range)) = got else {
            assert!(expected.is_none() || late, "permitted data is relayed");
            return false;
        };
        let (to, channel, from) = expected.expect("only permitted data is relayed");
        assert_eq!((to, thread_of(&to)), (five_tuple, at.0));
        let packet = &buffer[range];
        let Some(number) = channel else {
            let message = Message::parse(packet).expect("a Data indication is valid");
            assert_eq!((message.method(), message.class()), (Method::DATA, Class::Indication));
            assert!(message.addresses(attribute::XOR_PEER_ADDRESS).eq([Some(from)]));
            assert_eq!(message.get(attribute::DATA).map(|found| found.value), Some(payload));
            self.coverage.to_clients += 1;
            return true;
        };
        let (said, inside) = channel_data::read(packet).expect("ChannelData is valid");
        assert_eq!((said, &packet[inside.clone()]), (number, payload));
        let padded = if five_tuple.transport.is_stream() { inside.end.next_multiple_of(4) } else { inside.end };
        assert_eq!(packet.len(), padded);
        self.coverage.to_clients += 1;
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
        self.harness.pass(ms);
        // A thread may process a packet before it calls `expire`.
        if script.byte() >= 224 {
            self.compose(script, build::request);
        }
        self.expire();
    }

    fn expire(&mut self) {
        let harness = &mut self.harness;
        for thread in 0..THREADS {
            let mut sockets = ThreadPorts { ports: &mut harness.ports, thread };
            harness.threads[thread].expire(harness.now_ms, &mut sockets);
            assert!(harness.threads[thread].next_timeout_ms().is_none_or(|next| next > harness.now_ms));
        }
        harness.ports.expire(harness.now_ms);
        self.model.expire(harness.now_ms);
    }

    /// Closes a stream.
    fn close(&mut self, script: &mut Script<'_>) {
        let five_tuple = client(script);
        if five_tuple.transport.is_stream() {
            let thread = thread_of(&five_tuple);
            let mut sockets = ThreadPorts { ports: &mut self.harness.ports, thread };
            self.harness.threads[thread].stream_closed(&five_tuple, &mut sockets);
            self.model.held.remove(&five_tuple);
            assert!(!self.harness.threads[thread].has_allocation(&five_tuple));
        }
    }

    fn disconnect(&mut self, script: &mut Script<'_>) {
        let user = script.pick(&USERS);
        for thread in 0..THREADS {
            let mut sockets = ThreadPorts { ports: &mut self.harness.ports, thread };
            let ended = self.harness.threads[thread].disconnect(|_, name| name == user, &mut sockets);
            assert_eq!(ended, self.model.forget_user(thread, user));
        }
    }

    /// Changes the secrets or revokes users.
    fn rules(&mut self, script: &mut Script<'_>) {
        let auth = &self.harness.auth;
        match script.byte() {
            mask @ 0..128 => auth.revoked.store(mask & mask >> 3, Ordering::Relaxed),
            number => {
                let mut secrets = auth.secrets.lock();
                secrets.insert(0, Arc::from([number].as_slice()));
                secrets.truncate(2);
            }
        }
    }

    /// Lets everything expire and checks that nothing remains.
    fn end(&mut self) {
        self.model.assert_shown(&self.harness);
        self.harness.pass(u64::from(LIFETIME_MAX_S) * 1_000);
        self.expire();
        self.harness.assert_invariants();
        assert!(self.harness.is_closed() && self.model.held.is_empty());
        assert!(self.harness.threads.iter().all(|server| server.next_timeout_ms().is_none()));
    }
}
