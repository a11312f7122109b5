//! Rooms: creation, membership, sending, and reading.
//!
//! [`Rooms`] is the service that writes: one file per use case. Events, state, power levels and relations are plain
//! functions, because other modules use them too.

pub mod acl;
mod alias;
pub mod append;
pub mod content;
mod create;
pub mod delayed;
pub mod destinations;
pub mod directory;
pub mod effects;
pub mod event;
pub mod find;
pub mod gaps;
