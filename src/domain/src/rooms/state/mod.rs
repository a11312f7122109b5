//! The state of rooms: snapshots of it, and looking things up in it. Uses events, and no other part of the domain.

pub mod snapshot;
