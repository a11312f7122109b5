//! The harness of the packet target: two relay threads without sockets, their shared state, a clock and fake
//! ports.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use hearth_net::Cidr;
use parking_lot::Mutex;

use super::super::script::Script;
use crate::credentials::Authority;
use crate::limits::{RESERVATION_MS, RESERVATIONS_MAX};
use crate::peers::PeerRules;
use crate::server::{
    FiveTuple, PortRequest, RelayKey, RelaySockets, RelayedAddress, ReservationToken, Server, Transport,
};
use crate::settings::{Entropy, Settings};
use crate::shared::external_address::AddressFamily;
use crate::shared::{Counters, ExternalAddress, Quotas, RelayAddress, Shared};

/// Number of relay threads.
pub(super) const THREADS: usize = 2;
/// Users with credentials.
pub(super) const USERS: [&str; 3] = ["@alice:hearth", "@bob:hearth", "@carol:hearth"];
/// Start of the clocks: the relay's in milliseconds, the authority's in seconds.
const START_MS: u64 = 1_000_000;
const START_UNIX_S: u64 = 1_700_000_000;
/// A small range, so that ports are reused.
const PORTS: std::ops::Range<u16> = 50_000..50_048;

const LOCAL_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 7, 2));
const PUBLIC_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 41, 0, 4));
const V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2a01, 0x4f8, 0, 0, 0, 0, 0, 7));
/// An address of this machine without relay sockets.
pub(super) const OTHER_OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 41, 0, 5));
pub(super) const OWN: [IpAddr; 4] = [LOCAL_V4, PUBLIC_V4, V6, OTHER_OWN];

/// Credentials that the script can change.
#[derive(Default)]
pub(super) struct TestAuth {
    /// Seconds since the start of the script.
    pub(super) passed_s: AtomicU64,
    pub(super) secrets: Mutex<Vec<Arc<[u8]>>>,
    /// One bit for each of [`USERS`].
    pub(super) revoked: AtomicU8,
}

impl Authority for TestAuth {
    fn now_unix_s(&self) -> u64 {
        START_UNIX_S + self.passed_s.load(Ordering::Relaxed)
    }

    fn secrets(&self) -> Vec<Arc<[u8]>> {
        self.secrets.lock().clone()
    }

    fn is_revoked(&self, user: &str) -> bool {
        let bit = USERS.iter().position(|name| *name == user);
        bit.is_none_or(|bit| self.revoked.load(Ordering::Relaxed) >> bit & 1 == 1)
    }
}

/// The machine's ports, as the kernel and the reservations would hand them out.
pub(super) struct Ports {
    shared: Arc<Shared>,
    pub(super) open: BTreeMap<(usize, RelayKey), RelayedAddress>,
    kept: HashMap<ReservationToken, (String, SocketAddr, u64)>,
    next: u16,
    /// How many of the next sockets fail to open.
    pub(super) failing: u8,
}

impl Ports {
    fn is_free(&self, at: SocketAddr) -> bool {
        PORTS.contains(&at.port())
            && self.open.values().all(|opened| opened.local != at)
            && self.kept.values().all(|(_, kept, _)| *kept != at)
    }

    fn free(&mut self, ip: IpAddr, wish: PortRequest) -> Option<SocketAddr> {
        let count = PORTS.end - PORTS.start;
        let tries = (0..count).map(|step| PORTS.start + (self.next + step) % count);
        let even = tries.filter(|port| wish == PortRequest::Any || port % 2 == 0).map(|port| SocketAddr::new(ip, port));
        let pair = |at: &SocketAddr| {
            !matches!(wish, PortRequest::EvenAndReserve(_)) || self.is_free(SocketAddr::new(ip, at.port() + 1))
        };
        let found = even.filter(|at| self.is_free(*at)).find(pair);
        self.next = (self.next + 1) % count;
        found
    }

    /// Closes expired reservations.
    pub(super) fn expire(&mut self, now_ms: u64) {
        self.kept.retain(|_, (_, _, expires_ms)| *expires_ms > now_ms);
    }
}

/// One thread's view of the ports.
pub(super) struct ThreadPorts<'a> {
    pub(super) ports: &'a mut Ports,
    pub(super) thread: usize,
}

impl RelaySockets for ThreadPorts<'_> {
    fn open(
        &mut self,
        key: RelayKey,
        family: AddressFamily,
        port: PortRequest,
        owner: &str,
        now_ms: u64,
    ) -> Option<RelayedAddress> {
        let ports = &mut *self.ports;
        ports.expire(now_ms);
        assert!(!ports.open.contains_key(&(self.thread, key)), "a socket is opened twice");
        if ports.failing > 0 {
            ports.failing -= 1;
            return None;
        }
        let local = if let PortRequest::Reserved(token) = port {
            ports.kept.get(&token).filter(|(whose, _, _)| whose == owner)?;
            ports.kept.remove(&token)?.1
        } else {
            ports.free(ports.shared.external_address().of(family)?.local, port)?
        };
        let public =
            SocketAddr::new(ports.shared.external_address().of(AddressFamily::of(local.ip()))?.public, local.port());
        if let PortRequest::EvenAndReserve(token) = port {
            if ports.kept.len() >= RESERVATIONS_MAX || ports.kept.contains_key(&token) {
                return None;
            }
            let next = SocketAddr::new(local.ip(), local.port() + 1);
            ports.kept.insert(token, (owner.to_owned(), next, now_ms + RESERVATION_MS));
        }
        assert!(port == PortRequest::Any || matches!(port, PortRequest::Reserved(_)) || local.port() % 2 == 0);
        ports.open.insert((self.thread, key), RelayedAddress { local, public });
        Some(RelayedAddress { local, public })
    }

    fn close(&mut self, key: RelayKey) {
        self.ports.open.remove(&(self.thread, key)).expect("only open sockets are closed");
    }
}

/// Everything that a script acts on.
pub(super) struct Harness {
    pub(super) shared: Arc<Shared>,
    pub(super) auth: Arc<TestAuth>,
    pub(super) counters: Arc<Counters>,
    pub(super) threads: [Server; THREADS],
    pub(super) ports: Ports,
    pub(super) now_ms: u64,
}

impl Harness {
    /// A relay whose quotas depend on `kind`.
    pub(super) fn new(kind: u8) -> Self {
        let quotas = Quotas {
            allocations_per_user: 3,
            allocations: 6,
            permissions_per_allocation: 4,
            channels_per_allocation: 3,
            bytes_per_s_per_user: if kind & 1 == 0 { 0 } else { 20_000 },
        };
        let net = |ip: [u8; 4], bits| Cidr::new(ip.into(), bits).expect("a valid prefix length");
        let peers = PeerRules { allow: vec![net([192, 168, 1, 0], 24)], deny: vec![net([9, 9, 9, 0], 24)] };
        let lifetime_max_s = if kind & 2 == 0 { 3_600 } else { 300 };
        let settings = Settings { quotas, peers, lifetime_max_s, ..Settings::new() };
        let auth = Arc::new(TestAuth::default());
        auth.secrets.lock().push(Arc::from(&b"north"[..]));
        let dice = AtomicU64::new(u64::from(kind));
        // Predictable, but different on each call.
        let entropy: Entropy = Arc::new(move |bytes| {
            bytes.fill_with(|| (dice.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed) >> 40) as u8);
        });
        let authority = Arc::clone(&auth) as Arc<dyn Authority>;
        let shared = Arc::new(Shared::new(&settings, authority, &entropy));
        let counters = Arc::new(Counters::default());
        let server = |thread| Server::new(Arc::clone(&shared), Arc::clone(&counters), thread, Arc::clone(&entropy));
        let threads = [server(0), server(1)];
        let (open, kept) = (BTreeMap::new(), HashMap::new());
        let ports = Ports { shared: Arc::clone(&shared), open, kept, next: 0, failing: 0 };
        let mut harness = Self { threads, shared, auth, counters, ports, now_ms: START_MS };
        harness.set_external_address(0);
        harness
    }

    /// Sets the address families that the relay has.
    pub(super) fn set_external_address(&mut self, kind: u8) {
        let v4 = RelayAddress { local: LOCAL_V4, public: PUBLIC_V4 };
        let v6 = RelayAddress { local: V6, public: V6 };
        let (v4, v6) = ((kind & 1 == 0).then_some(v4), (kind & 2 == 0).then_some(v6));
        self.shared.set_external_address(ExternalAddress { v4, v6, own: OWN.to_vec() });
    }

    pub(super) fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        self.auth.passed_s.store((self.now_ms - START_MS) / 1_000, Ordering::Relaxed);
    }

    /// Panics if an invariant does not hold.
    pub(super) fn assert_invariants(&self) {
        self.threads.iter().for_each(|server| server.assert_invariants(self.now_ms));
        let allocation_owners = || self.threads.iter().flat_map(Server::allocation_owners);
        let count = allocation_owners().count();
        assert!(count <= self.shared.quotas.allocations as usize, "more allocations than the quota");
        assert_eq!(self.shared.users.allocations() as usize, count, "allocations are counted");
        let relayed = allocation_owners().map(|(_, addresses)| addresses).sum::<usize>();
        assert_eq!(relayed, self.ports.open.len(), "every open socket belongs to an allocation");
        for totals in self.shared.users.totals() {
            let count = allocation_owners().filter(|(user, _)| *user == totals.user).count();
            assert_eq!(totals.allocations as usize, count, "a user's allocations are counted");
            assert!(totals.allocations <= self.shared.quotas.allocations_per_user);
        }
    }

    /// Whether no port is open, in reality and in the shared table.
    pub(super) fn is_closed(&self) -> bool {
        let mut all = PORTS.flat_map(|port| [PUBLIC_V4, V6].map(|ip| SocketAddr::new(ip, port)));
        self.ports.open.is_empty() && !all.any(|at| self.shared.ports.is_open(at))
    }

    /// Hashes of all client state, and sizes of what else is kept.
    pub(super) fn digest(&self) -> ([u64; THREADS], [usize; 2]) {
        let held = self.threads.each_ref().map(|server| server.digest(self.now_ms));
        (held, [self.shared.users.totals().len(), self.ports.kept.len()])
    }
}

/// A client. Its `link` determines the thread.
pub(super) fn client(script: &mut Script<'_>) -> FiveTuple {
    let udp = Transport::Udp;
    let (transport, ip, port, link) = match script.byte() % 10 {
        0..3 => (udp, [192, 0, 2, 1], 1_001, 0),
        3 => (udp, [192, 0, 2, 1], 1_002, 0),
        4 => (udp, [192, 0, 2, 2], 1_001, 1),
        5 => (Transport::Tcp, [192, 0, 2, 1], 1_003, 1),
        6 => (Transport::Tcp, [192, 0, 2, 3], 1_001, 2),
        7 => (Transport::Tls, [192, 0, 2, 1], 1_004, 3),
        8 => (udp, [192, 0, 2, 4], 65_535, 1),
        _ => {
            let client = SocketAddr::new(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9).into(), 1_001);
            return FiveTuple { transport: udp, client, local: SocketAddr::new(V6, 3_478), link: 1 };
        }
    };
    FiveTuple { transport, client: SocketAddr::from((ip, port)), local: SocketAddr::new(LOCAL_V4, 3_478), link }
}

/// The thread that serves a client.
pub(super) fn thread_of(five_tuple: &FiveTuple) -> usize {
    five_tuple.link as usize % THREADS
}
