//! Room state: snapshots, look-ups, and state resolution. Uses events, and no other part of the domain.

pub mod auth_chain;
pub mod resolve;
pub mod snapshot;
