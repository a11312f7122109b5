//! Lists of a user's devices.

use hearth_base::boxed;
use hearth_base::{Error, Result};
use hearth_core::Requester;
use hearth_store::ids::UserSn;
use hearth_store::tables::devices::{self, DeviceRow};

use super::Devices;

impl Devices {
    /// All devices of a user, oldest first, with their last-seen times.
    #[boxed]
    pub async fn list(&self, user: UserSn) -> Result<Vec<DeviceRow>> {
        let rows = self.core.store.read("device_list", move |tx| devices::of_user(tx.tx(), user)).await?;
        Ok(rows.into_iter().map(|row| self.freshened(row)).collect())
    }

    /// One of the requester's devices; `M_NOT_FOUND` for an unknown ID.
    #[boxed]
    pub async fn get(&self, requester: &Requester, id: &str) -> Result<DeviceRow> {
        let (user, id) = (requester.user, id.to_owned());
        let row = self.core.store.read("device_get", move |tx| devices::find(tx.tx(), user, &id)).await?;
        row.map(|row| self.freshened(row)).ok_or_else(unknown)
    }

    fn freshened(&self, mut row: DeviceRow) -> DeviceRow {
        if let Some(seen) = self.seen.of(row.sn) {
            row.seen = seen;
        }
        row
    }
}

/// The error for an unknown device.
pub(super) fn unknown() -> Error {
    Error::not_found("You have no such device.")
}
