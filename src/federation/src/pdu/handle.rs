//! Handles one PDU, with all fetches and state resolution that it needs.

use std::sync::Arc;

use hearth_base::limits::federation::PDU_PLANS_MAX;
use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_rooms::event::version;
use hearth_rooms::find;
use hearth_rooms::state::snapshot::StateIds;
use hearth_store::Lane;
use hearth_store::ids::RoomSn;
use hearth_store::tables::rooms;
use ruma::room_version_rules::RoomVersionRules;
use ruma::{OwnedRoomId, ServerName};

use super::parse::IncomingPdu;
use super::persist::{self, PersistConflict, PersistOutcome};
use super::plan::{self, Budget, PduOutcome, PlanResult};
use super::state_before::StateNeed;
use crate::Federation;

/// The immutable properties of a PDU's room.
#[derive(Debug, Clone)]
pub(crate) struct RoomInfo {
    pub room: RoomSn,
    pub room_id: OwnedRoomId,
    pub rules: &'static RoomVersionRules,
}

/// How an event arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PduSource {
    /// Sent by another server in a transaction.
    Pushed,
    /// Fetched as a prev event of another. Its own prev events are not fetched.
    Pulled,
}

impl Federation {
    /// Adds one checked event to a room that this server is in. Missing events are requested from `from`, the sender,
    /// and then from others. `need` is for events with missing ancestors.
    ///
    /// `M_CONNECTION_FAILED` and `M_LIMIT_EXCEEDED` are temporary; after other errors the event is dropped.
    pub(crate) async fn handle_pdu(
        self: &Arc<Self>,
        room: RoomSn,
        candidate: IncomingPdu,
        from: &ServerName,
        need: StateNeed,
    ) -> Result<PduOutcome> {
        let place = self.place(room).await?;
        // One at a time for each room: concurrent PDUs would fetch and resolve the same events.
        let _turn = self.inbound.turns.take(room).await;
        self.bring_in(&place, candidate, from, (PduSource::Pushed, need)).await
    }

    /// The immutable properties of a known room.
    pub(crate) async fn place(&self, room: RoomSn) -> Result<RoomInfo> {
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let room = rooms::by_sn(tx.tx(), room)?.ok_or_else(|| Error::not_found("There is no such room here."))?;
            Ok(RoomInfo { room: room.sn, room_id: find::id(&room)?, rules: version::stored_rules(&room.version)? })
        };
        self.core.store.read("admit_place", read).await
    }

    /// Same as [`Self::handle_pdu`], for a caller that holds the room's lock.
    pub(super) async fn bring_in(
        self: &Arc<Self>,
        place: &RoomInfo,
        candidate: IncomingPdu,
        from: &ServerName,
        (way, need): (PduSource, StateNeed),
    ) -> Result<PduOutcome> {
        let (mut candidate, mut given) = (candidate, None);
        let (mut auth_asked, mut prev_asked) = (false, way == PduSource::Pulled);
        let (mut state_asked, mut policy_asked) = (false, false);
        for _ in 0..PDU_PLANS_MAX {
            let obstacle;
            (candidate, obstacle) = match self.attempt(place, candidate, given.clone()).await? {
                PersistOutcome::Done(verdict) => return Ok(verdict),
                PersistOutcome::Not(candidate, obstacle) => (*candidate, obstacle),
            };
            let PersistConflict::Lacks(missing) = obstacle else { continue };
            if let Some(via) = missing.policy {
                if policy_asked {
                    let why = format!("{via} signed with another key than the room's policy names.");
                    self.core.policies.refuse(&candidate.pdu.event_id, &why);
                } else {
                    policy_asked = true;
                    self.ask_policy_for(&via, &mut candidate).await;
                }
                continue;
            }
            // All sources of missing data are tried before a refusal: the event's auth chain, the prev events, which
            // may be or bring the rest, and the state there.
            if !missing.auth.is_empty() && !auth_asked {
                auth_asked = true;
                if let Err(error) = self.fetch_auth(place, &candidate, missing.auth, from).await {
                    tracing::debug!(%error, room.id = %place.room_id, "Asking for auth events failed.");
                }
            } else if !missing.prev.is_empty() && !prev_asked {
                prev_asked = true;
                // Boxed because the fetched events come back into this function.
                if let Err(error) = Box::pin(self.catch_up(place, &candidate, from, need)).await {
                    tracing::debug!(%error, room.id = %place.room_id, "Asking for missing events failed.");
                }
            } else if !state_asked {
                state_asked = true;
                let state = self.state_before(place, &candidate, from, need).await;
                if !missing.prev.is_empty() {
                    given = Some(Arc::new(state?));
                } else if state.is_err_and(|error| error.reason() == Some(Reason::ConnectionFailed)) {
                    return Err(refuse(Reason::ConnectionFailed, "No server could be asked for its auth events."));
                }
            } else {
                return Err(refuse(Reason::NotFound, "Missing auth events: no server in the room returned them."));
            }
        }
        Err(refuse(Reason::LimitExceeded { retry_after_ms: 1_000 }, "The room moves too fast to follow; try again."))
    }

    /// One attempt: in the write transaction, and if that does not suffice, with a plan made outside of it.
    async fn attempt(
        self: &Arc<Self>,
        place: &RoomInfo,
        candidate: IncomingPdu,
        given: Option<Arc<StateIds>>,
    ) -> Result<PersistOutcome> {
        let candidate = if given.is_none() {
            match self.try_quickly(place, candidate).await? {
                PersistOutcome::Not(candidate, PersistConflict::Hard) => candidate,
                tried => return Ok(tried),
            }
        } else {
            Box::new(candidate)
        };
        let (core, room) = (self.core.clone(), place.room);
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let room = rooms::by_sn(tx.tx(), room)?.ok_or_else(|| Error::broken("the room of an event is missing"))?;
            let outlook = plan::look(&core, tx.tx(), &room, &candidate, Budget::Full, given.as_deref())?;
            Ok((candidate, outlook))
        };
        // On a reader, because state resolution would hold up all writes. `persist::planned` checks that the room is
        // unchanged since.
        let (candidate, outlook) = self.core.store.read_slow("admit_plan", read).await?;
        let plan = match outlook {
            PlanResult::Known(verdict) => return Ok(PersistOutcome::Done(verdict)),
            PlanResult::Lacks(missing) => return Ok(PersistOutcome::Not(candidate, PersistConflict::Lacks(missing))),
            PlanResult::Hard => return Ok(PersistOutcome::Not(candidate, PersistConflict::Hard)),
            PlanResult::Planned(plan) => plan,
        };
        let (core, room) = (self.core.clone(), place.room);
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            let mut room = persist::room(tx, room)?;
            persist::planned(&core, tx, &mut room, *candidate, *plan)
        };
        self.core.store.write_in(Lane::Federation, "admit_planned", write).await
    }

    async fn try_quickly(self: &Arc<Self>, place: &RoomInfo, candidate: IncomingPdu) -> Result<PersistOutcome> {
        let (core, room) = (self.core.clone(), place.room);
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            let mut room = persist::room(tx, room)?;
            persist::quickly(&core, tx, &mut room, candidate)
        };
        self.core.store.write_in(Lane::Federation, "admit", write).await
    }
}
