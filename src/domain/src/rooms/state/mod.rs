//! The state of rooms: snapshots of it, looking things up in it, and what becomes of several. Uses events, and no other part of
//! the domain.

pub mod auth_chain;
pub mod resolve;
pub mod snapshot;
