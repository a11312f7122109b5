//! Whether a copy of a device list can be trusted.

use std::collections::HashMap;

use hearth_base::{Position, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::{RoomSn, UserSn};
use hearth_store::tables::remote_devices;

/// What the users of this server see: their rooms, and since when. Made once for many users.
#[derive(Debug)]
pub(in crate::crypto) struct SharedRooms(HashMap<RoomSn, Position>);

impl SharedRooms {
    /// As it is now.
    pub(in crate::crypto) fn now(tx: &mut dyn Tx) -> Result<Self> {
        remote_devices::own_rooms(tx).map(Self)
    }

    /// Whether somebody of this server shares a room with a user, so that their server tells us of changes.
    pub(in crate::crypto) fn covers(&self, tx: &mut dyn Tx, owner: UserSn) -> Result<bool> {
        Ok(remote_devices::rooms_of(tx, owner)?.iter().any(|(room, _)| self.0.contains_key(room)))
    }

    /// Whether the copy of a user's list is all of it: nothing is missing from it, and since it was made there has always been
    /// a room that they share with somebody of this server.
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
