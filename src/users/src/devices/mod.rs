//! Devices of local users: list, rename, last-seen times, and the data that is deleted with a device.
//!
//! Login and logout, which create and delete devices, are in `accounts`, above this module.

mod last_seen;
mod list;
pub mod purge;
mod rename;

pub use hearth_store::tables::devices::{DeviceRow, Seen};
pub use last_seen::{LastSeen, RequestSource};
pub use rename::check_name;

use std::sync::Arc;

use hearth_rooms::RoomCore;

/// The device use cases.
#[derive(Debug)]
pub struct Devices {
    core: Arc<RoomCore>,
    /// When and from where each device was last seen, as far as it is not stored yet.
    pub seen: LastSeen,
}

impl Devices {
    /// Creates the service.
    #[must_use]
    pub fn new(core: Arc<RoomCore>) -> Self {
        Self { core, seen: LastSeen::default() }
    }
}
