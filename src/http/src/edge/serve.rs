//! One request from start to finish: the only layer around the router.
//!
//! One layer instead of a stack of them, because each layer costs an allocation or two per request.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::MatchedPath;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{self, Either};
use hearth_base::error::refuse;
use hearth_base::{Error, Fault, Reason, limits};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use tower::Service;
use tracing::Instrument;

use super::cors::{self, SameOriginOnly};
use super::counters::Counters;
use super::matched::Matched;
use super::request_id::{RequestId, RequestIds};
use super::slow_body::SlowBody;
use crate::app::{App, ClientAddress};
use crate::respond::Failure;

/// The route name under which unmatched requests are counted.
const NO_ROUTE: &str = "(none)";

/// Serves requests: the router, and everything that happens to every request before and after it.
#[derive(Debug)]
pub struct Edge {
    router: Router,
    counters: Arc<Counters>,
    ids: RequestIds,
}

impl Edge {
    /// An edge around `router`, with its own responses for unknown paths and methods.
    #[must_use]
    pub fn new(router: Router<App>, app: App, counters: Arc<Counters>) -> Self {
        let mut run = [0; 4];
        app.domain.core.seams.random.fill(&mut run);
        let unknown_method = |uri: Uri| async move {
            unmatched(&uri, Failure(refuse(Reason::MethodNotAllowed, "This path does not take this method.")))
        };
        let unknown_path = |uri: Uri| async move {
            unmatched(&uri, Failure(refuse(Reason::Unrecognized, "There is nothing at this path.")))
        };
        let router = router
            .route_layer(Matched)
            .method_not_allowed_fallback(unknown_method)
            .fallback(unknown_path)
            .with_state(app);
        Self { router, counters, ids: RequestIds::new(u32::from_ne_bytes(run)) }
    }

    /// Answers one request from `client`.
    ///
    /// Not `async`, and made of combinators, so that a long poll holds its request once and not in each of several futures.
    pub fn serve<B>(
        self: &Arc<Self>,
        client: ClientAddress,
        request: Request<B>,
    ) -> impl Future<Output = Response> + Send + use<B>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let (began, id) = (Instant::now(), self.ids.next());
        let method = request.method().clone();
        let span = tracing::debug_span!("request", %id);
        let answering = match early(&request) {
            Some(response) => Either::Left(future::ready(response)),
            None => Either::Right(self.route(client, request).instrument(span)),
        };
        let this = Arc::clone(self);
        answering.map(move |mut response| {
            this.account(&mut response, &method, id, began.elapsed());
            if response.extensions_mut().remove::<SameOriginOnly>().is_none() {
                cors::allow(response.headers_mut());
            }
            response.headers_mut().insert(HeaderName::from_static("x-request-id"), id.header());
            response
        })
    }

    fn route<B>(&self, client: ClientAddress, request: Request<B>) -> impl Future<Output = Response> + Send + use<B>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let mut request = request.map(|body| Body::new(SlowBody::new(body)));
        request.extensions_mut().insert(client);
        // Unwind safety: a handler owns its data, and the state it shares survives a panic as it does in the store.
        let answering = AssertUnwindSafe(self.router.clone().call(request)).catch_unwind();
        answering.map(|answered| match answered {
            Ok(Ok(response)) => in_json(response),
            // The panic hook has logged where it panicked.
            Err(_) => Failure(Error::broken("the handler panicked")).into_response(),
        })
    }

    /// Counts a request, and logs its outcome.
    fn account(&self, response: &mut Response, method: &Method, id: RequestId, took: Duration) {
        let (status, extensions) = (response.status(), response.extensions_mut());
        let route = extensions.remove::<MatchedPath>();
        if let Some(UnmatchedPath(path)) = extensions.remove::<UnmatchedPath>() {
            // Operators want to know which endpoints clients miss.
            tracing::debug!(request.id = %id, http.method = %method, http.path = path, "No endpoint at this path.");
        }
        let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
        if let Some(fault) = extensions.remove::<Arc<Fault>>() {
            tracing::error!(request.id = %id, http.route = route, error = %fault, "Request failed.");
        }
        // The pattern, not the path or the query: those contain ids and, from old clients, access tokens.
        tracing::debug!(
            request.id = %id,
            http.method = %method,
            http.route = route,
            http.status = status.as_u16(),
            took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "Answered."
        );
        self.counters.add(route, method, status, took);
    }
}

/// The path of a request that no route has, truncated. In the response, because a request's parts refer to the buffer into
/// which the connection read it: kept until the answer, they would hold it as long as a long poll waits.
#[derive(Debug, Clone)]
struct UnmatchedPath(String);

fn unmatched(uri: &Uri, refused: Failure) -> Response {
    let mut response = refused.into_response();
    let path = uri.path().chars().take(limits::LOGGED_PATH_CHARS_MAX).collect();
    response.extensions_mut().insert(UnmatchedPath(path));
    response
}

/// Responses that do not depend on a route, such as CORS preflight and overlong targets.
fn early<B>(request: &Request<B>) -> Option<Response> {
    if request.method() == Method::OPTIONS {
        return Some(cors::preflight());
    }
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > limits::URI_BYTES_MAX {
        let message = format!("The request's target is longer than {} bytes.", limits::URI_BYTES_MAX);
        let mut response = Failure(refuse(Reason::TooLarge, message)).into_response();
        *response.status_mut() = StatusCode::URI_TOO_LONG;
        return Some(response);
    }
    // hyper refuses a head that fills its buffer, but a read may fill the buffer to twice its bound.
    let headers: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers > limits::HEAD_BYTES_MAX {
        let message = format!("The request's headers are longer than {} bytes.", limits::HEAD_BYTES_MAX);
        let mut response = Failure(refuse(Reason::TooLarge, message)).into_response();
        *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Some(response);
    }
    None
}

/// Converts axum's own plain-text refusals, such as for a path that is not UTF-8, to the JSON that clients expect.
fn in_json(response: Response) -> Response {
    let status = response.status();
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    if !status.is_client_error() || response.headers().get(header::CONTENT_TYPE) != Some(&plain) {
        return response;
    }
    let mut refused = Failure(refuse(Reason::InvalidParam, "The request is malformed.")).into_response();
    *refused.status_mut() = status;
    refused
}
