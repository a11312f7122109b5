//! The events of one room in one transaction: checked together, and all that goes quickly brought in by one write.

use std::sync::Arc;

use hearth_base::{Reason, Result};
use hearth_store::Lane;
use hearth_store::ids::RoomSn;
use ruma::events::TimelineEventType;
use ruma::{OwnedEventId, ServerName};
use serde_json::value::RawValue;

use crate::core::Core;
use crate::federation::Federation;
use crate::federation::pdu::{self, IncomingPdu, PduOutcome, PersistConflict, PersistOutcome, RoomInfo};
use crate::rooms::{acl, servers};

/// An event on its way in that takes longer.
#[derive(Debug)]
pub(super) struct DeferredEvent {
    pub(super) event_id: OwnedEventId,
    /// As it came.
    pub(super) json: Box<RawValue>,
    /// Checked; none if its signatures could not be checked now.
    pub(super) verified: Option<IncomingPdu>,
}

/// What became of the events of a batch.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Those that are done with, and why if they were not let in.
    pub(super) done: Vec<(OwnedEventId, Result<(), String>)>,
    /// Those that take longer, in order.
    pub(super) open: Vec<DeferredEvent>,
    /// Those for which something would have to be fetched, of a server that is not known to be in the room: nothing is fetched
    /// for it. If its join is still on its way, they are taken in after that.
    pub(super) strangers: Vec<DeferredEvent>,
}

/// What other servers are told of a verdict. Of soft failures they learn nothing.
pub(super) fn told(verdict: PduOutcome) -> Result<(), String> {
    match verdict {
        PduOutcome::Accepted | PduOutcome::Known | PduOutcome::SoftFailed(_) => Ok(()),
        PduOutcome::Rejected(why) => Err(why),
    }
}

/// Whether an error may pass, so that trying again makes sense.
pub(super) fn may_pass(error: &hearth_base::Error) -> bool {
    matches!(error.reason(), None | Some(Reason::ConnectionFailed | Reason::LimitExceeded { .. } | Reason::OutOfSpace))
}

/// Whether a server may hand over an event: its own ones, and memberships, which the server that helps somebody in or out
/// passes on.
pub(super) fn may_bring(origin: &ServerName, candidate: &IncomingPdu) -> bool {
    candidate.pdu.sender.server_name() == origin || candidate.pdu.kind == TimelineEventType::RoomMember
}

impl Federation {
    /// Checks the signatures of a batch and brings in what goes quickly. Nothing here waits but for keys.
    pub(super) async fn take_batch(
        self: &Arc<Self>,
        place: &RoomInfo,
        origin: &ServerName,
        events: Vec<(IncomingPdu, Box<RawValue>)>,
    ) -> Result<Batch> {
        let (mut batch, mut good) = (Batch::default(), Vec::with_capacity(events.len()));
        let (candidates, sources): (Vec<_>, Vec<_>) = events.into_iter().unzip();
        let ids: Vec<_> = candidates.iter().map(|one| one.pdu.event_id.clone()).collect();
        for ((event_id, json), verified) in
            ids.into_iter().zip(sources).zip(self.check_signatures(place.rules, candidates).await)
        {
            match verified {
                Ok(candidate) => good.push((candidate, json)),
                Err(error) if may_pass(&error) => batch.open.push(DeferredEvent { event_id, json, verified: None }),
                Err(error) => {
                    tracing::info!(%error, event.id = %event_id, server = %origin, "Dropped a PDU.");
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
                let ids = good.into_iter().map(|(candidate, _)| candidate.pdu.event_id);
                batch.done.extend(ids.map(|event_id| (event_id, Err(why.to_owned()))));
                return Ok(batch);
            }
            let is_inside = servers::of(&core, tx.tx(), room)?.contains(&origin);
            let mut room = pdu::room(tx, room)?;
            for (candidate, json) in good {
                let event_id = candidate.pdu.event_id.clone();
                match pdu::quickly(&core, tx, &mut room, candidate)? {
                    PersistOutcome::Done(verdict) => batch.done.push((event_id, told(verdict))),
                    PersistOutcome::Not(verified, PersistConflict::Lacks(_)) if !is_inside => {
                        batch.strangers.push(DeferredEvent { event_id, json, verified: Some(*verified) });
                    }
                    PersistOutcome::Not(verified, _) => {
                        batch.open.push(DeferredEvent { event_id, json, verified: Some(*verified) })
                    }
                }
            }
            Ok(batch)
        };
        self.core.store.write_in(Lane::Federation, "receive", write).await
    }
}

/// Why events of a room are not taken from a server at all.
fn refused(
    core: &Core,
    tx: &mut hearth_store::WriteTx<'_>,
    room: RoomSn,
    origin: &ServerName,
) -> Result<Option<&'static str>> {
    if core.locals.get(tx.tx(), room)?.is_empty() {
        return Ok(Some("This server is not in that room."));
    }
    Ok((!acl::allows(core, tx.tx(), room, origin)?).then_some("The room's access control list keeps you out."))
}
