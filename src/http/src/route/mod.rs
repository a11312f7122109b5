//! Endpoints as data: [`router`] turns each [`Endpoint`] into routes, and [`print()`] into text.
//!
//! Every request passes the same `gate`: authentication, access rules, rate limit, body limit, depth. Only the parsing,
//! the handler and the response are compiled once per endpoint; the handler's type is erased there, so that axum's
//! routing and the gate are compiled once in total.

mod bodies;
mod call;
mod callers;
mod drain;
mod endpoint;
mod gate;
mod handler;
mod print;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawPathParams, Request, State};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use futures_util::TryFutureExt;
use hearth_base::Error;

pub use bodies::BodyBudgets;
pub use call::{Call, Ruma};
pub use callers::Callers;
pub(crate) use drain::drain;
pub use endpoint::{Depth, Endpoint, RequestBody};
pub use print::print;

use crate::App;
use crate::pages::{self, Language};

/// The routes of `endpoints`. `failure` formats errors for the API; those of web pages are pages.
pub fn router(endpoints: Vec<Endpoint>, failure: fn(Error) -> Response) -> Router<App> {
    let mut router = Router::new();
    for endpoint in endpoints {
        let endpoint = Arc::new(endpoint);
        let method = MethodFilter::try_from(endpoint.method.clone()).expect("endpoints use methods that axum knows");
        for path in &endpoint.paths {
            // One closure type for all endpoints, so that axum's generic code is compiled once.
            let endpoint = Arc::clone(&endpoint);
            let serve = move |State(app): State<App>, params: RawPathParams, request: Request| {
                // Only pages look at the language.
                let page = endpoint.is_page.then(|| (app.clone(), Language::of(request.headers())));
                gate::serve(app, endpoint, params, request).unwrap_or_else(move |error| match page {
                    Some((app, language)) => pages::failure(&app, language, error),
                    None => failure(error),
                })
            };
            router = router.route(path, on(method, serve));
        }
    }
    router
}
