//! What an operator, or the program that the relay is part of, decides.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::limits::{GATHER_US, LIFETIME_MAX_S};
use crate::peers::PeerRules;
use crate::shared::Quotas;

/// Fills a buffer with unpredictable bytes.
pub type Entropy = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// Says how TLS is spoken now.
pub type TlsConfig = Arc<dyn Fn() -> Arc<rustls::ServerConfig> + Send + Sync>;

/// All settings of a relay. [`Settings::new`] has the defaults.
#[derive(Clone)]
pub struct Settings {
    /// Where datagrams of clients arrive. Usually port 3478 of all addresses.
    pub udp: Vec<SocketAddr>,
    /// Where streams of clients arrive. Usually port 3478.
    pub tcp: Vec<SocketAddr>,
    /// Where TLS streams of clients arrive. Usually port 5349.
    pub tls: Vec<SocketAddr>,
    /// How TLS is spoken; asked anew for each client, so that a new certificate needs no restart.
    pub tls_config: Option<TlsConfig>,
    /// REALM. Short: longer than 8 bytes, some clients get an error without explanation instead of a challenge.
    pub realm: String,
    /// Ports that peers are talked to from.
    pub ports: RangeInclusive<u16>,
    /// Threads that relay. 0: one per core, but at most four.
    pub threads: usize,
    /// How peers reach this machine.
    pub public: Public,
    /// Whom may be sent to, beside the table of special addresses.
    pub peers: PeerRules,
    /// Who may take how much.
    pub quotas: Quotas,
    /// Longest lifetime of an allocation without a refresh, in seconds; at most an hour.
    pub lifetime_max_s: u32,
    /// Streams at a time.
    pub streams_max: usize,
    /// Streams of one source (of an IPv6 /64) at a time.
    pub streams_per_source_max: u32,
    /// Whether many datagrams are moved in one system call, where the system can.
    pub batches: bool,
    /// Whether requests get sockets of their own, where the system can tell them from data, so that a flood of them does not
    /// delay calls.
    pub separate_requests: bool,
    /// How long a thread that has much to do lets datagrams gather, in microseconds. 0: not at all.
    pub gather_us: u64,
}

/// How peers reach this machine.
#[derive(Debug, Clone, Default)]
pub struct Public {
    /// The public IPv4 address. `None`: found out.
    pub v4: Option<IpAddr>,
    /// The public IPv6 address. `None`: found out.
    pub v6: Option<IpAddr>,
    /// Servers (`host:port`) that are asked for our IPv4 address by STUN if it is not configured and no interface has it.
    pub stun_servers: Vec<String>,
    /// Names that lead to this machine: the last resort for its IPv4 address.
    pub names: Vec<String>,
}

impl Settings {
    /// The defaults, listening nowhere yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            udp: Vec::new(),
            tcp: Vec::new(),
            tls: Vec::new(),
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
