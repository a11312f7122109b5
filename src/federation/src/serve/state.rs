//! `GET /state/{roomId}` and `GET /state_ids/{roomId}`: a room's state before an event, and the auth chain of that
//! state.

use hearth_base::boxed;
use hearth_base::{Error, Result};
use hearth_rooms::read::server_view::ServerView;
use hearth_rooms::state::snapshot;
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::events;
use ruma::events::TimelineEventType;
use ruma::{OwnedEventId, OwnedRoomId, ServerName};

use super::auth::{auth_chain, known};
use super::lists::EventListBody;
use crate::Federation;

/// A state and its auth chain, by event ids.
#[derive(Debug)]
pub struct StateIdsServed {
    /// The ids of the state events.
    pub state: Vec<OwnedEventId>,
    /// The ids of the state's auth chain.
    pub auth_chain: Vec<OwnedEventId>,
}

impl Federation {
    /// The state before an event. `M_NOT_FOUND` when the event or its state is unknown.
    #[boxed]
    pub async fn serve_state(
        &self,
        asker: &ServerName,
        room_id: OwnedRoomId,
        event_id: OwnedEventId,
    ) -> Result<EventListBody> {
        let look = move |tx: &mut dyn Tx, view: ServerView<'_>| {
            let state = before(&view, tx, &event_id)?;
            let chain = auth_chain(view.core(), tx, view.room(), state.iter().copied())?;
            Ok(EventListBody::default()
                .text("{\"auth_chain\":[")
                .events(chain)
                .text("],\"pdus\":[")
                .events(state)
                .text("]}"))
        };
        self.shows("serve_state", asker, room_id, look).await
    }

    /// Same as [`Federation::serve_state`], by ids.
    #[boxed]
    pub async fn serve_state_ids(
        &self,
        asker: &ServerName,
        room_id: OwnedRoomId,
        event_id: OwnedEventId,
    ) -> Result<StateIdsServed> {
        let look = move |tx: &mut dyn Tx, view: ServerView<'_>| {
            let state = before(&view, tx, &event_id)?;
            let chain = auth_chain(view.core(), tx, view.room(), state.iter().copied())?;
            Ok(StateIdsServed { state: ids(tx, state)?, auth_chain: ids(tx, chain)? })
        };
        self.shows("serve_state_ids", asker, room_id, look).await
    }
}

fn ids(tx: &mut dyn Tx, sns: Vec<EventSn>) -> Result<Vec<OwnedEventId>> {
    let id = |sn: EventSn| {
        let id = events::id(tx, sn)?.ok_or_else(|| Error::broken(format!("event {} is missing", sn.0)))?;
        OwnedEventId::try_from(id).map_err(|error| Error::fault("reading a stored event id", error))
    };
    sns.into_iter().map(id).collect()
}

/// The state before an event.
fn before(view: &ServerView<'_>, tx: &mut dyn Tx, event_id: &OwnedEventId) -> Result<Vec<EventSn>> {
    let event = known(view, tx, event_id)?;
    if event.snapshot.is_some() && event.flags & (events::OUTLIER | events::UNSURE_STATE) == 0 {
        return Ok(snapshot::full(tx, event.snapshot)?.into_values().collect());
    }
    if event.pdu.kind == TimelineEventType::RoomCreate {
        return Ok(Vec::new());
    }
    Err(Error::not_found(format!("This server does not know the state at {event_id}.")))
}
