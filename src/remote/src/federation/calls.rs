//! Sends federation requests over pooled connections: HTTP/2 where the other server offers it, otherwise HTTP/1.1.
//!
//! Redirects are not followed, because a signed request is for the server that it names.

use std::time::Duration;

use bytes::Bytes;
use hearth_base::limits::remote::{CALLS_IDLE_MAX, CALLS_PING_WAIT, HEADER_LIST_BYTES_MAX, IDLE_PER_SERVER_MAX};
use hearth_base::{Error, Reason, Result, error::refusal};
use hearth_domain::ports::{Call, RemoteResponse};
use http::{HeaderValue, Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use parking_lot::RwLock;
use ruma::ServerName;

use super::authority::Authority;
use super::dial::Dial;
use super::told::Told;
use super::well_known::WellKnown;
use crate::connect::body;
use crate::connect::words::{self, Words};

/// Interval of HTTP/2 keep-alive pings while a response is outstanding, and the timeout of the reply.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// HTTP/2 receive windows for one response and for a connection.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 2 * 1024 * 1024;

type Http = Client<Dial, Full<Bytes>>;

/// The federation client.
#[derive(Debug)]
pub(super) struct Calls {
    dial: Dial,
    http: RwLock<Http>,
    told: Told,
}

impl Calls {
    pub(super) fn new(dial: Dial) -> Self {
        Self { http: RwLock::new(client(dial.clone())), dial, told: Told::default() }
    }

    /// Closes idle connections, because the servers may have moved.
    pub(super) fn forget(&self) {
        *self.http.write() = client(self.dial.clone());
    }

    /// Locates the server, sends the request, and returns the response head with a body that still streams.
    pub(super) async fn call(&self, well_known: &WellKnown, call: Call) -> Result<RemoteResponse> {
        let (to, wait) = (call.to.clone(), call.wait);
        let unreachable = |words: Words| self.unreachable(&to, &words);
        let asked = tokio::time::timeout(wait, self.ask(well_known, call)).await;
        let late = |_| Words(format!("no answer came within {} s", wait.as_secs_f32()));
        let response = asked.map_err(late).and_then(|asked| asked).map_err(unreachable)?;
        let (status, content_type) = (response.status().as_u16(), body::content_type(response.headers()));
        let broken = move |why: String| {
            let message = format!("The answer of {to} ended too early. Try again later.");
            refusal(Reason::ConnectionFailed, message).because(why).into()
        };
        Ok(RemoteResponse { status, content_type, body: body::pieces(response.into_body(), None, broken) })
    }

    /// The error for a server without a response. Strangers choose server names, and the reason names addresses of this
    /// server's network, so only the operator reads it: in the log, and with [`Error::for_operator`].
    fn unreachable(&self, to: &ServerName, words: &Words) -> Error {
        if self.told.is_due(to.as_str()) {
            tracing::info!(server = %to, why = %words, "A server cannot be reached.");
        }
        let message = format!("{to} cannot be reached from this server. Try again later.");
        refusal(Reason::ConnectionFailed, message).because(words.to_string()).into()
    }

    async fn ask(&self, well_known: &WellKnown, call: Call) -> Result<Response<Incoming>, Words> {
        let authority = Authority::of(&call.to)?;
        let delegated = match authority.may_delegate() {
            Some(name) => well_known.of(name).await,
            None => None,
        };
        let authority = delegated.as_deref().unwrap_or(&authority);
        let mut asked = self.send(&call, authority).await;
        if let Err(error) = &asked
            && matches!(&*call.method, "GET" | "PUT")
            && was_idle_too_long(error)
        {
            // Either side may close an idle connection at any time. Only idempotent requests are repeated.
            asked = self.send(&call, authority).await;
        }
        asked.map_err(|error| {
            if error.is_connect() {
                well_known.doubt(call.to.host());
            }
            words::of_request(&error)
        })
    }

    async fn send(&self, call: &Call, authority: &Authority) -> Result<Response<Incoming>, ClientError> {
        let request = written(call, authority);
        let http = self.http.read().clone();
        http.request(request).await
    }
}

fn client(dial: Dial) -> Http {
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(CALLS_IDLE_MAX)
        .pool_max_idle_per_host(IDLE_PER_SERVER_MAX)
        .http2_max_header_list_size(HEADER_LIST_BYTES_MAX)
        .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
        .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(CALLS_PING_WAIT)
        .build(dial)
}

/// Builds the HTTP request. Invalid input becomes a request that every server refuses; it cannot occur, since the
/// domain writes only valid targets and headers.
fn written(call: &Call, authority: &Authority) -> Request<Full<Bytes>> {
    let uri = http::Uri::builder().scheme("https").authority(&*authority.text).path_and_query(&*call.target);
    let mut request = Request::new(Full::new(call.body.clone()));
    *request.uri_mut() = uri.build().unwrap_or_default();
    *request.method_mut() = call.method.parse().unwrap_or_default();
    let headers = request.headers_mut();
    // The specification's form, which includes a port even where HTTP would omit it.
    if let Ok(host) = HeaderValue::from_str(&authority.text) {
        headers.insert(header::HOST, host);
    }
    headers.insert(header::USER_AGENT, HeaderValue::from_static(crate::connect::USER_AGENT));
    if !call.body.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Some(Ok(mut value)) = call.authorization.as_deref().map(HeaderValue::from_str) {
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    request
}

/// Whether a pooled connection turned out to be closed already.
fn was_idle_too_long(error: &ClientError) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<hyper::Error>());
    !error.is_connect() && source.is_some_and(words::was_closed)
}
