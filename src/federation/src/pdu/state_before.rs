//! The state before an event after a gap: fetched from another server, because its ancestors are not stored here
//! (server-server API, `state_ids` and `state`).

use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_rooms::RoomCore;
use hearth_rooms::state::snapshot::StateIds;
use hearth_store::engine::Tx;
use ruma::api::federation::event::{get_room_state::v1 as room_state, get_room_state_ids::v1 as room_state_ids};
use ruma::{OwnedEventId, ServerName};

use super::auth_events::no_server_answered;
use super::handle::RoomInfo;
use super::parse::IncomingPdu;
use crate::Federation;
use crate::request::REQUEST_ASK_WAIT;

impl Federation {
    /// Requests the state before an event, and fetches its missing events.
    pub(super) async fn state_before(
        self: &Arc<Self>,
        place: &RoomInfo,
        candidate: &IncomingPdu,
        from: &ServerName,
    ) -> Result<StateIds> {
        let mut last = no_server_answered("a state", place);
        for server in self.askable(place, from).await? {
            match self.state_of(place, &candidate.pdu.event_id, &server).await {
                Ok(state) => return Ok(state),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    pub(crate) async fn state_of(
        self: &Arc<Self>,
        place: &RoomInfo,
        event_id: &OwnedEventId,
        server: &ServerName,
    ) -> Result<StateIds> {
        let request = room_state_ids::Request::new(event_id.clone(), place.room_id.clone());
        let room_state_ids::Response { auth_chain_ids, pdu_ids, .. } =
            self.ask_within(server, request, REQUEST_ASK_WAIT * 2).await?;
        if auth_chain_ids.len() + pdu_ids.len() > limits::STATE_EVENTS_MAX {
            return Err(refuse(Reason::TooLarge, format!("The state that {server} sent is too large.")));
        }
        let missing = self.unknown(auth_chain_ids.into_iter().chain(pdu_ids.iter().cloned()).collect()).await?;
        let found = if missing.len() > limits::STATE_SINGLE_EVENTS_MAX {
            let request = room_state::Request::new(event_id.clone(), place.room_id.clone());
            let answer = self.ask_within(server, request, REQUEST_ASK_WAIT * 4).await?;
            answer.auth_chain.into_iter().chain(answer.pdus).collect()
        } else {
            self.fetch_events(place, missing, server).await?
        };
        self.take_outliers(place, found).await?;
        let (core, room) = (self.core.clone(), place.room);
        let read = move |tx: &mut hearth_store::ReadTx<'_>| collect(&core, tx.tx(), room, &pdu_ids);
        self.core.store.read_slow("admit_state", read).await
    }
}

fn collect(
    core: &RoomCore,
    tx: &mut dyn Tx,
    room: hearth_store::ids::RoomSn,
    ids: &[OwnedEventId],
) -> Result<StateIds> {
    let (mut state, mut has_create) = (StateIds::new(), false);
    for id in ids {
        let event = core.events.find(tx, id)?.filter(|event| event.room == room && !event.pdu.rejected);
        let Some((event, key)) = event.and_then(|event| event.state_key.map(|key| (event, key))) else { continue };
        has_create |= event.pdu.is_state(&ruma::events::TimelineEventType::RoomCreate, "");
        state.insert(key, event.sn);
    }
    // A state without a create event is invalid, and would reject any event permanently.
    if !has_create {
        return Err(Error::not_found("The state that was sent is none of this room."));
    }
    Ok(state)
}
