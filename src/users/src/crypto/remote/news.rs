//! Device list updates from other servers: `m.device_list_update` and `m.signing_key_update`.
//!
//! An update that follows the last one is applied. Any other only marks the list, which is fetched again when a client
//! queries it.

use std::sync::Arc;

use hearth_base::{Position, Result, limits};
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::ids::UserSn;
use hearth_store::tables::remote_devices::{self, ListRow};
use ruma::encryption::{CrossSigningKey, DeviceKeys};
use ruma::serde::Raw;
use ruma::{OwnedDeviceId, OwnedUserId, UserId};

use super::keep::replace_identity;
use super::list;
use crate::crypto::announce;

/// An `m.device_list_update`.
#[derive(Debug)]
pub struct DeviceNews {
    /// The owner.
    pub user_id: OwnedUserId,
    /// The device.
    pub device: OwnedDeviceId,
    /// `stream_id`: the update's number in the owner's device stream.
    pub stream: i64,
    /// `prev_id`: the updates that it follows.
    pub follows: Vec<i64>,
    /// The device's keys; `None` when it has none or was deleted.
    pub keys: Option<Raw<DeviceKeys>>,
    /// The display name.
    pub name: Option<String>,
}

/// Applies an update of one device. The caller has checked that it comes from the owner's server, and that the owner
/// shares a room with a local user.
pub fn device_news(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, owner: UserSn, news: &DeviceNews) -> Result<()> {
    if let Some(known) = remote_devices::list(tx.tx(), owner)? {
        // A duplicate: the other server retries a transaction whose response was lost.
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

/// Whether an update directly follows the stored list.
fn follows(known: ListRow, news: &DeviceNews) -> bool {
    let Some(last) = known.stream else { return false };
    known.synced > Position::ZERO && news.follows.contains(&last) && news.follows.iter().all(|before| *before <= last)
}

/// Applies an update. Returns whether it was valid.
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

/// Applies new cross-signing keys. The caller has made the checks of [`device_news`].
pub fn identity_news(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    (owner, user_id): (UserSn, &UserId),
    master: Option<&Raw<CrossSigningKey>>,
    self_signing: Option<&Raw<CrossSigningKey>>,
) -> Result<()> {
    if remote_devices::list(tx.tx(), owner)?.is_some() {
        // One key without the other may belong to keys that are unknown here.
        match list::identity(user_id, master, self_signing) {
            (Some(master), Some(self_signing)) => {
                replace_identity(tx, owner, Some(&master), Some(&self_signing))?;
            }
            _ => remote_devices::spoil(tx.tx(), owner)?,
        }
    }
    announce::note(core, tx, owner)
}
