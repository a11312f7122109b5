//! The route to a room: local, or through another server.

use hearth_base::Result;
use hearth_base::boxed;
use hearth_rooms::RoomCore;
use hearth_rooms::{find, servers};
use hearth_store::engine::Tx;
use hearth_store::tables::rooms;
use ruma::RoomId;

use super::Federation;
use crate::out_of_band;

impl Federation {
    /// Whether this server can join users by itself: it is in the room, or it was and no other server is.
    #[boxed]
    pub async fn is_own(&self, room_id: &RoomId) -> Result<bool> {
        let (core, room_id) = (self.core.clone(), room_id.to_owned());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| is_own(&core, tx.tx(), &room_id);
        self.core.store.read("federation_door", read).await
    }
}

pub(super) fn is_own(core: &RoomCore, tx: &mut dyn Tx, room_id: &RoomId) -> Result<bool> {
    let Some(room) = rooms::by_id(tx, room_id.as_str())? else { return Ok(false) };
    Ok(find::is_resident(tx, &room)? || (out_of_band::is_known(&room) && servers::of(core, tx, room.sn)?.is_empty()))
}
