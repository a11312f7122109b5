//! What a homeserver does: accounts, devices, rooms, sync, keys, push, presence, media. No SQL text, no HTTP.
//!
//! Folders call downward only: `sync` and `push` use `rooms`, `rooms` uses `accounts` and `devices`, and `rooms/event` and
//! `rooms/state` use nobody. News travels upward through the database and the notifier, never through calls.

pub mod admin;
pub mod core;
pub mod keys;
pub mod notify;
pub mod push;
pub mod requester;
pub mod rooms;

pub use core::Core;
pub use requester::Requester;

use std::sync::Arc;

/// All use cases of the server, one field for each part of the domain.
#[derive(Debug)]
pub struct Domain {
    /// What all parts stand on.
    pub core: Arc<Core>,
    /// What users do in rooms.
    pub rooms: rooms::Rooms,
    /// What the operator sees and does.
    pub admin: admin::Admin,
}

impl Domain {
    /// Builds every part on the foundation.
    pub fn new(core: Arc<Core>) -> hearth_base::Result<Arc<Self>> {
        let admin = admin::Admin::new(Arc::clone(&core));
        let rooms = rooms::Rooms::new(Arc::clone(&core));
        Ok(Arc::new(Self { core, rooms, admin }))
    }
}
