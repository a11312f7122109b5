//! Calls on the port of HTTPS: networks that let nothing else through let that through. A TLS connection that turns out to
//! carry STUN is handed over to the relay, with its session and all that it has received.

use std::time::Duration;

use hearth_base::limits;
use hearth_turn::{AcceptedStream, Running};
use tokio::io::AsyncBufReadExt;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::stream::Stream;

/// STUN's name in the handshake (RFC 7443).
pub(super) const ALPN: &[u8] = b"stun.turn";

/// Hands a connection over to the relay if it is one for it; otherwise gives it back. None, too, for one that says nothing.
pub(super) async fn hand_over(stream: Stream, relay: Option<&Running>) -> Option<Stream> {
    let Stream::Tls(mut tls) = stream else { return Some(stream) };
    let named = tls.get_ref().1.alpn_protocol().map(|name| name == ALPN);
    match (named, relay) {
        (Some(false), _) | (None, None) => Some(Stream::Tls(tls)),
        // It asked for what is not here.
        (Some(true), None) => None,
        (Some(true), Some(relay)) => {
            pass(*tls, relay);
            None
        }
        // Browsers do not say what they want: their first byte does. HTTP begins with a letter.
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

/// What has been received and not looked at is still in the session.
fn pass(tls: TlsStream<TcpStream>, relay: &Running) {
    let (socket, session) = tls.into_inner();
    match socket.into_std() {
        Ok(stream) => relay.adopt(AcceptedStream { stream, tls: Some(Box::new(session)), read: Vec::new() }),
        Err(error) => tracing::debug!(%error, "A connection could not be handed over to the relay."),
    }
}
