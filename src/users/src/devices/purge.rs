//! Deletes all data of a device. A new kind of data that belongs to a device must be deleted here.

use std::sync::Arc;

use hearth_base::Result;
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::ids::UserSn;
use hearth_store::tables::account_data::WHOLE_ACCOUNT;
use hearth_store::tables::devices::{self, DeviceRow};
use hearth_store::tables::tokens::{self, TokenHash};
use hearth_store::tables::{
    account_data, dehydrated, device_keys, one_time_keys, pushers, sliding_connections, to_device,
};

use crate::crypto::announce::{Changed, announce};

/// Types of account data about the notifications of the device whose ID follows.
const NOTIFICATION_SETTINGS: [&str; 2] =
    ["m.local_notification_settings.", "org.matrix.msc3890.local_notification_settings."];

/// Deletes devices of a user with all their data, and announces the change to users who share a room if any device had
/// keys. Wakes the user, so that waiting syncs of these devices end at once. Returns the deleted access tokens: the
/// caller ends their sessions.
pub fn purge(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, user: UserSn, gone: &[DeviceRow]) -> Result<Vec<TokenHash>> {
    let (mut access, mut had_keys) = (Vec::new(), Vec::new());
    for device in gone {
        access.extend(tokens::delete_of_device(tx.tx(), device.sn)?);
        if device_keys::delete(tx.tx(), user, device.sn)? {
            had_keys.push(device.id.clone());
        }
        device_keys::delete_signatures(tx.tx(), user, &device.id)?;
        one_time_keys::clear(tx.tx(), device.sn)?;
        to_device::clear(tx.tx(), device.sn)?;
        dehydrated::delete(tx.tx(), user, device.sn)?;
        pushers::delete_of_device(tx.tx(), device.sn)?;
        sliding_connections::clear(tx.tx(), device.sn)?;
        forget_settings(tx, user, &device.id)?;
        devices::delete(tx.tx(), device.sn)?;
    }
    if !had_keys.is_empty() {
        // This wakes the user as well.
        announce(core, tx, user, Changed::Gone(&had_keys))?;
    } else if !gone.is_empty() {
        wake(core, tx, user);
    }
    Ok(access)
}

/// Deletes account data about the device's notifications (MSC3890): a device with the same ID later must not inherit it. The
/// caller wakes the user.
fn forget_settings(tx: &mut WriteTx<'_>, user: UserSn, device_id: &str) -> Result<()> {
    for prefix in NOTIFICATION_SETTINGS {
        let (kind, at) = (format!("{prefix}{device_id}"), tx.position());
        if account_data::get(tx.tx(), user, WHOLE_ACCOUNT, &kind)?.is_some() {
            account_data::set(tx.tx(), user, WHOLE_ACCOUNT, &kind, None, at)?;
        }
    }
    Ok(())
}

/// Wakes a user's waiting syncs when the transaction commits, so that they authenticate again.
pub fn wake(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, user: UserSn) {
    let (core, at) = (Arc::clone(core), tx.position());
    tx.after_commit(move || core.notifier.wake(&[user], at));
}
