//! TURN on the HTTPS port, for networks that let no other port through. A TLS connection that turns out to carry STUN
//! is handed over to the relay, with its TLS session and all bytes received so far.

use std::time::Duration;

use hearth_base::limits;
use hearth_turn::{AcceptedStream, Running};
use tokio::io::AsyncBufReadExt;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::stream::Stream;

/// The ALPN protocol id of TURN (RFC 7443).
pub(super) const ALPN: &[u8] = b"stun.turn";

/// Hands a connection over to the relay if it carries STUN, and returns it otherwise. Also `None` when the client
/// closes or sends no byte within the handshake limit.
pub(super) async fn hand_over(stream: Stream, relay: Option<&Running>) -> Option<Stream> {
    let Stream::Tls(mut tls) = stream else { return Some(stream) };
    let named = tls.get_ref().1.alpn_protocol().map(|name| name == ALPN);
    match (named, relay) {
        (Some(false), _) | (None, None) => Some(Stream::Tls(tls)),
        // The client negotiated TURN, and no relay runs here.
        (Some(true), None) => None,
        (Some(true), Some(relay)) => {
            pass(*tls, relay);
            None
        }
        // Browsers negotiate no protocol, so the first byte decides: HTTP begins with a letter, STUN does not.
        (None, Some(relay)) => {
            let limit = Duration::from_millis(limits::TLS_HANDSHAKE_MS_MAX);
            let first = tokio::time::timeout(limit, tls.fill_buf()).await.ok()?.ok()?.first().copied()?;
            if first > 3 {
                return Some(Stream::Tls(tls));
            }
            pass(*tls, relay);
            None
        }
    }
}

/// Passes the connection on. Bytes that are received and not yet parsed stay in the TLS session.
fn pass(tls: TlsStream<TcpStream>, relay: &Running) {
    let (socket, session) = tls.into_inner();
    match socket.into_std() {
        Ok(stream) => relay.adopt(AcceptedStream { stream, tls: Some(Box::new(session)), read: Vec::new() }),
        Err(error) => tracing::debug!(%error, "A connection could not be handed over to the relay."),
    }
}
