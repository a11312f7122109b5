//! Auth chains: the events by which others were judged, and those by which these were, down to the room's beginning.

use std::collections::HashSet;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::rooms::Room;
use ruma::{EventId, OwnedEventId, OwnedRoomId, ServerName};

use super::lists::Lists;
use crate::core::Core;
use crate::federation::Federation;
use crate::rooms::event::version;
use crate::rooms::load::Event;
use crate::rooms::read::server_view::ServerView;

impl Federation {
    /// `GET /event_auth/{roomId}/{eventId}`: an event's whole auth chain. `M_NOT_FOUND` when the event is not known.
    pub async fn serve_event_auth(
        &self,
        asker: &ServerName,
        room_id: OwnedRoomId,
        event_id: OwnedEventId,
    ) -> Result<Lists> {
        let look = move |tx: &mut dyn Tx, view: ServerView<'_>| {
            let event = known(&view, tx, &event_id)?;
            let chain = auth_chain(view.core(), tx, view.room(), [event.sn])?;
            let chain = chain.into_iter().map(|(sn, _)| sn).collect();
            Ok(Lists::default().text("{\"auth_chain\":[").events(chain).text("]}"))
        };
        self.shows("serve_event_auth", asker, room_id, look).await
    }
}

/// An event of the room that can be handed out.
pub(super) fn known(view: &ServerView<'_>, tx: &mut dyn Tx, event_id: &EventId) -> Result<std::sync::Arc<Event>> {
    let event = view.core().events.find(tx, event_id)?.filter(|event| view.has(event));
    event.ok_or_else(|| Error::not_found(format!("This server has no event {event_id} of that room.")))
}

/// The auth chain of some events, without those of them that are in no other's chain. In no particular order.
///
/// From room version 12 on the create event is in no list of auth events and belongs to the chain all the same.
/// `M_TOO_LARGE` when it has more than [`limits::AUTH_CHAIN_EVENTS_MAX`] events.
pub fn auth_chain(
    core: &Core,
    tx: &mut dyn Tx,
    room: &Room,
    of: impl IntoIterator<Item = EventSn>,
) -> Result<Vec<(EventSn, OwnedEventId)>> {
    let (mut chain, mut seen) = (Vec::new(), HashSet::<OwnedEventId>::new());
    let mut ahead: Vec<EventSn> = of.into_iter().collect();
    if version::stored_rules(&room.version)?.authorization.room_create_event_id_as_room_id && !ahead.is_empty() {
        let create = crate::rooms::power::create_event(core, tx, room)?;
        seen.insert(create.pdu.event_id.clone());
        chain.push((create.sn, create.pdu.event_id.clone()));
    }
    while let Some(next) = ahead.pop() {
        let event = core.events.get(tx, next)?;
        for id in &event.pdu.auth_events {
            if !seen.insert(id.clone()) {
                continue;
            }
            // What judged a stored event was here when it was judged; an event of another room is no part of this one.
            let Some(auth) = core.events.find(tx, id)?.filter(|auth| auth.room == room.sn) else { continue };
            if chain.len() == limits::AUTH_CHAIN_EVENTS_MAX {
                return Err(refuse(Reason::TooLarge, "The auth chain of this room is too long to be handed out."));
            }
            chain.push((auth.sn, id.clone()));
            ahead.push(auth.sn);
        }
    }
    Ok(chain)
}
