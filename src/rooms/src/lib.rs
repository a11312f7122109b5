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
pub mod guests;
mod heads;
pub mod incoming;
mod joined;
pub mod load;
pub mod locals;
pub mod member_profile;
pub mod membership;
pub mod outgoing;
pub mod persist;
pub mod policy;
pub mod power;
pub mod read;
mod redact;
pub mod redaction;
pub mod relate;
mod report;
mod room_core;
pub mod search;
mod send;
pub mod servers;
mod set_state;
pub mod state;
pub mod stripped;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod txn;
mod upgrade;
pub mod user_memberships;
mod validate;

use std::ops::Deref;
use std::sync::Arc;

pub use membership::JoinContent;
pub use room_core::RoomCore;
pub use send::Message;
pub use set_state::StateChange;

/// The room use cases: create, join, leave, send, upgrade, list.
#[derive(Debug)]
pub struct Rooms {
    core: Arc<RoomCore>,
}

impl Rooms {
    /// Creates the service on `core`.
    #[must_use]
    pub fn new(core: Arc<RoomCore>) -> Self {
        Self { core }
    }
}

/// The halves of actions that are done on this server: joining, sending and reading in rooms that it is in. Only the
/// actions of `hearth-domain` hold it, which decide what is done here and what through another server, so that a handler
/// cannot take the half for the whole.
#[derive(Debug, Clone)]
pub struct LocalRooms(Arc<Rooms>);

impl LocalRooms {
    /// The local half of `whole`.
    #[must_use]
    pub fn of(whole: &Arc<Rooms>) -> Self {
        Self(Arc::clone(whole))
    }
}

impl Deref for LocalRooms {
    type Target = Rooms;

    fn deref(&self) -> &Rooms {
        &self.0
    }
}
