//! Does the relay work? Two clients make allocations, as devices would, and send each other datagrams through both. What this
//! finds out from inside a network need not hold outside; where it fails, though, it fails there, too.
//!
//! The clients are webrtc-rs's: an independent implementation sees mistakes in our reading of the RFCs that a client with the relay's
//! own codec makes, too. Of that codec nothing is used here.

mod client;
mod link;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::ProbeClient;

use crate::credentials::Credentials;
use crate::server::Transport;

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

/// Why a test of the relay failed.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The name leads nowhere.
    #[error("{0} leads to no address")]
    Name(String),
    /// The relay cannot be connected to.
    #[error("{at} cannot be reached: {error}")]
    Connect {
        /// Where it should be.
        at: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The certificate or the handshake is not in order.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// Nobody answered a request.
    #[error("{0} was not answered")]
    Silence(&'static str),
    /// An answer that makes no sense, or a broken connection.
    #[error("{what} was not given: {error}")]
    Failed {
        /// What was asked for.
        what: &'static str,
        /// What the client library found.
        error: String,
    },
    /// The relay refused.
    #[error("{what} was refused with {code}")]
    Refused {
        /// What was asked for.
        what: &'static str,
        /// The error code.
        code: u16,
    },
    /// Both clients have addresses, but nothing passes between them.
    #[error("nothing came from {from} to {to}")]
    NothingCame {
        /// One client's relayed address.
        from: SocketAddr,
        /// The other's.
        to: SocketAddr,
    },
}

/// Makes two allocations and sends datagrams between them. Takes a few seconds at most per step. Of several addresses, one that
/// works is enough, as for a device.
///
/// # Errors
/// [`ProbeError`] says which step failed, and how.
pub async fn probe(probe: &Probe) -> Result<Report, ProbeError> {
    let mut failure = ProbeError::Name(probe.host.clone());
    let found = tokio::net::lookup_host((probe.host.as_str(), probe.port)).await;
    for at in found.into_iter().flatten() {
        match probe_at(at, probe).await {
            Ok(report) => return Ok(report),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

async fn probe_at(at: SocketAddr, probe: &Probe) -> Result<Report, ProbeError> {
    let start = Instant::now();
    let one = allocate(at, probe, 0).await?;
    let other = match allocate(at, probe, 1).await {
        Ok(other) => other,
        Err(error) => {
            one.release().await;
            return Err(error);
        }
    };
    let set_up = start.elapsed();
    let exchanged = exchange(&one, &other).await;
    let relayed = [one.relayed, other.relayed];
    one.release().await;
    other.release().await;
    let mut times = exchanged?;
    times.sort_unstable();
    let round_trip = times.get(times.len() / 2).copied().unwrap_or_default();
    let returned = u32::try_from(times.len()).unwrap_or(ROUNDS);
    Ok(Report { at, relayed, set_up, sent: ROUNDS, returned, round_trip })
}

async fn allocate(at: SocketAddr, probe: &Probe, index: usize) -> Result<ProbeClient, ProbeError> {
    let link = link::open(at, probe).await?;
    ProbeClient::allocate(link, at, probe.transport, &probe.credentials[index], probe.wait).await
}

/// How long each datagram took that came back.
async fn exchange(one: &ProbeClient, other: &ProbeClient) -> Result<Vec<Duration>, ProbeError> {
    // The relay lets nothing through to a client that has no permission for where it comes from, and the library asks for one
    // with the first datagram to it: these may get lost.
    one.send(other.relayed, b"open").await?;
    other.send(one.relayed, b"open").await?;
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let data: Vec<u8> = round.to_be_bytes().into_iter().cycle().take(DATAGRAM_BYTES).collect();
        let sent = Instant::now();
        one.send(other.relayed, &data).await?;
        if other.receives(one.relayed, &data).await {
            other.send(one.relayed, &data).await?;
            if one.receives(other.relayed, &data).await {
                times.push(sent.elapsed());
            }
        }
        // A relay that loses everything is known after a few.
        if round >= 4 && times.is_empty() {
            return Err(ProbeError::NothingCame { from: one.relayed, to: other.relayed });
        }
    }
    Ok(times)
}
