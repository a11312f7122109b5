//! The lists of rooms of bridged networks, which are the application services' own (application-service API,
//! "Application service room directory"). The directory shows them to whoever asks for a network, or for all.

use hearth_base::{Error, Result, limits};
use hearth_store::WriteTx;
use hearth_store::tables::{network_rooms, rooms};
use ruma::OwnedRoomId;

use super::{Appservices, Registration};

impl Appservices {
    /// Puts a room into the list of one of the service's networks, or takes it out.
    ///
    /// Refuses with `M_NOT_FOUND` rooms that are unknown here, and with `M_INVALID_PARAM` too long a name or too many rooms.
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
