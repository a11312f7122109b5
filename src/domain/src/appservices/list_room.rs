//! The room directories of bridged networks, which application services maintain (application-service API, "Application
//! service room directory"). The public room directory returns them to clients that request a network, or all networks.

use hearth_base::boxed;
use hearth_base::{Error, Result, limits};
use hearth_store::WriteTx;
use hearth_store::tables::{network_rooms, rooms};
use ruma::OwnedRoomId;

use super::{Appservices, Registration};

impl Appservices {
    /// Adds a room to the directory of one of the service's networks, or removes it.
    ///
    /// Refuses with `M_NOT_FOUND` unknown rooms, and with `M_INVALID_PARAM` names that are too long or too many rooms.
    #[boxed]
    pub async fn list_room(
        &self,
        service: &Registration,
        network: String,
        room_id: OwnedRoomId,
        listed: bool,
    ) -> Result<()> {
        if network.len() > limits::ID_BYTES_MAX {
            return Err(Error::invalid(format!("A network's id has at most {} bytes.", limits::ID_BYTES_MAX)));
        }
        let id = service.id.clone();
        let write = move |tx: &mut WriteTx<'_>| {
            let room = rooms::by_id(tx.tx(), room_id.as_str())?;
            let room = room.ok_or_else(|| Error::not_found(format!("This server knows no room {room_id}.")))?;
            if !listed {
                return network_rooms::delete(tx.tx(), &id, &network, room.sn);
            }
            if network_rooms::count(tx.tx(), &id)? >= limits::NETWORK_ROOMS_PER_APPSERVICE_MAX {
                return Err(Error::invalid("The application service lists too many rooms: take some out first."));
            }
            network_rooms::insert(tx.tx(), &id, &network, room.sn)
        };
        self.core.store.write("network_room", write).await
    }
}
