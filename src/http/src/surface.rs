//! The endpoints of a listener, assembled from its configured resources.

use std::sync::Arc;

use axum::Router;
use axum::response::IntoResponse;
use hearth_base::config::Resource;

use crate::edge::Counters;
use crate::respond::Failure;
use crate::route::{self, Endpoint};
use crate::{App, client, federation, health, metrics, pages, wellknown};

/// The router for these resources.
pub fn router(resources: &[Resource], counters: &Arc<Counters>) -> Router<App> {
    route::router(endpoints(resources, counters), |error| Failure(error).into_response())
}

/// The endpoints of these resources.
///
/// Every listener also serves `/`, `/health` and `/.well-known/matrix/*`, which contain public information only.
pub fn endpoints(resources: &[Resource], counters: &Arc<Counters>) -> Vec<Endpoint> {
    let mut endpoints = health::endpoints();
    endpoints.extend(wellknown::endpoints());
    endpoints.extend(pages::home_endpoints());
    if resources.contains(&Resource::Client) {
        endpoints.extend(client::endpoints());
        endpoints.extend(pages::join_endpoints());
    }
    if resources.contains(&Resource::Federation) {
        endpoints.extend(federation::endpoints());
    }
    if resources.contains(&Resource::Media) {
        endpoints.extend(client::media_endpoints());
    }
    if resources.contains(&Resource::Metrics) {
        endpoints.extend(metrics::endpoints(counters));
    }
    endpoints
}
