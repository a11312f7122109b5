//! Ports to the outside, as the domain uses them. The crate `remote` implements the network; tests replace it by a
//! faulty one, so that many servers can run in one process.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use hearth_base::{Reason, Result, error::refuse};
use ruma::OwnedServerName;

/// A future that a trait object can return.
pub type Eventually<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The body of a response as a stream; a file need not fit into memory.
pub type Pieces = Pin<Box<dyn futures_util::Stream<Item = Result<Bytes>> + Send>>;

/// A serialised and signed request to another homeserver.
#[derive(Debug, Clone)]
pub struct Call {
    /// The server name of the homeserver; the network resolves its address.
    pub to: OwnedServerName,
    /// The HTTP method: `GET`, `POST`, `PUT`.
    pub method: String,
    /// The request target: path and query, percent-encoded.
    pub target: String,
    /// The `Authorization` header of a signed request.
    pub authorization: Option<String>,
    /// The JSON body; empty for none.
    pub body: Bytes,
    /// Time limit up to the last byte of the response head.
    pub wait: Duration,
}

/// A response.
pub struct RemoteResponse {
    /// The HTTP status code; errors are responses as well.
    pub status: u16,
    /// `Content-Type`, if it was valid text.
    pub content_type: Option<String>,
    /// The body as a stream.
    pub body: Pieces,
}

impl std::fmt::Debug for RemoteResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Access to other homeservers, and to the URLs that they redirect to.
pub trait Network: Send + Sync + std::fmt::Debug {
    /// Sends a request and returns the response, whatever its status.
    ///
    /// `M_CONNECTION_FAILED` when the server cannot be resolved or reached; the message is for an operator.
    fn call(&self, call: Call) -> Eventually<Result<RemoteResponse>>;

    /// Fetches a file from a URL that another server redirected to. Follows redirects, with the same address checks.
    fn fetch(&self, url: String, wait: Duration) -> Eventually<Result<RemoteResponse>>;

    /// Clears the resolved address of a server and closes its connections, for an operator's "retry now".
    fn forget(&self, _server: &ruma::ServerName) {}
}

/// Access to push gateways. Users choose their URLs, so addresses that are not public are refused unless the operator has
/// allowed them; redirects are not followed.
pub trait PushGateways: Send + Sync + std::fmt::Debug {
    /// Posts a notification (push gateway API, `POST /_matrix/push/v1/notify`) and returns the response, whatever its
    /// status. `wait` limits the time up to the last byte of the body.
    ///
    /// `M_CONNECTION_FAILED` without a response; the message is for an operator.
    fn notify(&self, url: String, body: Bytes, wait: Duration) -> Eventually<Result<RemoteResponse>>;
}

/// A response of a web server.
pub struct WebResponse {
    /// The HTTP status code; errors and redirects are responses as well.
    pub status: u16,
    /// `Location`.
    pub location: Option<String>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Encoding`. The body is as it was sent.
    pub content_encoding: Option<String>,
    /// `Content-Length`.
    pub bytes: Option<u64>,
    /// The body as a stream.
    pub body: Pieces,
}

impl std::fmt::Debug for WebResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebResponse").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Access to web pages, whose URLs users and pages choose: addresses that are not public are refused, unless the operator has
/// allowed them.
pub trait WebPages: Send + Sync + std::fmt::Debug {
    /// Fetches an `http` or `https` URL, without following redirects. `accept` and `encoding` are the headers `Accept` and
    /// `Accept-Encoding`; `wait` limits the time up to the last byte of the body.
    ///
    /// `M_CONNECTION_FAILED` without a response; the message names no address.
    fn get(
        &self,
        url: String,
        accept: &'static str,
        encoding: &'static str,
        wait: Duration,
    ) -> Eventually<Result<WebResponse>>;
}

/// The policy server client for rooms.
pub trait PolicyServerClient: Send + Sync + std::fmt::Debug {
    /// Requests a policy server's signature for an event (canonical JSON), and returns the unchecked signature.
    ///
    /// `M_FORBIDDEN` when the policy server refuses the event, `M_CONNECTION_FAILED` when it does not answer.
    fn sign(&self, via: OwnedServerName, event: Vec<u8>) -> Eventually<Result<String>>;
}

/// A service at an address that the operator configured, possibly on this machine: the SFU of group calls. Remote
/// servers do not influence these URLs, so private addresses are allowed; redirects are not followed.
pub trait Appointed: Send + Sync + std::fmt::Debug {
    /// Sends a request to an `http` or `https` URL; `wait` limits the time up to the last byte of the response head.
    ///
    /// `M_CONNECTION_FAILED` without a response; the message is for an operator.
    fn send(&self, request: http::Request<Bytes>, wait: Duration) -> Eventually<Result<RemoteResponse>>;

    /// Sends an upgrade request to an `http` URL, on its own connection.
    ///
    /// Errors as for [`Appointed::send`].
    fn switch(&self, request: http::Request<()>, wait: Duration) -> Eventually<Result<Switched>>;
}

/// A bidirectional byte stream.
pub trait Duplex: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Duplex for T {}

/// The result of [`Appointed::switch`].
pub enum Switched {
    /// The protocol was switched: the response head, and the connection.
    Yes(http::response::Parts, Box<dyn Duplex>),
    /// The server refused to switch.
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

/// A network without any server: for a server without federation, and for tests.
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
