//! What a listener serves: the routes of its resources, put together.

use std::sync::Arc;

use axum::Router;
use hearth_base::config::Resource;

use crate::edge::Counters;
use crate::{App, client, federation, health, metrics, wellknown};

/// The routes of some resources.
///
/// Every listener has `/`, `/health` and `/.well-known/matrix/*`: they say nothing that is not for everyone.
pub fn router(resources: &[Resource], counters: &Arc<Counters>) -> Router<App> {
    let mut router = health::routes().merge(wellknown::routes());
    if resources.contains(&Resource::Client) {
        router = router.merge(client::router());
    }
    if resources.contains(&Resource::Federation) {
        router = router.merge(federation::router());
    }
    if resources.contains(&Resource::Media) {
        router = router.merge(client::media_router());
    }
    if resources.contains(&Resource::Metrics) {
        router = router.merge(metrics::routes(Arc::clone(counters)));
    }
    router
}
