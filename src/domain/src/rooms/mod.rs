//! Rooms: making them, being in them, saying something, and reading what was said.
//!
//! [`Rooms`] is the service that writes: one file for each thing a user can do. What others build on without doing
//! anything themselves (events, state, power, relations) are plain functions.

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

/// What users do in rooms: make, join, leave, send, upgrade, list.
#[derive(Debug)]
pub struct Rooms {
    core: Arc<Core>,
}

impl Rooms {
    /// The service, standing on `core`.
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        Self { core }
    }
}
