//! The client-server API: one file per group of endpoints, each with its routes and its handlers.

mod aliases;
mod dehydrated;
mod directory;
mod keys;
mod membership;
mod reports;
mod room_keys;
mod rooms;
mod send;
mod state_write;
mod to_device;

use axum::Router;

use crate::App;

/// Every route of the client-server API.
pub fn router() -> Router<App> {
    Router::new()
        .merge(aliases::routes())
        .merge(dehydrated::routes())
        .merge(directory::routes())
        .merge(keys::routes())
        .merge(membership::routes())
        .merge(reports::routes())
        .merge(room_keys::routes())
        .merge(rooms::routes())
        .merge(send::routes())
        .merge(state_write::routes())
        .merge(to_device::routes())
}
