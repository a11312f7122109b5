//! One client of the self-test: webrtc-rs's TURN client with an allocation, and classified errors.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};
use turn::client::{Client, ClientConfig};
use webrtc_util::Conn;

use super::ProbeError;
use super::link::Link;
use crate::credentials::Credentials;
use crate::limits::FRAME_BYTES_MAX;
use crate::server::Transport;

/// How often to wait for a response: datagrams may get lost. The library retransmits by itself.
const TRIES: u32 = 3;
/// Initial retransmission timeout over UDP, in milliseconds. Streams need none.
const RESEND_UDP_MS: u16 = 200;
const RESEND_STREAM_MS: u16 = u16::MAX;

pub(super) struct ProbeClient {
    client: Client,
    link: Link,
    allocation: Arc<dyn Conn + Send + Sync>,
    /// The relayed transport address.
    pub(super) relayed: SocketAddr,
    wait: Duration,
}

impl ProbeClient {
    /// Creates an allocation.
    pub(super) async fn allocate(
        link: Link,
        at: SocketAddr,
        transport: Transport,
        credentials: &Credentials,
        wait: Duration,
    ) -> Result<Self, ProbeError> {
        let what = "a relayed address";
        let config = ClientConfig {
            stun_serv_addr: String::new(),
            turn_serv_addr: at.to_string(),
            username: credentials.username.clone(),
            password: credentials.password.clone(),
            realm: String::new(),
            software: String::new(),
            rto_in_ms: if transport == Transport::Udp { RESEND_UDP_MS } else { RESEND_STREAM_MS },
            conn: Arc::clone(&link),
            vnet: None,
        };
        let client = Client::new(config).await.map_err(|error| failed(what, &error))?;
        client.listen().await.map_err(|error| failed(what, &error))?;
        let allocated = match timeout(wait * TRIES, client.allocate()).await {
            Err(_) => Err(ProbeError::Silence(what)),
            Ok(Err(error)) => Err(failed(what, &error)),
            Ok(Ok(allocation)) => {
                allocation.local_addr().map(|relayed| (allocation, relayed)).map_err(|error| failed(what, &error))
            }
        };
        match allocated {
            Ok((allocation, relayed)) => Ok(Self { client, link, allocation: Arc::new(allocation), relayed, wait }),
            Err(error) => {
                // Ends the listening task, which would keep the connection open.
                let _ = client.close().await;
                let _ = link.close().await;
                Err(error)
            }
        }
    }

    /// Sends to a peer; the library first creates a permission for a new peer.
    pub(super) async fn send(&self, peer: SocketAddr, data: &[u8]) -> Result<(), ProbeError> {
        let what = "a permission";
        match timeout(self.wait * TRIES, self.allocation.send_to(data, peer)).await {
            Err(_) => Err(ProbeError::Silence(what)),
            Ok(sent) => sent.map(drop).map_err(|error| failed(what, &error)),
        }
    }

    /// Whether this data arrives from a peer before the timeout.
    pub(super) async fn receives(&self, peer: SocketAddr, data: &[u8]) -> bool {
        let until = Instant::now() + self.wait;
        let mut buffer = vec![0; FRAME_BYTES_MAX];
        loop {
            match timeout_at(until, self.allocation.recv_from(&mut buffer)).await {
                Ok(Ok((bytes, from))) if from == peer && buffer[..bytes] == *data => return true,
                Ok(Ok(_)) => {}
                Ok(Err(_)) | Err(_) => return false,
            }
        }
    }

    /// Deletes the allocation. A failure does not affect the result of the test.
    pub(super) async fn release(self) {
        let _ = timeout(self.wait, self.allocation.close()).await;
        let _ = self.client.close().await;
        let _ = self.link.close().await;
    }
}

/// The library reports error responses as text: `... (error 401: Unauthorized)`.
fn failed(what: &'static str, error: &impl std::fmt::Display) -> ProbeError {
    let error = error.to_string();
    let code = error.split_once("(error ").and_then(|(_, rest)| rest.split(':').next()?.trim().parse().ok());
    match code {
        Some(code) => ProbeError::Refused { what, code },
        None => ProbeError::Failed { what, error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_from_other_failures() {
        let error = turn::Error::Other("Allocate error response (error 486: Allocation Quota Reached)".to_owned());
        assert!(matches!(failed("x", &error), ProbeError::Refused { what: "x", code: 486 }));
        let error = turn::Error::ErrAlreadyClosed;
        assert!(matches!(failed("x", &error), ProbeError::Failed { what: "x", .. }));
    }
}
