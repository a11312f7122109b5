//! The settings of a relay, as the operator or the embedding program chooses them.

use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::limits::{GATHER_US, LIFETIME_MAX_S};
use crate::peers::PeerRules;
use crate::shared::Quotas;

/// Fills a buffer with unpredictable bytes.
pub type Entropy = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// Returns the current TLS configuration.
pub type TlsConfig = Arc<dyn Fn() -> Arc<rustls::ServerConfig> + Send + Sync>;

/// All settings of a relay. [`Settings::new`] returns the defaults.
#[derive(Clone)]
pub struct Settings {
    /// Addresses to listen on for UDP. Usually port 3478.
    pub udp: Vec<SocketAddr>,
    /// Addresses to listen on for TCP. Usually port 3478.
    pub tcp: Vec<SocketAddr>,
    /// Addresses to listen on for TLS over TCP. Usually port 5349.
    pub tls: Vec<SocketAddr>,
    /// Sockets that another program has opened and bound for this one, non-blocking. Each is used in place of one that would be opened
    /// at its address.
    pub opened: OpenedSockets,
    /// The TLS configuration. Called for each new stream, so that a renewed certificate takes effect without a restart.
    pub tls_config: Option<TlsConfig>,
    /// The REALM of the long-term credential mechanism. Keep it to 8 bytes: with a longer one, some challenges
    /// exceed the amplification limit and the client gets a bare error instead.
    pub realm: String,
    /// Ports for relayed transport addresses.
    pub ports: RangeInclusive<u16>,
    /// Relay threads. 0 means one per core, at most four.
    pub threads: usize,
    /// Public addresses of this machine.
    pub public: Public,
    /// Peer addresses to allow or to deny, in addition to the table of special-purpose addresses.
    pub peers: PeerRules,
    /// Limits per user and in total.
    pub quotas: Quotas,
    /// Longest lifetime that one Allocate or Refresh grants, in seconds; at most one hour.
    pub lifetime_max_s: u32,
    /// Streams (TCP and TLS) at a time.
    pub streams_max: usize,
    /// Streams of one source at a time. A source is an IPv4 address or an IPv6 /64.
    pub streams_per_source_max: u32,
    /// Whether to move several datagrams per system call, where the system supports it.
    pub batches: bool,
    /// Whether to receive requests and data on separate sockets, where the system can tell them apart. A flood
    /// of requests then does not delay calls.
    pub separate_requests: bool,
    /// How long a busy thread waits for more datagrams, in microseconds. 0 turns the wait off.
    pub gather_us: u64,
}

/// Sockets that were opened before the relay started.
#[derive(Debug, Clone, Default)]
pub struct OpenedSockets {
    /// For UDP. One thread serves each, because datagrams of a client must not go to several.
    pub udp: Vec<Arc<UdpSocket>>,
    /// For TCP and TLS: they listen.
    pub streams: Vec<Arc<TcpListener>>,
}

/// The public addresses of this machine.
#[derive(Debug, Clone, Default)]
pub struct Public {
    /// The public IPv4 address. `None`: the relay discovers it.
    pub v4: Option<IpAddr>,
    /// The public IPv6 address. `None`: the relay discovers it.
    pub v6: Option<IpAddr>,
    /// STUN servers (`host:port`) to ask for the public IPv4 address when it is neither configured nor on an interface.
    pub stun_servers: Vec<String>,
    /// Host names of this machine. The relay resolves them to find its public IPv4 address when STUN does not.
    pub names: Vec<String>,
}

impl Settings {
    /// The defaults, without any address to listen on.
    #[must_use]
    pub fn new() -> Self {
        Self {
            udp: Vec::new(),
            tcp: Vec::new(),
            tls: Vec::new(),
            opened: OpenedSockets::default(),
            tls_config: None,
            realm: "hearth".to_owned(),
            ports: 49_152..=65_535,
            threads: 0,
            public: Public::default(),
            peers: PeerRules::default(),
            quotas: Quotas::default(),
            lifetime_max_s: LIFETIME_MAX_S,
            streams_max: 1_000,
            streams_per_source_max: 64,
            batches: true,
            separate_requests: true,
            gather_us: GATHER_US,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let listening = (&self.udp, &self.tcp, &self.tls);
        f.debug_struct("Settings").field("listening", &listening).field("ports", &self.ports).finish_non_exhaustive()
    }
}
