//! The loop that takes connections of one socket, whatever happens.

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

/// How long to wait when the system has no file or memory for a connection: trying at once would only burn the processor.
pub(crate) const WAIT_AFTER_ERROR: Duration = Duration::from_millis(250);

/// A connection that has been taken and not begun.
enum Raw {
    Tcp(TcpStream, IpAddr),
    Unix(tokio::net::UnixStream),
}

/// Takes connections until the server stops.
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
                // Refused by closing it: whoever may come in again is known soon, and an answer would cost a task.
                let Some(place) = connections.admit(counted_address(&raw, &service)) else { continue };
                let (certificates, service) = (certificates.clone(), Arc::clone(&service));
                stop.spawn(|stop| begin(raw, certificates, service, place, stop));
            }
            // The connection was gone before we took it; that is its affair.
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "A connection could not be accepted; trying again.");
                tokio::time::sleep(WAIT_AFTER_ERROR).await;
            }
        }
    }
}

/// The next connection.
async fn next(socket: &Socket) -> io::Result<Raw> {
    Ok(match socket {
        Socket::Tcp(listener) => listener.accept().await.map(|(stream, from)| Raw::Tcp(stream, from.ip()))?,
        Socket::Unix(listener) => listener.accept().await.map(|(stream, _)| Raw::Unix(stream))?,
    })
}

/// The address by which a connection is bounded. All clients of a proxy come from its address, so the proxy bounds them.
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

/// Serves one connection until it ends or has to give way to another.
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
            // Answers are written whole; waiting for more to send would only delay them.
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

/// Shakes hands if the listener speaks TLS; none when that came to nothing.
async fn secure(stream: TcpStream, certificates: Option<&Certificates>) -> Option<Stream> {
    let Some(certificates) = certificates else { return Some(Stream::Tcp(stream)) };
    let limit = Duration::from_millis(limits::TLS_HANDSHAKE_MS_MAX);
    match tokio::time::timeout(limit, tls::handshake(stream, certificates)).await {
        Ok(Ok(stream)) => Some(Stream::Tls(Box::new(stream))),
        Ok(Err(error)) => {
            tracing::debug!(%error, "A TLS handshake failed.");
            None
        }
        Err(_) => None,
    }
}
