//! Commits the plan for an event (`plan.rs`), if its room is unchanged since.

use std::sync::Arc;

use hearth_base::{Error, Result, limits};
use hearth_rooms::RoomCore;
use hearth_rooms::persist::{self, EventStatus, NewEvent};
use hearth_rooms::{gaps, guests};
use hearth_store::WriteTx;
use hearth_store::ids::{RoomSn, SnapshotSn};
use hearth_store::tables::rooms::{self, Room};
use hearth_store::tables::{awaited_events, events, inbox, soft_failed};

use ruma::events::TimelineEventType;
use ruma::{EventId, ServerName};

use super::parse::IncomingPdu;
use super::plan::{self, AuthStatus, Budget, MissingEvents, PduOutcome, PduPlan, PlanResult, StateBefore};

/// The result of an attempt to commit.
pub(crate) enum PersistOutcome {
    /// Committed.
    Done(PduOutcome),
    /// Not committed; returns the event.
    Not(Box<IncomingPdu>, PersistConflict),
}

/// Why an event could not be added at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PersistConflict {
    /// Other events are missing.
    Lacks(MissingEvents),
    /// It needs state resolution, or the room has changed since the plan.
    Hard,
}

/// Loads the room of an incoming event.
pub(crate) fn room(tx: &mut WriteTx<'_>, room: RoomSn) -> Result<Room> {
    rooms::by_sn(tx.tx(), room)?.ok_or_else(|| Error::broken("the room of an event is missing"))
}

/// Adds an event if the cheap check in the write transaction suffices, as for most events.
pub(crate) fn quickly(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &mut Room,
    candidate: IncomingPdu,
) -> Result<PersistOutcome> {
    match plan::look(core, tx.tx(), room, &candidate, Budget::Quick, None)? {
        PlanResult::Known(verdict) => Ok(PersistOutcome::Done(verdict)),
        PlanResult::Lacks(missing) => Ok(PersistOutcome::Not(Box::new(candidate), PersistConflict::Lacks(missing))),
        PlanResult::Hard => Ok(PersistOutcome::Not(Box::new(candidate), PersistConflict::Hard)),
        PlanResult::Planned(plan) => Ok(PersistOutcome::Done(carry_out(core, tx, room, candidate, *plan)?)),
    }
}

/// Commits a plan, unless the room has changed since, or the event was added in another way.
pub(super) fn planned(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &mut Room,
    candidate: IncomingPdu,
    plan: PduPlan,
) -> Result<PersistOutcome> {
    let known = core.events.find(tx.tx(), &candidate.pdu.event_id)?;
    // The plan was made outside of this transaction, so its inputs are compared again.
    let is_as_planned = known.as_ref().is_none_or(|event| event.is_outlier() || event.is_soft_failed())
        && known.map(|event| event.sn) == plan.known
        && room.snapshot == plan.snapshot
        && room.extremities == plan.extremities;
    if !is_as_planned {
        return Ok(PersistOutcome::Not(Box::new(candidate), PersistConflict::Hard));
    }
    Ok(PersistOutcome::Done(carry_out(core, tx, room, candidate, plan)?))
}

fn carry_out(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &mut Room,
    candidate: IncomingPdu,
    plan: PduPlan,
) -> Result<PduOutcome> {
    let IncomingPdu { pdu, json, .. } = candidate;
    let before = snapshot_of(tx, plan.before)?;
    let (event_id, known) = (pdu.event_id.clone(), plan.known);
    let new = NewEvent { pdu, json, sender: None, txn: None, known };
    let verdict = match plan.status {
        AuthStatus::In(step) => {
            if !plan.missing.is_empty() {
                gaps::middle(tx, room.sn, &plan.missing)?;
            }
            for id in plan.missing.iter().chain(&plan.hidden) {
                awaited_events::insert(tx.tx(), room.sn, id.as_str())?;
            }
            if !step.is_end {
                awaited_events::delete(tx.tx(), room.sn, event_id.as_str())?;
            }
            let event = persist::live(core, tx, room, new, before, step)?;
            // The remote event is in the room whether or not local guests leave; a refused leave has written nothing.
            match guests::leave_after(core, tx, room, &event) {
                Err(error) if error.reason().is_some() => {
                    tracing::info!(%error, "Failed to remove guests from a room.")
                }
                left => left?,
            }
            let joining = (event.pdu.kind == TimelineEventType::RoomMember).then(|| event.pdu.sender.server_name());
            judge_again(core, tx, room.sn, &event_id, joining)?;
            return Ok(PduOutcome::Accepted);
        }
        AuthStatus::SoftFail(why) => PduOutcome::SoftFailed(why),
        AuthStatus::Reject(why) => PduOutcome::Rejected(why),
    };
    tracing::debug!(event.id = %event_id, room.id = room.id, ?verdict, "PDU rejected or soft-failed.");
    if !plan.missing.is_empty() && !gaps::has(tx.tx(), room.sn, &plan.missing)? {
        // The missing prev events can be reached only through this event, whether it is accepted or rejected.
        gaps::middle(tx, room.sn, &plan.missing)?;
        announce_gap(core, tx, room.sn)?;
    }
    if known.is_some() {
        // An outlier may authorise other events or be part of the room's state: it was checked on arrival. A second
        // delivery with a state that does not allow it must not revoke that.
        return Ok(verdict);
    }
    let flags = if matches!(verdict, PduOutcome::SoftFailed(_)) { events::SOFT_FAILED } else { events::REJECTED };
    let at = tx.position();
    let (event, _) = persist::event(core, tx, room.sn, new, at, EventStatus { ord: None, snapshot: before, flags })?;
    if event.is_soft_failed() {
        for auth in &plan.unplaced {
            soft_failed::insert(tx.tx(), room.sn, auth.as_str(), event.sn)?;
        }
    }
    Ok(verdict)
}

/// Wakes the room's members for a gap that no visible event follows. Without this their next sync would take the room for
/// unchanged and move its token past the gap. No later sync would be limited, and clients would never page back to it.
fn announce_gap(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, room: RoomSn) -> Result<()> {
    let (core, at) = (core.clone(), tx.position());
    let members = core.locals.get(tx.tx(), room)?;
    tx.after_commit(move || core.notifier.wake_room(room, &members, at));
    Ok(())
}

/// Queues the soft-failed events that `placed` authorises for another check, now that it has its place. They go
/// through the inbox, because state resolution must not run in a write transaction.
fn judge_again(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: RoomSn,
    placed: &EventId,
    joining: Option<&ServerName>,
) -> Result<()> {
    let waiting = soft_failed::take(tx.tx(), room, placed.as_str(), limits::SOFT_FAILED_WAITING_MAX)?;
    // Events of this server may wait in the inbox for its join; they become due now.
    let has_newcomers = match joining {
        Some(server) => inbox::hurry(tx.tx(), room, server.as_str())?,
        None => false,
    };
    if waiting.is_empty() && !has_newcomers {
        return Ok(());
    }
    for sn in waiting {
        let Some(row) = events::by_sn(tx.tx(), sn)? else { continue };
        let event = core.events.get(tx.tx(), sn)?;
        inbox::insert(tx, room, event.pdu.sender.server_name().as_str(), &row.id, &row.json)?;
    }
    let core = core.clone();
    tx.after_commit(move || core.incoming.tell(room));
    Ok(())
}

fn snapshot_of(tx: &mut WriteTx<'_>, before: StateBefore) -> Result<Option<SnapshotSn>> {
    if before.changes.is_empty() {
        return Ok(before.base);
    }
    hearth_rooms::state::snapshot::store(tx, before.base, before.changes).map(Some)
}
