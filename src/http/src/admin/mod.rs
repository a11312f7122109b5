//! The admin API, server side: HTTP with JSON on a Unix socket, with the types of `hearth_admin::wire`.
//!
//! The admin socket decides who may connect before a request gets here. Handlers translate; the domain decides. Every
//! change is recorded in the audit log with the account that made it.

mod answer;
mod appservices;
mod audit;
mod certificates;
mod federation;
mod jobs;
mod log;
mod log_ring;
mod push;
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

pub use certificates::HostCertificates;
pub use log_ring::LogRing;
pub use status::Machine;

use crate::App;
use crate::auth::Authentication;
use crate::respond::Json;
use crate::route::{self, Call, Endpoint};

/// Data of the admin API that the domain does not have: facts about the process around it.
pub struct HostInfo {
    /// The recent log entries.
    pub log: Arc<LogRing>,
    /// The listen addresses of the server.
    pub listeners: Vec<wire::Listener>,
    /// The certificates of the listeners.
    pub certificates: Box<dyn HostCertificates>,
    /// Reads the current figures of the machine.
    pub machine: Box<dyn Fn() -> Machine + Send + Sync>,
}

impl std::fmt::Debug for HostInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HostInfo")
    }
}

/// The account at the other end of the admin socket.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The name in the audit log, such as `uid 1000 (alice)`.
    pub name: Arc<str>,
}

/// All endpoints of the admin API.
pub fn endpoints(around: &Arc<HostInfo>) -> Vec<Endpoint> {
    [
        appservices::endpoints(),
        audit::endpoints(),
        certificates::endpoints(around),
        federation::endpoints(),
        jobs::endpoints(),
        log::endpoints(around),
        push::endpoints(),
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

/// An endpoint with admin socket authentication and a JSON response.
fn endpoint<F, A, T>(method: Method, path: &'static str, handler: F) -> Endpoint
where
    F: Fn(App, Call) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Json<T>>> + Send + 'static,
    T: serde::Serialize,
{
    Endpoint::plain(method, [path], Authentication::AdminSocket, handler)
}

/// The admin API as a service for the connections of the admin socket.
#[derive(Debug)]
pub struct Api(Router);

impl Api {
    /// The service with all routes.
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

    /// Answers one request of `caller`.
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
