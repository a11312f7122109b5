//! The server-server API: one file per group of endpoints, each with its endpoint list and handlers. [`auth`]
//! authenticates the origin.

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

use crate::route::Endpoint;

/// All endpoints of the server-server API.
pub fn endpoints() -> Vec<Endpoint> {
    [
        devices::endpoints(),
        directory::endpoints(),
        discovery::endpoints(),
        events::endpoints(),
        invites::endpoints(),
        keys::endpoints(),
        media::endpoints(),
        members::endpoints(),
        openid::endpoints(),
        query::endpoints(),
        rtc::endpoints(),
        spaces::endpoints(),
        make_join::endpoints(),
        transactions::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
