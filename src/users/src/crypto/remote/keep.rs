//! Stores a device list that was fetched from another server.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_base::{Position, Result};
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::ids::UserSn;
use hearth_store::tables::cross_signing::{self, CrossSigningRow, KeyKind};
use hearth_store::tables::remote_devices::{self, ListRow};
use hearth_store::tables::{device_keys, device_lists, users};
use ruma::OwnedUserId;

use super::{RemoteList, SharedRooms};
use crate::crypto::announce;

/// Stores lists as of `asked`, of users who share a room with a local user. If an update arrived since then, the list
/// may be incomplete, so it stays marked for another fetch.
pub fn keep<'a>(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    lists: impl IntoIterator<Item = (&'a OwnedUserId, &'a RemoteList)>,
    asked: Position,
) -> Result<()> {
    let sight = SharedRooms::now(tx.tx())?;
    for (user_id, list) in lists {
        let Some(owner) = users::find(tx.tx(), user_id.as_str())? else { continue };
        // Without a shared room no updates arrive, so the copy would go stale unnoticed.
        if !sight.covers(tx.tx(), owner)? {
            remote_devices::forget(tx.tx(), owner)?;
            continue;
        }
        let known = remote_devices::list(tx.tx(), owner)?;
        // An update that arrived after the request may be missing from the response.
        let overtaken = device_lists::newest(tx.tx(), owner)?.is_some_and(|newest| newest > asked);
        let synced = if overtaken { Position::ZERO } else { asked };
        let mut changed = replace_devices(tx, owner, &list.devices)?;
        changed |= replace_identity(tx, owner, list.master.as_ref(), list.self_signing.as_ref())?;
        remote_devices::set_list(tx.tx(), owner, ListRow { stream: list.stream, synced })?;
        // Clients may have cached the previous devices.
        if changed && known.is_some() {
            announce::note(core, tx, owner)?;
        }
    }
    Ok(())
}

/// Replaces the stored devices of a user. Returns whether anything changed.
fn replace_devices(tx: &mut WriteTx<'_>, owner: UserSn, new: &BTreeMap<String, String>) -> Result<bool> {
    let old: BTreeMap<_, _> = remote_devices::devices(tx.tx(), owner)?.into_iter().collect();
    for gone in old.keys().filter(|device| !new.contains_key(*device)) {
        remote_devices::delete_device(tx.tx(), owner, gone)?;
    }
    for (device, json) in new.iter().filter(|(device, json)| old.get(*device) != Some(json)) {
        remote_devices::set_device(tx.tx(), owner, device, json)?;
    }
    Ok(old != *new)
}

/// Replaces the stored cross-signing keys of a user. Returns whether anything changed. Deletes the signatures on a
/// replaced key, because they are no longer valid.
pub(super) fn replace_identity(
    tx: &mut WriteTx<'_>,
    owner: UserSn,
    master: Option<&CrossSigningRow>,
    self_signing: Option<&CrossSigningRow>,
) -> Result<bool> {
    let mut changed = false;
    for (kind, new) in [(KeyKind::Master, master), (KeyKind::SelfSigning, self_signing)] {
        let old = cross_signing::get(tx.tx(), owner, kind)?;
        if old.as_ref() == new {
            continue;
        }
        changed = true;
        if let Some(old) = old.filter(|old| new.is_none_or(|new| new.public != old.public)) {
            device_keys::delete_signatures(tx.tx(), owner, &old.public)?;
        }
        match new {
            Some(row) => cross_signing::set(tx.tx(), owner, kind, row)?,
            None => cross_signing::delete(tx.tx(), owner, kind)?,
        }
    }
    Ok(changed)
}
