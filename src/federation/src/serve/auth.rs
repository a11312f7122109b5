//! Auth chains: the auth events of events, recursively, down to the create event.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_rooms::RoomCore;
use hearth_rooms::event::version;
use hearth_rooms::load::Event;
use hearth_rooms::power;
use hearth_rooms::read::server_view::ServerView;
use hearth_rooms::state::auth_chain::Graph;
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::rooms::Room;
use ruma::{EventId, OwnedEventId, OwnedRoomId, ServerName};

use super::lists::EventListBody;
use crate::Federation;

impl Federation {
    /// `GET /event_auth/{roomId}/{eventId}`: an event's full auth chain. `M_NOT_FOUND` for an unknown event.
    #[boxed]
    pub async fn serve_event_auth(
        &self,
        asker: &ServerName,
        room_id: OwnedRoomId,
        event_id: OwnedEventId,
    ) -> Result<EventListBody> {
        let look = move |tx: &mut dyn Tx, view: ServerView<'_>| {
            let event = known(&view, tx, &event_id)?;
            let chain = auth_chain(view.core(), tx, view.room(), [event.sn])?;
            Ok(EventListBody::default().text("{\"auth_chain\":[").events(chain).text("]}"))
        };
        self.shows("serve_event_auth", asker, room_id, look).await
    }
}

/// A stored event of the room that may be served.
pub(super) fn known(view: &ServerView<'_>, tx: &mut dyn Tx, event_id: &EventId) -> Result<Arc<Event>> {
    let event = view.core().events.find(tx, event_id)?.filter(|event| view.has(event));
    event.ok_or_else(|| Error::not_found(format!("This server has no event {event_id} of that room.")))
}

/// The auth chain of some events, without those that are not in the chain of another one. Unordered.
///
/// From room version 12 on the create event is not listed in auth events and is part of the chain all the same.
pub fn auth_chain(
    core: &RoomCore,
    tx: &mut dyn Tx,
    room: &Room,
    of: impl IntoIterator<Item = EventSn>,
) -> Result<Vec<EventSn>> {
    let mut chain = Graph::new(core, None).chain(tx, of)?;
    if version::stored_rules(&room.version)?.authorization.room_create_event_id_as_room_id {
        chain.insert(power::create_event(core, tx, room)?.sn);
    }
    Ok(chain.into_iter().collect())
}
