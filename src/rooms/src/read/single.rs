//! Single events, by id or as state, and the full state.

use hearth_base::boxed;
use hearth_base::{Error, Reason, Result};
use hearth_core::Requester;
use hearth_store::engine::Tx;
use ruma::events::{AnyStateEvent, AnyTimelineEvent};
use ruma::serde::Raw;
use ruma::{OwnedEventId, OwnedRoomId, RoomId};
use serde_json::value::RawValue;

use super::access::Access;
use super::context::visible;
use super::present::{self, EventFormat};
use crate::{LocalRooms, Rooms};

impl LocalRooms {
    /// Returns one event. `M_NOT_FOUND` when the reader may not see it or it does not exist, without telling which.
    #[boxed]
    pub async fn event(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        event_id: OwnedEventId,
    ) -> Result<Raw<AnyTimelineEvent>> {
        let look = move |tx: &mut dyn Tx, room_id: &RoomId, mut access: Access<'_>| {
            let event = visible(&mut access.viewer, tx, &event_id)?;
            present::event(&mut access.viewer, tx, &EventFormat::timeline(Some(room_id)), &event)
        };
        self.reading("rooms_event", who, room_id, look).await.map_err(|error| match error.reason() {
            Some(Reason::Forbidden) => Error::not_found("There is no such event that you may see."),
            _ => error,
        })
    }
}

impl Rooms {
    /// Returns the full state of a room: the current one, or for former members the one when they left.
    #[boxed]
    pub async fn state(&self, who: &Requester, room_id: OwnedRoomId) -> Result<Vec<Raw<AnyStateEvent>>> {
        let look = |tx: &mut dyn Tx, room_id: &RoomId, mut access: Access<'_>| {
            let state = access.state(tx)?;
            present::state(&mut access.viewer, tx, Some(room_id), state.into_values())
        };
        self.reading_list("rooms_state", who, room_id, look).await
    }

    /// Returns one state event: its content, or with `whole` the event. `M_NOT_FOUND` when the room has no such
    /// state.
    #[boxed]
    pub async fn state_event(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        (kind, state_key): (String, String),
        whole: bool,
    ) -> Result<Box<RawValue>> {
        let look = move |tx: &mut dyn Tx, room_id: &RoomId, mut access: Access<'_>| {
            let event = access.state_event(tx, &kind, &state_key)?.ok_or_else(|| {
                Error::not_found(format!("The room has no state of type {kind:?} with the key {state_key:?}."))
            })?;
            if !whole {
                return Ok(event.pdu.content.clone());
            }
            let form = EventFormat { room_id: Some(room_id), bundle: false, past: true, federation: false };
            present::event::<AnyStateEvent>(&mut access.viewer, tx, &form, &event).map(Raw::into_json)
        };
        self.reading("rooms_state_event", who, room_id, look).await
    }
}
