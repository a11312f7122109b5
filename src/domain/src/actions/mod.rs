//! What users and administrators do: the one front door to it. One function for each action, one file for each kind.
//!
//! An action decides by itself what is done here and what on another server; callers never choose. What they stand on (`rooms`,
//! `media`, `crypto`, `federation`) each does only its own half, and is not reachable from outside of this crate where that would
//! be mistaken for the whole.
//!
//! A client may hang up at any moment, and then the future of its request is dropped; a server may crash at any moment. So each
//! action that changes something says in its documentation, in a line of its own, how it ends:
//!
//! - *Durability: one transaction.* It is one write to the database: all of it is done, or nothing.
//! - *Durability: finished.* It goes on when the client hangs up ([`Actions::finish`]). A crash in between leaves nothing that the
//!   same request again does not put right.
//! - *Durability: durable job.* Besides, it is a row on disk from before its first step until after its last ([`durable`]), and is
//!   resumed when the server starts.
//!
//! `tests/it/actions` has the table of all of them, and stops each after each of its steps.
//!
//! What counts as activity of the user (presence, `currently_active`): what they do by hand in a room. That is sending, redacting
//! and setting state now, typing, and reading. What a client does by itself does not count: events that are scheduled for later, or
//! sent when they are due, and requests for keys.

mod account;
mod admin;
mod content;
mod create_room;
mod delayed_events;
mod directory;
mod durable;
mod event;
mod finish;
mod hierarchy;
mod invite;
mod join;
mod keys;
mod knock;
mod leave;
mod messages;
mod moderation;
mod profile;
mod reading;
mod send;
mod summary;
mod typing;

use std::sync::Arc;

use hearth_base::Position;

use crate::accounts::Accounts;
use crate::admin::Admin;
use crate::calls::Calls;
use crate::core::Core;
use crate::crypto::Crypto;
use crate::ephemeral::{PresenceBook, Typing};
use crate::federation::Federation;
use crate::media::Media;
use crate::personal::Personal;
use crate::rooms::Rooms;
use crate::rooms::delayed::Delayed;

pub use send::{Redaction, Sent};

/// What the actions stand on.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Accounts.
    pub accounts: Arc<Accounts>,
    /// What administrators see.
    pub admin: Arc<Admin>,
    /// The relay.
    pub calls: Arc<Calls>,
    /// Keys.
    pub crypto: Arc<Crypto>,
    /// Events that are sent later.
    pub delayed: Arc<Delayed>,
    /// Other homeservers.
    pub federation: Arc<Federation>,
    /// Uploads and copies of what was uploaded elsewhere.
    pub media: Arc<Media>,
    /// Profiles and account data.
    pub personal: Arc<Personal>,
    /// Presence.
    pub presence: Arc<PresenceBook>,
    /// Rooms of this server.
    pub rooms: Arc<Rooms>,
    /// Typing notifications.
    pub typing: Arc<Typing>,
}

/// What users and administrators do.
#[derive(Debug)]
pub struct Actions {
    core: Arc<Core>,
    parts: Parts,
    /// The newest position when this run of the server began: rows up to there are the last run's.
    began_at: Position,
    under_way: Arc<finish::UnderWay>,
    journal: Arc<durable::Journal>,
}

impl Actions {
    /// The service. Durable actions of the last run begin to be resumed by [`Actions::run_durable`].
    #[must_use]
    pub fn new(core: Arc<Core>, parts: Parts) -> Arc<Self> {
        let began_at = core.store.position();
        Arc::new(Self { core, parts, began_at, under_way: Arc::default(), journal: Arc::default() })
    }
}
