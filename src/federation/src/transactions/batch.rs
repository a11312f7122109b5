//! The events of one room in a transaction: checked together, and all cheap ones committed in one write.

use std::sync::Arc;

use hearth_base::{Reason, Result};
use hearth_rooms::RoomCore;
use hearth_rooms::{acl, servers};
use hearth_store::Lane;
use hearth_store::ids::RoomSn;
use ruma::events::TimelineEventType;
use ruma::{OwnedEventId, ServerName};

use crate::Federation;
use crate::pdu::{self, IncomingPdu, PduOutcome, PersistConflict, PersistOutcome, RoomInfo};

/// An incoming event that needs fetches or state resolution.
#[derive(Debug)]
pub(super) struct DeferredEvent {
    pub(super) event_id: OwnedEventId,
    /// The checked event; `None` if its signatures could not be checked now.
    pub(super) verified: Option<IncomingPdu>,
}

/// The result of a batch.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Completed events, with the reason for rejected ones.
    pub(super) done: Vec<(OwnedEventId, Result<(), String>)>,
    /// Deferred events, in order.
    pub(super) open: Vec<DeferredEvent>,
    /// Events with missing data from a server that is not known to be in the room: nothing is fetched for it. If its
    /// join is still on its way, they are handled after that.
    pub(super) strangers: Vec<DeferredEvent>,
}

/// The result for the response to a transaction. Soft failures are not reported.
pub(super) fn told(verdict: PduOutcome) -> Result<(), String> {
    match verdict {
        PduOutcome::Accepted | PduOutcome::Known | PduOutcome::SoftFailed(_) => Ok(()),
        PduOutcome::Rejected(why) => Err(why),
    }
}

/// Whether an error is temporary, so that a retry makes sense.
pub(super) fn may_pass(error: &hearth_base::Error) -> bool {
    matches!(error.reason(), None | Some(Reason::ConnectionFailed | Reason::LimitExceeded { .. } | Reason::OutOfSpace))
}

/// Whether a server may send an event: its own events, and memberships, which the resident server of a join or leave
/// forwards.
pub(super) fn may_bring(origin: &ServerName, candidate: &IncomingPdu) -> bool {
    candidate.pdu.sender.server_name() == origin || candidate.pdu.kind == TimelineEventType::RoomMember
}

impl Federation {
    /// Checks the signatures of a batch and adds the cheap events. It waits for keys only.
    pub(super) async fn take_batch(
        self: &Arc<Self>,
        place: &RoomInfo,
        origin: &ServerName,
        candidates: Vec<IncomingPdu>,
    ) -> Result<Batch> {
        let (mut batch, mut good) = (Batch::default(), Vec::with_capacity(candidates.len()));
        let ids: Vec<_> = candidates.iter().map(|one| one.pdu.event_id.clone()).collect();
        for (event_id, verified) in ids.into_iter().zip(self.check_signatures(place.rules, candidates).await) {
            match verified {
                Ok(candidate) => good.push(candidate),
                Err(error) if may_pass(&error) => batch.open.push(DeferredEvent { event_id, verified: None }),
                Err(error) => {
                    tracing::debug!(%error, event.id = %event_id, server = %origin, "Dropped a PDU.");
                    batch.done.push((event_id, Err(error.to_string())));
                }
            }
        }
        if good.is_empty() {
            return Ok(batch);
        }
        let (core, room, origin) = (self.core.clone(), place.room, origin.to_owned());
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            if let Some(why) = refused(&core, tx, room, &origin)? {
                let ids = good.into_iter().map(|candidate| candidate.pdu.event_id);
                batch.done.extend(ids.map(|event_id| (event_id, Err(why.to_owned()))));
                return Ok(batch);
            }
            let is_inside = servers::of(&core, tx.tx(), room)?.contains(&origin);
            let mut room = pdu::room(tx, room)?;
            for candidate in good {
                let event_id = candidate.pdu.event_id.clone();
                match pdu::quickly(&core, tx, &mut room, candidate)? {
                    PersistOutcome::Done(verdict) => batch.done.push((event_id, told(verdict))),
                    PersistOutcome::Not(verified, PersistConflict::Lacks(_)) if !is_inside => {
                        batch.strangers.push(DeferredEvent { event_id, verified: Some(*verified) });
                    }
                    PersistOutcome::Not(verified, _) => {
                        batch.open.push(DeferredEvent { event_id, verified: Some(*verified) })
                    }
                }
            }
            Ok(batch)
        };
        self.core.store.write_in(Lane::Federation, "receive", write).await
    }
}

/// The reason for refusing all of a server's events in a room.
fn refused(
    core: &RoomCore,
    tx: &mut hearth_store::WriteTx<'_>,
    room: RoomSn,
    origin: &ServerName,
) -> Result<Option<&'static str>> {
    if core.locals.get(tx.tx(), room)?.is_empty() {
        return Ok(Some("This server is not in that room."));
    }
    Ok((!acl::allows(core, tx.tx(), room, origin)?).then_some("The room's access control list keeps you out."))
}
