//! Does the relay work? Two clients of our own make allocations, as devices would, and send each other datagrams through both.
//! What this finds out from inside a network need not hold outside; where it fails, though, it fails there, too.

mod client;
mod link;

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::ProbeClient;
pub use client::ProbeError;
use link::Link;

use crate::credentials::Credentials;
use crate::server::Transport;
use crate::settings::Entropy;

/// Datagrams sent there and back, and bytes in each: like a second of speech.
const ROUNDS: u32 = 50;
const DATAGRAM_BYTES: usize = 160;

/// What to try.
#[derive(Clone)]
pub struct Probe {
    /// Name or address of the relay.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How to reach it.
    pub transport: Transport,
    /// For TLS: whom to trust.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// For two users, or twice for one.
    pub credentials: [Credentials; 2],
    /// How long to wait for each answer.
    pub wait: Duration,
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} to {}:{}", self.transport, self.host, self.port)
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Where the relay was found.
    pub at: SocketAddr,
    /// The two relayed addresses.
    pub relayed: [SocketAddr; 2],
    /// Until both had an allocation, handshakes included.
    pub set_up: Duration,
    /// Datagrams that were sent, each from one client to the other and back.
    pub sent: u32,
    /// Those that came back.
    pub returned: u32,
    /// Median of the time that they took.
    pub round_trip: Duration,
}

/// Trust in the authorities that browsers trust: what a device would say to the relay's certificate.
///
/// # Panics
/// Never: the cryptography that is built in has the versions of TLS that are asked for.
#[must_use]
pub fn browser_trust() -> Arc<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("ring speaks both versions of TLS");
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Makes two allocations and sends datagrams between them. Blocks, for a few seconds at most per step. Of several addresses,
/// one that works is enough, as for a device.
///
/// # Errors
/// [`ProbeError`] says which step failed, and how.
pub fn probe(probe: &Probe, entropy: &Entropy) -> Result<Report, ProbeError> {
    let mut failure = ProbeError::Name(probe.host.clone());
    for at in (probe.host.as_str(), probe.port).to_socket_addrs().into_iter().flatten() {
        match probe_at(at, probe, entropy) {
            Ok(report) => return Ok(report),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn probe_at(at: SocketAddr, probe: &Probe, entropy: &Entropy) -> Result<Report, ProbeError> {
    let start = Instant::now();
    let open = |index: usize| -> Result<(ProbeClient, SocketAddr), ProbeError> {
        let link = Link::open(at, probe)?;
        let mut client = ProbeClient::new(link, probe.credentials[index].clone(), Arc::clone(entropy));
        let relayed = client.allocate()?;
        Ok((client, relayed))
    };
    let ((mut one, at_one), (mut other, at_other)) = (open(0)?, open(1)?);
    let set_up = start.elapsed();
    one.permit(at_other)?;
    other.permit(at_one)?;
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let data: Vec<u8> = round.to_be_bytes().into_iter().cycle().take(DATAGRAM_BYTES).collect();
        let sent = Instant::now();
        one.send(at_other, &data)?;
        if other.receives(&data)? {
            other.send(at_one, &data)?;
            if one.receives(&data)? {
                times.push(sent.elapsed());
            }
        }
        // A relay that loses everything is known after a few.
        if round >= 4 && times.is_empty() {
            return Err(ProbeError::NothingCame { from: at_one, to: at_other });
        }
    }
    one.release();
    other.release();
    times.sort_unstable();
    let round_trip = times.get(times.len() / 2).copied().unwrap_or_default();
    let returned = u32::try_from(times.len()).unwrap_or(ROUNDS);
    Ok(Report { at, relayed: [at_one, at_other], set_up, sent: ROUNDS, returned, round_trip })
}
