//! Logs out devices that have not been used for long, if the operator wants that (`tokens.unused_device_days`): each is a
//! session that someone might find, and a device for which others encrypt.
//!
//! Logging out makes most clients delete their keys. So a device stays that may hold the only keys to old messages: one with
//! encryption keys whose user has no key backup. The device that a user used last stays as well, however long ago that was,
//! and so do dehydrated devices and those of application services, which are unused by design.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::limits::users::UNUSED_DEVICES_PER_WRITE_MAX;
use hearth_base::{Millis, Result, limits};
use hearth_rooms::RoomCore;
use hearth_store::engine::Tx;
use hearth_store::ids::DeviceSn;
use hearth_store::tables::devices::{self, DeviceRow};
use hearth_store::tables::{backups, dehydrated, device_keys, users};
use hearth_store::{Lane, ReadTx, WriteTx};
use ruma::UserId;

use super::Accounts;
use super::log_out::end;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

impl Accounts {
    /// Logs out unused devices. Called by upkeep, after the times of last use are stored; does nothing unless it is
    /// configured. A device that comes back during this may be logged out, as if it had come a moment later.
    #[boxed]
    pub async fn log_out_unused_devices(&self) -> Result<()> {
        let unused_ms = u64::from(self.core.config.tokens.unused_device_days) * DAY_MS;
        let now_ms = self.core.now_ms();
        // With a clock that is wrong, no device would be recognised as used.
        if unused_ms == 0 || now_ms < limits::CLOCK_MS_MIN {
            return Ok(());
        }
        let (before_ms, mut after) = (now_ms.saturating_sub(unused_ms), DeviceSn(0));
        loop {
            let core = Arc::clone(&self.core);
            let read = move |tx: &mut ReadTx<'_>| {
                let found = devices::unused(tx.tx(), before_ms, after, UNUSED_DEVICES_PER_WRITE_MAX)?;
                let last = found.last().map(|device| device.sn);
                Ok((last, may_go(&core, tx.tx(), found)?))
            };
            let (last, gone) = self.core.store.read_slow("devices_unused", read).await?;
            let Some(last) = last else { return Ok(()) };
            after = last;
            if !gone.is_empty() {
                self.end_unused(gone, before_ms).await?;
            }
        }
    }

    async fn end_unused(&self, gone: Vec<DeviceRow>, before_ms: Millis) -> Result<()> {
        let (core, sessions) = (Arc::clone(&self.core), Arc::clone(&self.sessions));
        let write = move |tx: &mut WriteTx<'_>| {
            // Look again: the user may have logged out their other devices, or deleted the backup.
            for device in may_go(&core, tx.tx(), gone)? {
                if devices::get(tx.tx(), device.sn)?.is_some_and(|now| used_ms(&now) < before_ms) {
                    tracing::info!(device = %device.id, "Logged out a device that was not used for long.");
                    end(&core, &sessions, tx, device.user, std::slice::from_ref(&device))?;
                }
            }
            Ok(())
        };
        self.core.store.write_in(Lane::Upkeep, "devices_end_unused", write).await
    }
}

/// When a device was last used; one that never was counts from its login.
fn used_ms(device: &DeviceRow) -> Millis {
    device.seen.at_ms.unwrap_or(device.created_ms)
}

/// Those of `found` that nothing is lost with.
fn may_go(core: &RoomCore, tx: &mut dyn Tx, found: Vec<DeviceRow>) -> Result<Vec<DeviceRow>> {
    let mut gone = Vec::new();
    for device in found {
        if !is_needed(core, tx, &device)? {
            gone.push(device);
        }
    }
    Ok(gone)
}

fn is_needed(core: &RoomCore, tx: &mut dyn Tx, device: &DeviceRow) -> Result<bool> {
    let dehydrated = dehydrated::get(tx, device.user)?.map(|(dehydrated, _)| dehydrated);
    let name = users::name(tx, device.user)?;
    let is_of_service = name
        .and_then(|name| UserId::parse(name).ok())
        .is_none_or(|user| core.appservices.all().iter().any(|service| service.owns_user(&user)));
    if dehydrated == Some(device.sn) || is_of_service {
        return Ok(true);
    }
    let others = devices::of_user(tx, device.user)?.into_iter().filter(|other| Some(other.sn) != dehydrated);
    let last_used = others.max_by_key(|other| (used_ms(other), other.sn.0));
    if last_used.is_none_or(|last| last.sn == device.sn) {
        return Ok(true);
    }
    let has_keys = device_keys::get(tx, device.user, device.sn)?.is_some();
    Ok(has_keys && backups::newest(tx, device.user)?.is_none())
}
