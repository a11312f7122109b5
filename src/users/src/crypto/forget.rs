//! Deletes key data of a user at deactivation. For data of a device see `devices::purge`.

use std::sync::Arc;

use hearth_base::Result;
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::ids::UserSn;
use hearth_store::tables::{backups, cross_signing, device_keys};

use super::announce::{Changed, announce};

/// Deletes a user's backups and cross-signing keys, and announces the change if there were keys.
pub fn forget_user(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, user: UserSn) -> Result<()> {
    backups::delete_all(tx.tx(), user)?;
    let keys = cross_signing::of_user(tx.tx(), user)?;
    for (kind, row) in &keys {
        device_keys::delete_signatures(tx.tx(), user, &row.public)?;
        cross_signing::delete(tx.tx(), user, *kind)?;
    }
    if keys.is_empty() { Ok(()) } else { announce(core, tx, user, Changed::Identity) }
}
