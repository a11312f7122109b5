//! The endpoints of a listener, assembled from its configured resources.

use std::collections::HashSet;
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
    serve_at_r0(&mut endpoints);
    endpoints
}

/// Serves every endpoint at `/_matrix/client/v3/` at `/_matrix/client/r0/` too, as Synapse does. ruma lists a path at r0
/// only for what the specification had before 1.1, but clients with one prefix for everything (Hydrogen, Element iOS)
/// also ask there for what came later, such as `keys/signatures/upload`.
fn serve_at_r0(endpoints: &mut [Endpoint]) {
    let served: HashSet<_> =
        endpoints.iter().flat_map(|endpoint| endpoint.names().map(|(m, p)| (m.clone(), p.to_owned()))).collect();
    for endpoint in endpoints {
        let twins: Vec<_> = endpoint
            .names()
            .filter_map(|(method, path)| {
                let twin = format!("/_matrix/client/r0/{}", path.strip_prefix("/_matrix/client/v3/")?);
                Some((method.clone(), twin)).filter(|twin| !served.contains(twin))
            })
            .map(|(_, twin)| twin)
            .collect();
        endpoint.add(twins);
    }
}
