//! Devices of local users: list, rename, last-seen times, and the data that is deleted with a device.
//!
//! Login and logout, which create and delete devices, are in `accounts`, above this module.

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

/// The device use cases.
#[derive(Debug)]
pub struct Devices {
    core: Arc<Core>,
    pub(crate) seen: LastSeen,
}

impl Devices {
    /// Creates the service.
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        Self { core, seen: LastSeen::default() }
    }
}
