//! Whether a copy of a remote device list is current.

use std::collections::HashMap;

use hearth_base::{Position, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::{RoomSn, UserSn};
use hearth_store::tables::remote_devices;

/// The rooms of local users with the position since when each has one. Computed once for many users.
#[derive(Debug)]
pub(in crate::crypto) struct SharedRooms(HashMap<RoomSn, Position>);

impl SharedRooms {
    /// The current rooms.
    pub(in crate::crypto) fn now(tx: &mut dyn Tx) -> Result<Self> {
        remote_devices::own_rooms(tx).map(Self)
    }

    /// Whether a local user shares a room with `owner`, so that their server sends updates.
    pub(in crate::crypto) fn covers(&self, tx: &mut dyn Tx, owner: UserSn) -> Result<bool> {
        Ok(remote_devices::rooms_of(tx, owner)?.iter().any(|(room, _)| self.0.contains_key(room)))
    }

    /// Whether the copy of a user's list is complete and current: no update is missing, and since it was fetched the
    /// user has always shared a room with a local user.
    pub(in crate::crypto) fn is_fresh(&self, tx: &mut dyn Tx, owner: UserSn) -> Result<bool> {
        let Some(list) = remote_devices::list(tx, owner)?.filter(|list| list.synced > Position::ZERO) else {
            return Ok(false);
        };
        let rooms = remote_devices::rooms_of(tx, owner)?;
        let ever_since = |(room, theirs): &(RoomSn, Position)| {
            self.0.get(room).is_some_and(|ours| *ours <= list.synced && *theirs <= list.synced)
        };
        Ok(rooms.iter().any(ever_since))
    }
}
