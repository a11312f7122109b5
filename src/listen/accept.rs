//! The accept loop of one socket. It survives every error of a single connection.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hearth_base::limits;
use tokio::net::TcpStream;

use super::bind::Socket;
use super::connection::{self, Service};
use super::connections::{ConnectionPlace, Connections};
use super::relayed;
use super::stream::Stream;
use super::tls::{self, Certificates};
use crate::tasks::Stop;

/// Pause after the system runs out of files or memory: an immediate retry would spin.
pub(crate) const WAIT_AFTER_ERROR: Duration = Duration::from_millis(250);

/// An accepted connection, before TLS and HTTP.
enum Raw {
    Tcp(TcpStream, IpAddr),
    Unix(tokio::net::UnixStream),
}

/// Accepts connections until the server stops.
pub(super) async fn run(
    socket: Socket,
    certificates: Option<Arc<Certificates>>,
    service: Arc<Service>,
    connections: Arc<Connections>,
    mut stop: Stop,
) {
    loop {
        let next = tokio::select! {
            () = stop.stopped() => return,
            next = next(&socket) => next,
        };
        match next {
            Ok(raw) => {
                // Refused by closing it: an idle connection may give way to the next one soon, and an answer would cost
                // a task.
                let Some(place) = connections.admit(counted_address(&raw, &service)) else { continue };
                let (certificates, service) = (certificates.clone(), Arc::clone(&service));
                stop.spawn(|stop| begin(raw, certificates, service, place, stop));
            }
            // The connection was closed before it was accepted, which does not concern this server.
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "A connection could not be accepted; trying again.");
                tokio::time::sleep(WAIT_AFTER_ERROR).await;
            }
        }
    }
}

/// Accepts the next connection.
async fn next(socket: &Socket) -> io::Result<Raw> {
    Ok(match socket {
        Socket::Tcp(listener) => listener.accept().await.map(|(stream, from)| Raw::Tcp(stream, from.ip()))?,
        Socket::Unix(listener) => listener.accept().await.map(|(stream, _)| Raw::Unix(stream))?,
    })
}

/// The address that a connection counts against. Clients behind a trusted proxy share its address, so the proxy has to
/// limit them.
fn counted_address(raw: &Raw, service: &Service) -> Option<IpAddr> {
    match raw {
        Raw::Tcp(_, from) if !service.is_trusted_proxy(from.to_canonical()) => Some(from.to_canonical()),
        Raw::Tcp(..) | Raw::Unix(_) => None,
    }
}

fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(error.kind(), K::ConnectionAborted | K::ConnectionReset | K::ConnectionRefused | K::Interrupted)
}

/// Serves one connection until it ends or is closed to make way for another.
async fn begin(
    raw: Raw,
    certificates: Option<Arc<Certificates>>,
    service: Arc<Service>,
    place: ConnectionPlace,
    stop: Stop,
) {
    tokio::select! {
        () = place.closed() => {}
        () = carry(raw, certificates, service, &place, stop) => {}
    }
}

async fn carry(
    raw: Raw,
    certificates: Option<Arc<Certificates>>,
    service: Arc<Service>,
    place: &ConnectionPlace,
    mut stop: Stop,
) {
    let (stream, remote) = match raw {
        Raw::Unix(stream) => (Stream::Unix(stream), None),
        Raw::Tcp(stream, from) => {
            // Responses are written whole; Nagle's algorithm would only delay them.
            let _ = stream.set_nodelay(true);
            let secured = tokio::select! {
                () = stop.stopped() => return,
                secured = secure(stream, certificates.as_deref()) => secured,
            };
            let Some(stream) = secured else { return };
            let kept = tokio::select! {
                () = stop.stopped() => return,
                kept = relayed::hand_over(stream, service.relay()) => kept,
            };
            let Some(stream) = kept else { return };
            (stream, Some(from.to_canonical()))
        }
    };
    connection::serve(stream, remote, service, (place.pace(), place.auth()), stop).await;
}

/// Performs the TLS handshake if the listener uses TLS; `None` when it fails.
async fn secure(stream: TcpStream, certificates: Option<&Certificates>) -> Option<Stream> {
    let Some(certificates) = certificates else { return Some(Stream::Tcp(stream)) };
    let limit = Duration::from_millis(limits::TLS_HANDSHAKE_MS_MAX);
    // In an allocation of its own, which is freed after the handshake: the connection may be open for long.
    match Box::pin(tokio::time::timeout(limit, tls::handshake(stream, certificates))).await {
        Ok(Ok(stream)) => stream.map(|stream| Stream::Tls(Box::new(stream))),
        Ok(Err(error)) => {
            tracing::debug!(%error, "A TLS handshake failed.");
            None
        }
        Err(_) => None,
    }
}
