//! The server-server API: one file per group of endpoints, each with its routes and its handlers. [`auth`] says who asks.

pub mod auth;
mod devices;
mod directory;
mod discovery;
mod events;
mod invites;
mod keys;
mod make_join;
mod media;
mod members;
mod openid;
mod query;
mod rtc;
mod spaces;
mod transactions;
mod x_matrix;

use axum::Router;

use crate::App;

/// Every route of the server-server API.
pub fn router() -> Router<App> {
    Router::new()
        .merge(devices::routes())
        .merge(directory::routes())
        .merge(discovery::routes())
        .merge(events::routes())
        .merge(invites::routes())
        .merge(keys::routes())
        .merge(media::routes())
        .merge(members::routes())
        .merge(openid::routes())
        .merge(query::routes())
        .merge(rtc::routes())
        .merge(spaces::routes())
        .merge(make_join::routes())
        .merge(transactions::routes())
}
