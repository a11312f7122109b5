//! Connecting to others: names become addresses (`dns`), the guard takes away those that must not be connected to, the
//! rest is raced (`race`), TLS proves who answers (`tls`), and the connection goes into hyper's pool (`link`).
//! Federation and the web differ only in how they find the addresses and which name the certificate is for.

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

/// What this server calls itself.
pub(crate) const USER_AGENT: &str = concat!("Hearth/", env!("CARGO_PKG_VERSION"));

/// Connects to one of these addresses that the guard lets through. A group is only tried when those before it have had
/// their start.
///
/// The addresses that the guard has seen are the ones that are connected to, so a name that leads elsewhere a moment
/// later gains nothing.
pub(crate) async fn connect(guard: &Guard, groups: Vec<Vec<SocketAddr>>) -> Result<(TcpStream, SocketAddr), Words> {
    let (stream, address) = race::connect(permitted(guard, groups)?).await?;
    // Small requests, each waiting for its answer.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "A connection keeps its delay.");
    }
    Ok((stream, address))
}

/// Sets TLS up with the server at `address`, which must prove that it is `name`.
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

/// Leaves out the addresses that this server may not connect to.
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
