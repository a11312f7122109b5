//! The client-server API: one file per group of endpoints, each with its routes and its handlers.

mod membership;
mod rooms;
mod send;
mod state_write;

use axum::Router;

use crate::App;

/// Every route of the client-server API.
pub fn router() -> Router<App> {
    Router::new()
        .merge(membership::routes())
        .merge(rooms::routes())
        .merge(send::routes())
        .merge(state_write::routes())
}
