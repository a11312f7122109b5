//! The client-server API: one file per group of endpoints, each with its routes and its handlers.

use axum::Router;

use crate::App;

/// Every route of the client-server API.
pub fn router() -> Router<App> {
    Router::new()
}
