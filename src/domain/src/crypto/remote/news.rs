//! Updates that another server sends of its own accord: `m.device_list_update` and `m.signing_key_update`.
//!
//! One that follows upon the last is put in place. Any other only says that something changed: the list is asked for when
//! somebody wants it.

use std::sync::Arc;

use hearth_base::{Position, Result, limits};
use hearth_store::WriteTx;
use hearth_store::ids::UserSn;
use hearth_store::tables::remote_devices::{self, ListRow};
use ruma::encryption::{CrossSigningKey, DeviceKeys};
use ruma::serde::Raw;
use ruma::{OwnedDeviceId, OwnedUserId, UserId};

use super::keep::replace_identity;
use super::list;
use crate::core::Core;
use crate::crypto::announce;

/// One change of a device.
#[derive(Debug)]
pub struct DeviceNews {
    /// Whose device.
    pub user_id: OwnedUserId,
    /// Which.
    pub device: OwnedDeviceId,
    /// The change's number in the server's stream of this user's devices.
    pub stream: i64,
    /// The numbers that it follows upon.
    pub follows: Vec<i64>,
    /// The device's keys; none when it has none, or is gone.
    pub keys: Option<Raw<DeviceKeys>>,
    /// What it is called.
    pub name: Option<String>,
}

/// Takes in a change of one device. The caller has checked that it comes from the owner's server, and that the owner shares
/// a room with somebody here.
pub fn device_news(core: &Arc<Core>, tx: &mut WriteTx<'_>, owner: UserSn, news: &DeviceNews) -> Result<()> {
    if let Some(known) = remote_devices::list(tx.tx(), owner)? {
        if known.stream == Some(news.stream) {
            return Ok(());
        }
        if follows(known, news) && put(tx, owner, news)? {
            let list = ListRow { stream: Some(news.stream), synced: tx.position() };
            remote_devices::set_list(tx.tx(), owner, list)?;
        } else {
            remote_devices::spoil(tx.tx(), owner)?;
        }
    }
    announce::note(core, tx, owner)
}

/// Whether a change is the next one after what is known.
fn follows(known: ListRow, news: &DeviceNews) -> bool {
    let Some(last) = known.stream else { return false };
    known.synced > Position::ZERO && news.follows.contains(&last) && news.follows.iter().all(|before| *before <= last)
}

/// Puts a change in place; says whether it could be.
fn put(tx: &mut WriteTx<'_>, owner: UserSn, news: &DeviceNews) -> Result<bool> {
    let Some(keys) = &news.keys else {
        remote_devices::delete_device(tx.tx(), owner, news.device.as_str())?;
        return Ok(true);
    };
    let Ok(json) = list::device(&news.user_id, &news.device, keys.json().get(), news.name.clone()) else {
        return Ok(false);
    };
    if remote_devices::count(tx.tx(), owner)? >= limits::DEVICES_PER_USER_MAX as u64 {
        return Ok(false);
    }
    remote_devices::set_device(tx.tx(), owner, news.device.as_str(), &json)?;
    Ok(true)
}

/// Takes in new cross-signing keys. The caller has checked what [`device_news`] says.
pub fn identity_news(
    core: &Arc<Core>,
    tx: &mut WriteTx<'_>,
    (owner, user_id): (UserSn, &UserId),
    master: Option<&Raw<CrossSigningKey>>,
    self_signing: Option<&Raw<CrossSigningKey>>,
) -> Result<()> {
    if remote_devices::list(tx.tx(), owner)?.is_some() {
        // One without the other may belong to keys that are not known here.
        match list::identity(user_id, master, self_signing) {
            (Some(master), Some(self_signing)) => {
                replace_identity(tx, owner, Some(&master), Some(&self_signing))?;
            }
            _ => remote_devices::spoil(tx.tx(), owner)?,
        }
    }
    announce::note(core, tx, owner)
}
