//! The admin API, server side: HTTP with JSON on a Unix socket, in the words of `hearth_admin::wire`.
//!
//! Who may connect is decided before a request gets here, by the socket. Handlers translate; the decisions are the
//! domain's. Every change is noted in the audit log with who made it.

mod answer;
mod audit;
mod federation;
mod jobs;
mod log;
mod log_ring;
mod relay;
mod rooms;
mod signing_keys;
mod status;
mod store;
mod tokens;
mod users;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use futures_util::FutureExt;
use hearth_admin::wire;
use hearth_base::{Error, Reason, Result, error::refuse};
use http::{Method, Request};
use tower::Service;

pub use log_ring::LogRing;
pub use status::Machine;

use crate::App;
use crate::auth::Authentication;
use crate::respond::Json;
use crate::route::{self, Call, Endpoint};

/// What the admin API shows beside the domain: what only the program around it knows.
pub struct HostInfo {
    /// The recent log.
    pub log: Arc<LogRing>,
    /// Where the server listens.
    pub listeners: Vec<wire::Listener>,
    /// Looks at the machine.
    pub machine: Box<dyn Fn() -> Machine + Send + Sync>,
}

impl std::fmt::Debug for HostInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HostInfo")
    }
}

/// Who is on the other end of the socket.
#[derive(Debug, Clone)]
pub struct Caller {
    /// As the audit log names them, such as `uid 1000 (alice)`.
    pub name: Arc<str>,
}

/// Every endpoint of the admin API.
pub fn endpoints(around: &Arc<HostInfo>) -> Vec<Endpoint> {
    [
        audit::endpoints(),
        federation::endpoints(),
        jobs::endpoints(),
        log::endpoints(around),
        relay::endpoints(),
        rooms::endpoints(),
        signing_keys::endpoints(),
        status::endpoints(around),
        store::endpoints(),
        tokens::endpoints(),
        users::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// An endpoint of the admin API.
fn endpoint<F, A, T>(method: Method, path: &'static str, handler: F) -> Endpoint
where
    F: Fn(App, Call) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Json<T>>> + Send + 'static,
    T: serde::Serialize,
{
    Endpoint::plain(method, [path], Authentication::AdminSocket, handler)
}

/// The admin API.
#[derive(Debug)]
pub struct Api(Router);

impl Api {
    /// Every route.
    #[must_use]
    pub fn new(app: App, around: HostInfo) -> Self {
        let unknown_method =
            || async { answer::failure(refuse(Reason::MethodNotAllowed, "This path does not take this method.")) };
        let unknown_path = || async { answer::failure(refuse(Reason::Unrecognized, "There is nothing at this path.")) };
        let router = route::router(endpoints(&Arc::new(around)), answer::failure)
            .method_not_allowed_fallback(unknown_method)
            .fallback(unknown_path);
        Self(router.with_state(app))
    }

    /// Answers one request.
    pub async fn serve<B>(&self, caller: Caller, request: Request<B>) -> Response
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(caller);
        let answering = AssertUnwindSafe(self.0.clone().call(request)).catch_unwind();
        match answering.await {
            Ok(Ok(response)) => response,
            Err(_) => answer::failure(Error::broken("the handler panicked")),
        }
    }
}
