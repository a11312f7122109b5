//! Group calls (MatrixRTC, MSC4143 and MSC4195): where the SFU is, tokens for it, and the way to it.

mod leave;
mod member;
mod passage;
mod service;
mod token;
mod transports;

use axum::Router;

use crate::App;

/// The routes of this folder.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .merge(leave::routes())
        .merge(passage::routes())
        .merge(service::routes())
        .merge(token::routes())
        .merge(transports::routes())
}
