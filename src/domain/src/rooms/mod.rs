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
pub mod directory;
pub(crate) mod effects;
pub mod event;
pub mod find;
pub mod gaps;
pub(crate) mod guests;
mod joined;
pub mod load;
pub mod locals;
pub mod member_profile;
pub(crate) mod membership;
pub mod outgoing;
pub mod persist;
pub mod policy;
pub mod power;
pub mod read;
mod redact;
pub mod redaction;
pub mod relate;
mod report;
mod send;
pub mod servers;
mod set_state;
pub mod state;
pub mod stripped;
#[cfg(test)]
mod tests;
mod txn;
mod upgrade;
mod validate;

use std::sync::Arc;

pub use membership::JoinContent;
pub use send::Message;
pub use set_state::StateChange;

use crate::core::Core;

/// The room use cases: create, join, leave, send, upgrade, list.
#[derive(Debug)]
pub struct Rooms {
    core: Arc<Core>,
}

impl Rooms {
    /// Creates the service on `core`.
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        Self { core }
    }
}
