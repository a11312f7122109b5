//! `GET /event/{eventId}`.

use hearth_base::boxed;
use hearth_base::{Error, Result};
use hearth_rooms::read::server_access;
use hearth_rooms::read::server_view::ServerView;
use hearth_store::tables::{events, rooms};
use ruma::{OwnedEventId, ServerName};
use serde_json::value::RawValue;

use crate::Federation;

impl Federation {
    /// One event. `M_NOT_FOUND` when it is unknown or rejected, `M_FORBIDDEN` for a server that is not in its room.
    #[boxed]
    pub async fn serve_event(&self, asker: &ServerName, event_id: OwnedEventId) -> Result<Box<RawValue>> {
        let (core, asker) = (self.core.clone(), asker.to_owned());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let unknown = || Error::not_found(format!("This server has no event {event_id}."));
            let event = core.events.find(tx.tx(), &event_id)?.ok_or_else(unknown)?;
            let room = rooms::by_sn(tx.tx(), event.room)?.ok_or_else(unknown)?;
            server_access::check_participating(&core, tx.tx(), &room, &asker)?;
            if event.flags & events::REJECTED != 0 {
                return Err(unknown());
            }
            ServerView::of_participant(&core, tx.tx(), room, &asker)?.pdu(tx.tx(), &event)
        };
        self.core.store.read_slow("serve_event", read).await
    }
}
