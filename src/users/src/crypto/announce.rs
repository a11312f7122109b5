//! Announces changes of a user's devices or cross-signing keys: to local users who share a room with them and, for
//! local users, to other servers.

use hearth_base::boxed;
use std::collections::BTreeSet;
use std::sync::Arc;

use hearth_base::{Result, limits};
use hearth_rooms::RoomCore;
use hearth_rooms::servers;
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::cross_signing::{self, KeyKind};
use hearth_store::tables::{device_keys, device_lists, devices, memberships, remote_devices, rooms};
use ruma::api::federation::transactions::edu::{DeviceListUpdateContent, Edu, SigningKeyUpdateContent};
use ruma::{OwnedRoomId, UInt, UserId};

use super::{Crypto, signed};
use crate::personal::{user_id, wake_neighbours};

/// What changed for a local user.
#[derive(Debug, Clone, Copy)]
pub enum Changed<'a> {
    /// Keys of these devices, or signatures on them.
    Devices(&'a [String]),
    /// These devices were deleted, and had keys.
    Gone(&'a [String]),
    /// The master key or the self-signing key, or signatures on them.
    Identity,
}

/// Announces a change for a local user.
pub fn announce(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, user: UserSn, changed: Changed<'_>) -> Result<()> {
    note(core, tx, user)?;
    let id = user_id(tx.tx(), user)?;
    let mut servers = BTreeSet::new();
    for room in memberships::joined_rooms(tx.tx(), user)? {
        servers.extend(servers::of(core, tx.tx(), room)?.iter().cloned());
    }
    let (devices, gone) = match changed {
        Changed::Devices(devices) => (devices, false),
        Changed::Gone(devices) => (devices, true),
        Changed::Identity => {
            let edu = identity(tx.tx(), user, &id)?;
            return core.outgoing.edu(core, tx, servers.iter().map(|server| &**server), &edu);
        }
    };
    for device in devices {
        let edu = device_update(core, tx, user, &id, device, gone)?;
        core.outgoing.edu(core, tx, servers.iter().map(|server| &**server), &edu)?;
    }
    Ok(())
}

impl Crypto {
    /// Announces the devices of a user who joined a room to servers in it that shared no room with them before
    /// (server-server API, "Device Management"). They get the current state, not the next update of the stream: other
    /// servers would take that for a missed update.
    #[boxed]
    pub async fn announce_to_new_servers(&self, user: UserSn, room_id: OwnedRoomId) -> Result<()> {
        let core = self.core.clone();
        let write = move |tx: &mut WriteTx<'_>| {
            let Some(room) = rooms::by_id(tx.tx(), room_id.as_str())? else { return Ok(()) };
            let mut new: BTreeSet<_> = servers::of(&core, tx.tx(), room.sn)?.iter().cloned().collect();
            for other in memberships::joined_rooms(tx.tx(), user)? {
                if new.is_empty() {
                    return Ok(());
                }
                if other != room.sn {
                    servers::of(&core, tx.tx(), other)?.iter().for_each(|known| _ = new.remove(known));
                }
            }
            if new.is_empty() {
                return Ok(());
            }
            for edu in current_updates(&core, tx.tx(), user)? {
                core.outgoing.edu(&core, tx, new.iter().map(|server| &**server), &edu)?;
            }
            Ok(())
        };
        self.core.store.write("devices_announce", write).await
    }
}

/// Updates with the current state of each device that has keys. They have no `prev_id`, so one update already makes a
/// server fetch the whole list; the newest few are enough.
fn current_updates(core: &RoomCore, tx: &mut dyn Tx, user: UserSn) -> Result<Vec<Edu>> {
    let id = user_id(tx, user)?;
    let stream = remote_devices::stream(tx, user)?.unwrap_or_default();
    let signatures = device_keys::signatures(tx, user, user)?;
    let mut updates = Vec::new();
    // Newest first, because the number of updates is limited.
    for row in devices::of_user(tx, user)?.into_iter().rev() {
        if updates.len() == limits::DEVICES_ANNOUNCED_ON_JOIN_MAX {
            break;
        }
        let Some(json) = device_keys::get(tx, user, row.sn)? else { continue };
        let mut update = DeviceListUpdateContent::new(id.clone(), row.id.as_str().into(), number(stream));
        update.device_display_name = name_shown(core, row.name);
        update.keys = Some(signed::raw(&signed::with_signatures(&json, &row.id, &signatures)?)?);
        updates.push(Edu::DeviceListUpdate(update));
    }
    Ok(updates)
}

/// A device's display name, if the configuration shares names with other servers.
fn name_shown(core: &RoomCore, name: Option<String>) -> Option<String> {
    name.filter(|_| core.config.federation.share_device_names)
}

/// The next update in the stream of a user's device list. The stream advances even without a recipient: a server that
/// later comes to share a room can then tell that it missed an update.
fn device_update(
    core: &RoomCore,
    tx: &mut WriteTx<'_>,
    user: UserSn,
    id: &UserId,
    device: &str,
    gone: bool,
) -> Result<Edu> {
    let last = remote_devices::stream(tx.tx(), user)?;
    let stream = tx.position().as_i64();
    remote_devices::set_stream(tx.tx(), user, stream)?;
    let mut update = DeviceListUpdateContent::new(id.to_owned(), device.into(), number(stream));
    update.prev_id = last.map(number).into_iter().collect();
    if gone {
        update.deleted = Some(true);
        return Ok(Edu::DeviceListUpdate(update));
    }
    if let Some(row) = devices::find(tx.tx(), user, device)?
        && let Some(json) = device_keys::get(tx.tx(), user, row.sn)?
    {
        let signatures = device_keys::signatures(tx.tx(), user, user)?;
        update.keys = Some(signed::raw(&signed::with_signatures(&json, device, &signatures)?)?);
        update.device_display_name = name_shown(core, row.name);
    }
    Ok(Edu::DeviceListUpdate(update))
}

/// A user's cross-signing keys, as other servers may see them.
fn identity(tx: &mut dyn Tx, user: UserSn, id: &UserId) -> Result<Edu> {
    let mut update = SigningKeyUpdateContent::new(id.to_owned());
    let signatures = device_keys::signatures(tx, user, user)?;
    for (kind, row) in cross_signing::of_user(tx, user)? {
        let place = match kind {
            KeyKind::Master => &mut update.master_key,
            KeyKind::SelfSigning => &mut update.self_signing_key,
            // Only its owner may see the user-signing key.
            KeyKind::UserSigning => continue,
        };
        *place = Some(signed::raw(&signed::with_signatures(&row.json, &row.public, &signatures)?)?);
    }
    Ok(Edu::SigningKeyUpdate(update))
}

fn number(stream: i64) -> UInt {
    UInt::new_saturating(stream.unsigned_abs())
}

/// Adds a change to the device-list stream, and wakes the local users who must see it.
pub fn note(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, user: UserSn) -> Result<()> {
    let at = tx.position();
    device_lists::set(tx.tx(), user, at)?;
    wake_neighbours(core, tx, user, at)
}
