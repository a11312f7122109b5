//! Actions of users and administrators: the entry point of the domain. One function for each action, one file for each
//! kind.
//!
//! An action decides which part runs here and which on another server; callers never choose. The services below
//! (`rooms`, `media`, `crypto`, `federation`) each do one half, and are private to the crate where a caller could take
//! that half for the whole.
//!
//! A client may hang up at any moment, which drops the future of its request, and the server may crash at any moment.
//! So the documentation of each action that changes something has a line on durability:
//!
//! - *Durability: one transaction.* A single database write: all or nothing.
//! - *Durability: finished.* The action continues when the client hangs up ([`Actions::finish`]). After a crash in
//!   between, repeating the request repairs what is left.
//! - *Durability: durable job.* In addition, a row on disk exists from before the first step until after the last
//!   ([`durable`]), and the action is resumed at startup.
//!
//! `tests/it/actions` has the table of all actions, and interrupts each after each of its steps.
//!
//! User activity (presence, `currently_active`) is what a user does by hand in a room: sending, redacting and setting
//! state now, typing, and reading. Automatic client requests do not count: scheduling a delayed event, its sending
//! when due, and key requests.

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
mod register;
mod send;
mod summary;
mod typing;

use std::sync::Arc;

use hearth_base::Position;
use hearth_federation::Federation;
use hearth_rooms::LocalRooms;
use hearth_rooms::RoomCore;
use hearth_rooms::delayed::Delayed;
use hearth_users::accounts::Accounts;
use hearth_users::calls::Calls;
use hearth_users::crypto::LocalKeys;
use hearth_users::ephemeral::{PresenceBook, Typing};
use hearth_users::media::LocalMedia;
use hearth_users::personal::Personal;
use hearth_users::push::delivery::Delivery;

use crate::admin::Admin;
use crate::appservices::Appservices;

pub use send::{Redaction, Sent};

/// The services that actions use.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Accounts, devices and access tokens.
    pub accounts: Arc<Accounts>,
    /// The administrator's view of the server.
    pub admin: Arc<Admin>,
    /// Application services.
    pub appservices: Arc<Appservices>,
    /// The TURN relay.
    pub calls: Arc<Calls>,
    /// Device keys, cross-signing keys, key backups and to-device messages.
    pub crypto: LocalKeys,
    /// Delayed events (MSC4140).
    pub delayed: Arc<Delayed>,
    /// Delivery to pushers.
    pub delivery: Arc<Delivery>,
    /// Requests to and from other homeservers.
    pub federation: Arc<Federation>,
    /// Local media and copies of remote media.
    pub media: LocalMedia,
    /// Profiles, account data, tags and push rules.
    pub personal: Arc<Personal>,
    /// Presence of local and remote users.
    pub presence: Arc<PresenceBook>,
    /// Rooms that this server participates in.
    pub rooms: LocalRooms,
    /// Typing notifications.
    pub typing: Arc<Typing>,
}

/// The entry point for actions of users and administrators.
#[derive(Debug)]
pub struct Actions {
    core: Arc<RoomCore>,
    parts: Parts,
    /// The newest position at startup: rows up to it belong to the previous run.
    began_at: Position,
    under_way: Arc<finish::UnderWay>,
    journal: Arc<durable::Journal>,
}

impl Actions {
    /// Creates the service. [`Actions::run_durable`] resumes the durable actions of the previous run.
    #[must_use]
    pub fn new(core: Arc<RoomCore>, parts: Parts) -> Arc<Self> {
        let began_at = core.store.position();
        Arc::new(Self { core, parts, began_at, under_way: Arc::default(), journal: Arc::default() })
    }
}
