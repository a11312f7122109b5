//! Shared by the read use cases of [`Rooms`]: one database snapshot, and the access check first.

use hearth_base::boxed;
use hearth_base::{Reason, Result};
use hearth_core::Requester;
use hearth_store::ReadTx;
use hearth_store::engine::Tx;
use ruma::{OwnedRoomId, RoomId};

use super::access::{self, Access};
use super::reader::Reader;
use crate::Rooms;

impl Rooms {
    /// Returns whether a user may read anything of a room.
    #[boxed]
    pub async fn may_read(&self, who: &Requester, room_id: OwnedRoomId) -> Result<bool> {
        match self.reading("rooms_may_read", who, room_id, |_, _, _| Ok(())).await {
            Ok(()) => Ok(true),
            Err(error) if error.reason() == Some(Reason::Forbidden) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Runs `look` on one snapshot for a reader who may read the room; refuses all others with `M_FORBIDDEN`.
    pub(super) async fn reading<T, F>(
        &self,
        name: &'static str,
        who: &Requester,
        room_id: OwnedRoomId,
        look: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Tx, &RoomId, Access<'_>) -> Result<T> + Send + 'static,
    {
        self.core.store.read(name, self.looking(who, room_id, look)).await
    }

    /// As [`Rooms::reading`], for lists, which may be long: one such read of a user at a time.
    pub(super) async fn reading_list<T, F>(
        &self,
        name: &'static str,
        who: &Requester,
        room_id: OwnedRoomId,
        look: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Tx, &RoomId, Access<'_>) -> Result<T> + Send + 'static,
    {
        self.core.read_much(name, who.user, self.looking(who, room_id, look)).await
    }

    fn looking<T, F>(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        look: F,
    ) -> impl FnOnce(&mut ReadTx<'_>) -> Result<T> + Send + use<T, F>
    where
        F: FnOnce(&mut dyn Tx, &RoomId, Access<'_>) -> Result<T> + Send,
    {
        let (core, who) = (self.core.clone(), who.clone());
        move |tx: &mut ReadTx<'_>| {
            let access = access::open(&core, tx.tx(), &room_id, Reader::from(&who))?;
            look(tx.tx(), &room_id, access)
        }
    }
}
