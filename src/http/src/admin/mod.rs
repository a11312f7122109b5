//! The admin API, server side: HTTP with JSON on a Unix socket, in the words of `hearth_admin::wire`.
//!
//! Who may connect is decided before a request gets here, by the socket. Handlers translate; the decisions are the domain's.
//! Every change is noted in the audit log with who made it.

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
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use hearth_admin::wire;
use hearth_base::{Error, Reason, error::refuse};
use http::Request;
use tower::Service;

pub use log_ring::LogRing;
pub use status::Machine;

use crate::App;
use answer::AdminFailure;

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
        f.write_str("Surroundings")
    }
}

/// Who is on the other end of the socket.
#[derive(Debug, Clone)]
pub struct Caller {
    /// As the audit log names them, such as `uid 1000 (alice)`.
    pub name: Arc<str>,
}

/// What every handler of the admin API gets.
#[derive(Clone)]
struct Context {
    app: App,
    around: Arc<HostInfo>,
}

/// The admin API.
#[derive(Debug)]
pub struct Api(Router);

impl Api {
    /// Every route.
    #[must_use]
    pub fn new(app: App, around: HostInfo) -> Self {
        let unknown_method =
            || async { AdminFailure(refuse(Reason::MethodNotAllowed, "This path does not take this method.")) };
        let unknown_path = || async { AdminFailure(refuse(Reason::Unrecognized, "There is nothing at this path.")) };
        let router = Router::new()
            .merge(audit::routes())
            .merge(federation::routes())
            .merge(jobs::routes())
            .merge(log::routes())
            .merge(relay::routes())
            .merge(rooms::routes())
            .merge(signing_keys::routes())
            .merge(status::routes())
            .merge(store::routes())
            .merge(tokens::routes())
            .merge(users::routes())
            .method_not_allowed_fallback(unknown_method)
            .fallback(unknown_path);
        Self(router.with_state(Context { app, around: Arc::new(around) }))
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
            Err(_) => AdminFailure(Error::broken("the handler panicked")).into_response(),
        }
    }
}
