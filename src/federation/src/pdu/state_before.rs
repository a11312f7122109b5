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
use crate::request::{REQUEST_ASK_WAIT, has_nothing};

/// A state that another server has reported.
#[derive(Debug, Clone)]
pub(crate) struct ReportedState {
    /// The events of it that are stored here and not rejected.
    pub(crate) state: StateIds,
    /// Which of the events that the server named are stored here.
    pub(crate) parts: StateParts,
}

/// How much of a reported state is stored here. Without some of its events it is another state than on all other servers,
/// and so is every state that follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StateParts {
    /// Every event.
    All,
    /// Some events are not valid, or no server gives the keys to check them with.
    SomeInvalid,
    /// Some events could not be fetched.
    SomeUnfetched,
}

/// Which state before an event suffices when its ancestors are missing. With less, the event is retried later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StateNeed {
    /// Only a whole one.
    Whole,
    /// Also one without events that cannot be checked: their server may be gone, and must not stop the room here.
    Fetched,
    /// Any.
    Partial,
}

impl StateNeed {
    fn is_met_by(self, parts: StateParts) -> bool {
        match self {
            Self::Whole => parts == StateParts::All,
            Self::Fetched => parts <= StateParts::SomeInvalid,
            Self::Partial => true,
        }
    }
}

impl Federation {
    /// Requests the state before an event, and fetches its missing events.
    ///
    /// `M_CONNECTION_FAILED` when a server could not be asked, or when all gave only a part and that does not suffice.
    pub(super) async fn state_before(
        self: &Arc<Self>,
        place: &RoomInfo,
        candidate: &IncomingPdu,
        from: &ServerName,
        need: StateNeed,
    ) -> Result<StateIds> {
        let (mut failed, mut partial): (Option<Error>, Option<ReportedState>) = (None, None);
        for server in self.askable(place, from).await? {
            match self.state_of(place, &candidate.pdu.event_id, &server).await {
                Ok(ReportedState { state, parts: StateParts::All }) => return Ok(state),
                Ok(reported) => {
                    let rank = |one: &ReportedState| (std::cmp::Reverse(one.parts), one.state.len());
                    if partial.as_ref().is_none_or(|other| rank(other) < rank(&reported)) {
                        partial = Some(reported);
                    }
                }
                Err(error) if has_nothing(&error) => _ = failed.get_or_insert(error),
                // A server that could not be asked, or was busy, may know the state: the event is retried.
                Err(error) => failed = Some(refuse(Reason::ConnectionFailed, error.to_string())),
            }
        }
        match (partial, failed) {
            (Some(ReportedState { state, parts }), _) if need.is_met_by(parts) => {
                tracing::info!(event.id = %candidate.pdu.event_id, room.id = %place.room_id, events = state.len(),
                    "No server gave the whole state before an event; going on without the missing parts.");
                Ok(state)
            }
            (Some(_), _) => Err(refuse(
                Reason::ConnectionFailed,
                format!("Parts of the state before {} cannot be had now.", candidate.pdu.event_id),
            )),
            (None, failed) => Err(failed.unwrap_or_else(|| no_server_answered("a state", place))),
        }
    }

    /// Requests the state before an event from one server, and fetches the missing events of it and of its auth chain.
    pub(crate) async fn state_of(
        self: &Arc<Self>,
        place: &RoomInfo,
        event_id: &OwnedEventId,
        server: &ServerName,
    ) -> Result<ReportedState> {
        let request = room_state_ids::Request::new(event_id.clone(), place.room_id.clone());
        let room_state_ids::Response { auth_chain_ids, pdu_ids, .. } =
            self.ask_within(server, request, REQUEST_ASK_WAIT * 2).await?;
        if auth_chain_ids.len() + pdu_ids.len() > limits::STATE_EVENTS_MAX {
            return Err(refuse(Reason::TooLarge, format!("The state that {server} sent is too large.")));
        }
        let missing = self.unknown(auth_chain_ids.into_iter().chain(pdu_ids.iter().cloned()).collect()).await?;
        let mut without_some = StateParts::SomeInvalid;
        let found = if missing.len() > limits::STATE_SINGLE_EVENTS_MAX {
            let request = room_state::Request::new(event_id.clone(), place.room_id.clone());
            let answer = self.ask_within(server, request, REQUEST_ASK_WAIT * 4).await?;
            answer.auth_chain.into_iter().chain(answer.pdus).collect()
        } else {
            let (found, outcome) = self.fetch_events(place, missing, server).await?;
            if outcome.is_err() {
                without_some = StateParts::SomeUnfetched;
            }
            found
        };
        self.take_outliers(place, found, server).await?;
        let (core, room) = (self.core.clone(), place.room);
        let read = move |tx: &mut hearth_store::ReadTx<'_>| collect(&core, tx.tx(), room, &pdu_ids, without_some);
        self.core.store.read_slow("admit_state", read).await
    }
}

fn collect(
    core: &RoomCore,
    tx: &mut dyn Tx,
    room: hearth_store::ids::RoomSn,
    ids: &[OwnedEventId],
    without_some: StateParts,
) -> Result<ReportedState> {
    let (mut state, mut has_create, mut parts) = (StateIds::new(), false, StateParts::All);
    for id in ids {
        let Some(event) = core.events.find(tx, id)? else {
            parts = without_some;
            continue;
        };
        let Some(key) = event.state_key.filter(|_| event.room == room && !event.pdu.rejected) else { continue };
        has_create |= event.pdu.is_state(&ruma::events::TimelineEventType::RoomCreate, "");
        state.insert(key, event.sn);
    }
    // A state without a create event is invalid, and would reject any event permanently.
    if !has_create {
        return Err(Error::not_found("The state that was sent is none of this room."));
    }
    Ok(ReportedState { state, parts })
}
