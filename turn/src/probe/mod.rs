//! A self-test of the relay. Two clients create allocations, as devices would, and send each other datagrams through
//! both. A success inside the network does not prove that clients outside reach the relay; a failure inside means that
//! they do not, either.
//!
//! The clients are webrtc-rs's: an independent implementation finds misreadings of the RFCs, which a client with the
//! relay's own codec would share. So the test uses nothing of that codec.

mod client;
mod link;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::ProbeClient;

use crate::credentials::Credentials;
use crate::server::Transport;

/// Round trips, and bytes in each datagram: about a second of speech.
const ROUNDS: u32 = 50;
const DATAGRAM_BYTES: usize = 160;

/// What to test.
#[derive(Clone)]
pub struct Probe {
    /// Host name or address of the relay.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The transport to it.
    pub transport: Transport,
    /// The TLS configuration with its trust anchors.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Credentials of the two clients; they may be the same.
    pub credentials: [Credentials; 2],
    /// Timeout for each response.
    pub wait: Duration,
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} to {}:{}", self.transport, self.host, self.port)
    }
}

/// The result of a successful test.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The address of the relay.
    pub at: SocketAddr,
    /// The two relayed addresses.
    pub relayed: [SocketAddr; 2],
    /// Time until both clients had an allocation, with handshakes.
    pub set_up: Duration,
    /// Datagrams sent, each from one client to the other and back.
    pub sent: u32,
    /// Datagrams that came back.
    pub returned: u32,
    /// Median round-trip time.
    pub round_trip: Duration,
}

/// A TLS configuration that trusts the certificate authorities of browsers, as a device does.
///
/// # Panics
/// Never: the built-in cryptography provider supports the requested TLS versions.
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
    /// The name does not resolve.
    #[error("{0} leads to no address")]
    Name(String),
    /// The connection failed.
    #[error("{at} cannot be reached: {error}")]
    Connect {
        /// The relay's address.
        at: SocketAddr,
        /// The error of the system call.
        error: io::Error,
    },
    /// The certificate or the handshake is invalid.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// A request got no response.
    #[error("{0} was not answered")]
    Silence(&'static str),
    /// A malformed response, or a broken connection.
    #[error("{what} was not given: {error}")]
    Failed {
        /// The request.
        what: &'static str,
        /// The client library's error.
        error: String,
    },
    /// The relay returned an error response.
    #[error("{what} was refused with {code}")]
    Refused {
        /// The request.
        what: &'static str,
        /// The STUN error code.
        code: u16,
    },
    /// Both clients have allocations, but no datagram arrives.
    #[error("nothing came from {from} to {to}")]
    NothingCame {
        /// One client's relayed address.
        from: SocketAddr,
        /// The other client's relayed address.
        to: SocketAddr,
    },
}

/// Creates two allocations and sends datagrams between them. Takes a few seconds at most per step. If the name has
/// several addresses, one that works is enough, as for a device.
///
/// # Errors
/// [`ProbeError`] names the failed step and its cause.
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
    // Release both before an error returns, so that a failed test leaves no allocations.
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

/// Round-trip times of the datagrams that came back.
async fn exchange(one: &ProbeClient, other: &ProbeClient) -> Result<Vec<Duration>, ProbeError> {
    // The relay drops datagrams from peers without a permission, and the library creates the permission with the first
    // datagram to a peer, so these may get lost.
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
        // Stop early: a relay that loses everything is obvious after a few.
        if round >= 4 && times.is_empty() {
            return Err(ProbeError::NothingCame { from: one.relayed, to: other.relayed });
        }
    }
    Ok(times)
}
