//! Room complexity for servers that ask before a join. Not specified; Synapse asks and answers.

use hearth_base::boxed;
use hearth_base::{Error, Result};
use hearth_rooms::read::server_access::may_know;
use hearth_store::tables::state;
use ruma::{OwnedRoomId, ServerName};

use super::Federation;

/// State events per unit of complexity.
const EVENTS_PER_UNIT: f64 = 500.0;

impl Federation {
    /// A room's number of state events, divided by 500. `M_NOT_FOUND` for servers that may not know of the room.
    #[boxed]
    pub async fn complexity(&self, origin: &ServerName, room_id: OwnedRoomId) -> Result<f64> {
        let (core, origin) = (self.core.clone(), origin.to_owned());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let room = super::room(&core, tx.tx(), &room_id, &origin)?;
            if !may_know(&core, tx.tx(), &room, &origin)? {
                return Err(Error::not_found(format!("This server is not in {room_id}.")));
            }
            state::count(tx.tx(), room.sn)
        };
        let events = self.core.store.read_slow("federation_complexity", read).await?;
        let events = f64::from(u32::try_from(events).unwrap_or(u32::MAX));
        Ok((events / EVENTS_PER_UNIT * 100.0).round() / 100.0)
    }
}
