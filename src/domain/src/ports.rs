//! The outside world, as the domain sees it: what it asks of others, and nothing of how they are reached. The crate `remote`
//! has the real network; tests put a faulty one in its place, so that many servers can live in one process.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use hearth_base::{Reason, Result, error::refuse};
use ruma::OwnedServerName;

/// A future that a trait object can return.
pub type Eventually<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The body of an answer, in the pieces in which it comes; a file need not fit into memory.
pub type Pieces = Pin<Box<dyn futures_util::Stream<Item = Result<Bytes>> + Send>>;

/// A request to another homeserver, signed and ready to go.
#[derive(Debug, Clone)]
pub struct Call {
    /// The homeserver, by its server name; finding its address is the network's business.
    pub to: OwnedServerName,
    /// `GET`, `POST`, `PUT`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The `Authorization` header, for calls that are signed.
    pub authorization: Option<String>,
    /// The body; empty for none. It is JSON.
    pub body: Bytes,
    /// How long all of it may take, up to the last byte of the answer's head.
    pub wait: Duration,
}

/// What came back.
pub struct RemoteResponse {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`, if it was text.
    pub content_type: Option<String>,
    /// The body.
    pub body: Pieces,
}

impl std::fmt::Debug for RemoteResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Other homeservers, and the web that they send us to.
pub trait Network: Send + Sync + std::fmt::Debug {
    /// Sends a call and returns what was answered, whatever the status.
    ///
    /// Refuses with `M_CONNECTION_FAILED` when the server cannot be found or reached; the message says why, in words for an
    /// operator.
    fn call(&self, call: Call) -> Eventually<Result<RemoteResponse>>;

    /// Fetches a URL that another server has sent us to for a file, following redirects, under the same guard.
    fn fetch(&self, url: String, wait: Duration) -> Eventually<Result<RemoteResponse>>;

    /// Forgets what is known about where a server is, and closes what is open to it: before an operator's "try again now".
    fn forget(&self, _server: &ruma::ServerName) {}
}

/// Those who ask the policy servers of rooms.
pub trait PolicyServerClient: Send + Sync + std::fmt::Debug {
    /// Has a policy server sign an event (canonical JSON), and gives the signature, which nobody has checked.
    ///
    /// Refuses with `M_FORBIDDEN` what the policy server does not want, with `M_CONNECTION_FAILED` when it does not answer.
    fn sign(&self, via: OwnedServerName, event: Vec<u8>) -> Eventually<Result<String>>;
}

/// A program that the operator has named by its address, which may be on this machine: the SFU of group calls. No stranger has a say
/// in where these requests go, so nothing forbids them private addresses; redirects are not followed.
pub trait Appointed: Send + Sync + std::fmt::Debug {
    /// Sends a request to an `http` or `https` URL; up to the last byte of the answer's head it may take `wait`.
    ///
    /// Refuses with `M_CONNECTION_FAILED` when there is no answer; the message says why, in words for an operator.
    fn send(&self, request: http::Request<Bytes>, wait: Duration) -> Eventually<Result<RemoteResponse>>;

    /// Sends a request that asks to go on in another protocol, to an `http` URL, on a connection of its own.
    ///
    /// Refuses as [`Appointed::send`].
    fn switch(&self, request: http::Request<()>, wait: Duration) -> Eventually<Result<Switched>>;
}

/// Bytes both ways.
pub trait Duplex: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Duplex for T {}

/// What came of [`Appointed::switch`].
pub enum Switched {
    /// The other protocol begins: the head of the answer, and the connection.
    Yes(http::response::Parts, Box<dyn Duplex>),
    /// It does not.
    No(RemoteResponse),
}

impl std::fmt::Debug for Switched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Yes(head, _) => f.debug_tuple("Yes").field(&head.status).finish(),
            Self::No(answer) => f.debug_tuple("No").field(answer).finish(),
        }
    }
}

/// A network that leads nowhere: for a server that does not talk to others, and for tests that need none.
#[derive(Debug)]
pub struct Nowhere;

impl Network for Nowhere {
    fn call(&self, _: Call) -> Eventually<Result<RemoteResponse>> {
        Box::pin(std::future::ready(Err(unreachable())))
    }

    fn fetch(&self, _: String, _: Duration) -> Eventually<Result<RemoteResponse>> {
        Box::pin(std::future::ready(Err(unreachable())))
    }
}

fn unreachable() -> hearth_base::Error {
    refuse(Reason::ConnectionFailed, "This server does not talk to others: `federation.enabled` is off.")
}
