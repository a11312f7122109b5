//! Other homeservers (server-server API): talking to them, and being talked to.
//!
//! Stands on `rooms`, `crypto`, `media` and the rest, none of which knows of it: what they leave for other servers lies in the
//! database, and what other servers bring goes into rooms through the same checks as everything else.

pub mod allowed;
pub mod ask;

use std::sync::Arc;

use crate::core::Core;
use crate::crypto::Crypto;
use crate::ephemeral::{PresenceBook, Typing};
use crate::personal::Personal;
use crate::ports::Network;
use crate::rooms::Rooms;

/// The parts of this server that other servers ask for and bring something to.
#[derive(Debug)]
pub struct Parts {
    /// Rooms.
    pub rooms: Arc<Rooms>,
    /// Profiles.
    pub personal: Arc<Personal>,
    /// Keys and messages between devices.
    pub crypto: Arc<Crypto>,
    /// Who is typing.
    pub typing: Arc<Typing>,
    /// Who is there.
    pub presence: Arc<PresenceBook>,
}

/// What this server does with others.
#[derive(Debug)]
pub struct Federation {
    core: Arc<Core>,
    network: Arc<dyn Network>,
    parts: Parts,
}

impl Federation {
    /// The service; `network` leads to the others.
    #[must_use]
    pub fn new(core: Arc<Core>, network: Arc<dyn Network>, parts: Parts) -> Self {
        Self { core, network, parts }
    }
}
