//! The client-server API: one file per group of endpoints, each with its routes and its handlers.

mod account;
mod aliases;
mod capabilities;
mod dehydrated;
mod devices;
mod directory;
mod fallback;
mod keys;
mod login;
mod membership;
mod moderation;
mod register;
mod reports;
mod room_keys;
mod rooms;
mod send;
mod session;
mod state_write;
mod synapse_register;
mod threepids;
mod to_device;
mod versions;

use axum::Router;

use crate::App;

/// Every route of the client-server API.
pub fn router() -> Router<App> {
    Router::new()
        .merge(account::routes())
        .merge(aliases::routes())
        .merge(capabilities::routes())
        .merge(dehydrated::routes())
        .merge(devices::routes())
        .merge(directory::routes())
        .merge(fallback::routes())
        .merge(keys::routes())
        .merge(login::routes())
        .merge(membership::routes())
        .merge(moderation::routes())
        .merge(register::routes())
        .merge(reports::routes())
        .merge(room_keys::routes())
        .merge(rooms::routes())
        .merge(send::routes())
        .merge(session::routes())
        .merge(state_write::routes())
        .merge(synapse_register::routes())
        .merge(threepids::routes())
        .merge(to_device::routes())
        .merge(versions::routes())
}
