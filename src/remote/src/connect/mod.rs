//! Outbound connections: a name is resolved (`dns`), the guard removes addresses that must not be connected to, the
//! others are raced (`race`), TLS authenticates the peer (`tls`), and the connection enters hyper's pool (`link`).
//! Federation and the web differ only in how they find the addresses and in the name that the certificate must match.

pub(crate) mod body;
pub(crate) mod dns;
pub(crate) mod link;
mod race;
pub(crate) mod tls;
pub(crate) mod words;

use std::net::SocketAddr;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::guard::Guard;
use words::Words;

/// The `User-Agent` of all requests.
pub(crate) const USER_AGENT: &str = concat!("Hearth/", env!("CARGO_PKG_VERSION"));

/// Connects to one of the addresses that the guard permits. Each group starts after the ones before it had their head
/// start.
///
/// The addresses that the guard has checked are the ones that are connected to, so a name that resolves elsewhere a
/// moment later (DNS rebinding) gains nothing.
pub(crate) async fn connect(guard: &Guard, groups: Vec<Vec<SocketAddr>>) -> Result<(TcpStream, SocketAddr), Words> {
    let (stream, address) = race::connect(permitted(guard, groups)?).await?;
    // Requests are small and wait for their response, so Nagle's algorithm would delay each.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "A connection keeps its delay.");
    }
    Ok((stream, address))
}

/// Performs the TLS handshake with the server at `address`, whose certificate must be valid for `name`.
pub(crate) async fn secure(
    tls: &TlsConnector,
    name: &str,
    stream: TcpStream,
    address: SocketAddr,
) -> Result<TlsStream<TcpStream>, Words> {
    let meant = ServerName::try_from(name.to_owned())
        .map_err(|_| Words(format!("no certificate can be for the name {name}")))?;
    tls.connect(meant, stream).await.map_err(|error| words::of_tls(&error, name, address))
}

/// Removes the addresses that the guard forbids. Fails when none is left.
fn permitted(guard: &Guard, mut groups: Vec<Vec<SocketAddr>>) -> Result<Vec<Vec<SocketAddr>>, Words> {
    let mut forbidden = None;
    for group in &mut groups {
        group.retain(|address| {
            let allowed = guard.allows(address.ip());
            if !allowed {
                forbidden = Some(address.ip());
            }
            allowed
        });
    }
    groups.retain(|group| !group.is_empty());
    match forbidden {
        Some(address) if groups.is_empty() => Err(Words(format!(
            "it is at {address}, to which this server may not connect; `outgoing.allowed_ranges` opens it"
        ))),
        _ => Ok(groups),
    }
}
