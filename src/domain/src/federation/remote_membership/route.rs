//! Where the way into a room leads: through this server, or through another.

use hearth_base::Result;
use hearth_store::engine::Tx;
use hearth_store::tables::rooms;
use ruma::{OwnedRoomId, OwnedRoomOrAliasId, OwnedServerName, RoomId};

use super::Federation;
use crate::core::Core;
use crate::federation::out_of_band;
use crate::rooms::{find, servers};

/// A room that a user wants into.
#[derive(Debug)]
pub(super) struct JoinRoute {
    /// Which.
    pub(super) room_id: OwnedRoomId,
    /// Servers that are said to be in it.
    pub(super) via: Vec<OwnedServerName>,
    /// Whether this server lets its users in by itself.
    pub(super) is_own: bool,
}

impl Federation {
    /// Finds the room that `name` is the id or an alias of; aliases of other servers are asked for there.
    pub(super) async fn door(&self, name: OwnedRoomOrAliasId, via: Vec<OwnedServerName>) -> Result<JoinRoute> {
        let (room_id, via) = match OwnedRoomId::try_from(name) {
            Ok(room_id) => (room_id, via),
            Err(alias) => {
                let (room_id, servers) = self.alias(&alias).await?;
                (room_id, via.into_iter().chain(servers).collect())
            }
        };
        let is_own = self.is_own(&room_id).await?;
        Ok(JoinRoute { room_id, via, is_own })
    }

    /// Whether this server lets users into a room by itself: it is in it, or it was and nobody else is.
    pub(super) async fn is_own(&self, room_id: &RoomId) -> Result<bool> {
        let (core, room_id) = (self.core.clone(), room_id.to_owned());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| is_own(&core, tx.tx(), &room_id);
        self.core.store.read("federation_door", read).await
    }
}

pub(super) fn is_own(core: &Core, tx: &mut dyn Tx, room_id: &RoomId) -> Result<bool> {
    let Some(room) = rooms::by_id(tx, room_id.as_str())? else { return Ok(false) };
    Ok(find::is_resident(tx, &room)? || (out_of_band::is_known(&room) && servers::of(core, tx, room.sn)?.is_empty()))
}
