//! One connection, HTTP/1.1 or HTTP/2 as the client chooses, until either side closes it.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;

use axum::response::Response;
use hearth_base::config::Config;
use hearth_base::limits;
use hearth_base::limits::server::{HTTP2_ANSWER_MAX, HTTP2_ASK_EVERY};
use hearth_http::admin::{Api, Caller};
use hearth_http::app::{ClientAddress, ConnectionAuth};
use hearth_http::edge::{Edge, Onward};
use http::{Request, Version, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;

use super::paced::{Pace, Paced, UnderWay};
use super::peer::{self, ProxyWarning};
use super::redirect::Redirect;
use super::stream::Stream;
use crate::tasks::Stop;

/// HTTP/2 receive windows for one request and for a connection. Most bodies fit; a larger window would be memory that
/// remote clients control.
const HTTP2_STREAM_WINDOW_BYTES: u32 = 128 * 1024;
const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 512 * 1024;

/// The future of a response.
type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// The service behind a connection.
pub(crate) enum Service {
    /// The Matrix APIs.
    Public {
        edge: Arc<Edge>,
        config: Arc<Config>,
        relay: Option<Arc<hearth_turn::Running>>,
        /// Of all listeners.
        proxy_warning: Arc<ProxyWarning>,
    },
    /// A redirect to https, for a listener without TLS.
    Redirect(Redirect),
    /// The admin API, for an authorised local account.
    Admin { api: Arc<Api>, caller: Caller },
}

impl Service {
    /// The TURN relay that runs in this process, if it is enabled.
    pub(super) fn relay(&self) -> Option<&hearth_turn::Running> {
        match self {
            Self::Public { relay, .. } => relay.as_deref(),
            Self::Redirect(_) | Self::Admin { .. } => None,
        }
    }

    /// Whether connections from this address are those of a trusted reverse proxy.
    pub(super) fn is_trusted_proxy(&self, address: IpAddr) -> bool {
        match self {
            Self::Public { config, .. } => config.server.trusted_proxies.iter().any(|range| range.contains(address)),
            Self::Redirect(_) | Self::Admin { .. } => false,
        }
    }

    /// Answers a request. The request is in the future once: see [`Edge::serve`].
    fn answer(&self, remote: Option<IpAddr>, request: Request<Incoming>) -> Answering {
        match self {
            Self::Public { edge, config, proxy_warning, .. } => {
                proxy_warning.look(remote, request.headers(), &config.server.trusted_proxies);
                let client = ClientAddress(peer::address(remote, request.headers(), &config.server.trusted_proxies));
                Box::pin(edge.serve(client, request))
            }
            Self::Admin { api, caller } => {
                let (api, caller) = (Arc::clone(api), caller.clone());
                Box::pin(async move { api.serve(caller, request).await })
            }
            Self::Redirect(redirect) => Box::pin(std::future::ready(redirect.answer(request.uri(), request.headers()))),
        }
    }
}

/// Serves a connection until it ends. When the server stops, requests in flight finish first.
///
/// `pace` and `auth` report to the connection table what the requests do.
pub(super) async fn serve(
    stream: Stream,
    remote: Option<IpAddr>,
    service: Arc<Service>,
    (pace, auth): (Arc<Pace>, ConnectionAuth),
    mut stop: Stop,
) {
    let mut stream = Paced::new(stream, Arc::clone(&pace));
    let version = tokio::select! {
        version = stream.version() => version,
        () = stop.stopped() => return,
    };
    let onward = Arc::<Mutex<Option<Beyond>>>::default();
    let beyond = Arc::clone(&onward);
    let answer = service_fn(move |mut request: Request<Incoming>| {
        let (beyond, under_way) = (Arc::clone(&beyond), pace.begin(request.version()));
        request.extensions_mut().insert(auth.clone());
        let upgrade = request.headers().contains_key(header::UPGRADE).then(|| hyper::upgrade::on(&mut request));
        let answering = service.answer(remote, request);
        async move {
            let mut response = answering.await;
            if let Some((upgrade, onward)) = upgrade.zip(response.extensions_mut().remove::<Onward>()) {
                *beyond.lock() = Some(Beyond { upgrade, onward, under_way });
            }
            Ok::<_, Infallible>(response)
        }
    });
    // One allocation of the size that the version needs.
    let ended = match version {
        Ok(Version::HTTP_2) => Box::pin(http2(TokioIo::new(stream), answer, stop.clone())).await,
        Ok(_) => Box::pin(http1(TokioIo::new(stream), answer, stop.clone())).await,
        Err(error) => return tracing::trace!(%error, "A connection broke."),
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "A connection broke.");
    }
    let beyond = onward.lock().take();
    if let Some(beyond) = beyond {
        tokio::select! {
            () = stop.stopped() => {}
            () = Box::pin(beyond.carry()) => {}
        }
    }
}

/// Serves a connection of the admin socket, which has a limit of its own.
pub(crate) async fn serve_admin(stream: Stream, service: Arc<Service>, stop: Stop) {
    serve(stream, None, service, (Arc::default(), ConnectionAuth::default()), stop).await;
}

/// The other end of a connection that was upgraded from HTTP.
struct Beyond {
    upgrade: OnUpgrade,
    onward: Onward,
    /// Marks a request as in flight for as long as the upgraded connection lives, so that it never counts as idle.
    under_way: UnderWay,
}

impl Beyond {
    async fn carry(self) {
        if let Ok(upgraded) = self.upgrade.await {
            self.onward.carry(TokioIo::new(upgraded)).await;
        }
        drop(self.under_way);
    }
}

async fn http1<S>(io: TokioIo<Paced>, answer: S, mut stop: Stop) -> hyper::Result<()>
where
    S: hyper::service::Service<Request<Incoming>, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    let mut builder = hyper::server::conn::http1::Builder::new();
    // `paced` enforces the timeout instead.
    builder.header_read_timeout(None).max_buf_size(limits::HEAD_BYTES_MAX);
    let mut connection = pin!(builder.serve_connection(io, answer).with_upgrades());
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

async fn http2<S>(io: TokioIo<Paced>, answer: S, mut stop: Stop) -> hyper::Result<()>
where
    S: hyper::service::Service<Request<Incoming>, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    let mut builder = hyper::server::conn::http2::Builder::new(Spawn(stop.clone()));
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(HTTP2_ASK_EVERY)
        .keep_alive_timeout(HTTP2_ANSWER_MAX)
        .initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(limits::STREAMS_PER_CONNECTION_MAX)
        .max_header_list_size(limits::HEAD_BYTES_MAX as u32);
    let mut connection = pin!(builder.serve_connection(io, answer));
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

/// Lets HTTP/2 start a task for each request, so that a stop waits for them too.
#[derive(Clone)]
struct Spawn(Stop);

impl<F> hyper::rt::Executor<F> for Spawn
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(|stop| async move {
            future.await;
            drop(stop);
        });
    }
}
