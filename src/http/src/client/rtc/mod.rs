//! Group calls (MatrixRTC, MSC4143 and MSC4195): discovery of the SFU, tokens for it, and a tunnel to it.

mod leave;
mod member;
mod passage;
mod service;
mod token;
mod transports;

use crate::route::Endpoint;

/// The endpoints of this folder.
pub(super) fn endpoints() -> Vec<Endpoint> {
    [leave::endpoints(), passage::endpoints(), service::endpoints(), token::endpoints(), transports::endpoints()]
        .into_iter()
        .flatten()
        .collect()
}
