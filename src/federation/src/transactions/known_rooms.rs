//! Cache of each room's immutable properties, which are needed to parse its events.

use std::collections::BTreeSet;
use std::fmt;

use hearth_base::Result;
use hearth_base::limits::federation::KNOWN_ROOMS_MAX;
use hearth_rooms::event::version;
use hearth_store::tables::rooms;
use quick_cache::sync::Cache;
use ruma::{OwnedRoomId, RoomId};

use crate::Federation;
use crate::pdu::RoomInfo;

/// Rooms that this server is or was in.
pub(super) struct KnownRooms(Cache<OwnedRoomId, RoomInfo>);

impl Default for KnownRooms {
    fn default() -> Self {
        Self(Cache::new(KNOWN_ROOMS_MAX))
    }
}

impl fmt::Debug for KnownRooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KnownRooms({} rooms)", self.0.len())
    }
}

impl Federation {
    /// The rooms of `ids` that this server is or was in.
    pub(super) async fn places(&self, ids: BTreeSet<OwnedRoomId>) -> Result<Vec<RoomInfo>> {
        let (mut found, mut unknown) = (Vec::with_capacity(ids.len()), Vec::new());
        for id in ids {
            match self.inbound.rooms.0.get(&id) {
                Some(place) => found.push(place),
                None => unknown.push(id),
            }
        }
        if unknown.is_empty() {
            return Ok(found);
        }
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let places = unknown.into_iter().map(|id| place(tx.tx(), id));
            Ok(places.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect::<Vec<_>>())
        };
        for place in self.core.store.read("receive_rooms", read).await? {
            self.inbound.rooms.0.insert(place.room_id.clone(), place.clone());
            found.push(place);
        }
        Ok(found)
    }
}

fn place(tx: &mut dyn hearth_store::Tx, room_id: OwnedRoomId) -> Result<Option<RoomInfo>> {
    let id: &RoomId = &room_id;
    let room = rooms::by_id(tx, id.as_str())?;
    // The version of a room that this server was never in is unverified, and no stored event precedes its events.
    let Some(room) = room.filter(|room| room.snapshot.is_some()) else { return Ok(None) };
    Ok(Some(RoomInfo { room: room.sn, room_id, rules: version::stored_rules(&room.version)? }))
}
