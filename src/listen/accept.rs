//! The loop that takes connections of one socket, whatever happens.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hearth_base::limits;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::bind::Socket;
use super::connection::{self, Service};
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
    permits: Arc<Semaphore>,
    mut stop: Stop,
) {
    loop {
        let next = tokio::select! {
            () = stop.stopped() => return,
            next = next(&socket, &permits) => next,
        };
        match next {
            Ok((raw, permit)) => {
                let (certificates, service) = (certificates.clone(), Arc::clone(&service));
                stop.spawn(|stop| begin(raw, certificates, service, permit, stop));
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

/// A connection, as soon as there may be one more.
async fn next(socket: &Socket, permits: &Arc<Semaphore>) -> io::Result<(Raw, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let raw = match socket {
        Socket::Tcp(listener) => listener.accept().await.map(|(stream, from)| Raw::Tcp(stream, from.ip()))?,
        Socket::Unix(listener) => listener.accept().await.map(|(stream, _)| Raw::Unix(stream))?,
    };
    Ok((raw, permit))
}

fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(error.kind(), K::ConnectionAborted | K::ConnectionReset | K::ConnectionRefused | K::Interrupted)
}

/// Serves one connection; the permit is held as long.
async fn begin(
    raw: Raw,
    certificates: Option<Arc<Certificates>>,
    service: Arc<Service>,
    _permit: OwnedSemaphorePermit,
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
    connection::serve(stream, remote, service, stop).await;
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
