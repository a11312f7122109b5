//! The devices of local users: listing and naming them, when they were last seen, and what goes when they go.
//!
//! Logging in and out, and with it making and deleting devices, is the matter of `accounts`, which is above.

mod last_seen;
mod list;
pub(crate) mod purge;
mod rename;

pub use hearth_store::tables::devices::{DeviceRow, Seen};
pub(crate) use last_seen::LastSeen;
pub use last_seen::RequestSource;
pub(crate) use rename::check_name;

use std::sync::Arc;

use crate::Core;

/// What users do with their devices.
#[derive(Debug)]
pub struct Devices {
    core: Arc<Core>,
    pub(crate) seen: LastSeen,
}

impl Devices {
    /// On the foundation.
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        Self { core, seen: LastSeen::default() }
    }
}
