//! Writing down what was planned for an event (`plan.rs`), if its room is still as it was then.

use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_store::WriteTx;
use hearth_store::ids::{RoomSn, SnapshotSn};
use hearth_store::tables::rooms::{self, Room};
use hearth_store::tables::{awaited_events, events};

use super::parse::Candidate;
use super::plan::{self, Before, Effort, Fate, Lack, Outlook, Plan, Verdict};
use crate::core::Core;
use crate::rooms::gaps;
use crate::rooms::keep::{self, New, Standing};

/// What came of trying.
pub(in crate::federation) enum Tried {
    /// It is done.
    Done(Verdict),
    /// It is not, and here is the event again.
    Not(Box<Candidate>, Obstacle),
}

/// Why an event could not be brought in at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::federation) enum Obstacle {
    /// Something is missing.
    Lacks(Lack),
    /// It takes a resolution, or the room has moved on since it was planned.
    Hard,
}

/// The room of an event that comes in.
pub(in crate::federation) fn room(tx: &mut WriteTx<'_>, room: RoomSn) -> Result<Room> {
    rooms::by_sn(tx.tx(), room)?.ok_or_else(|| Error::broken("the room of an event is missing"))
}

/// Brings an event in if one look inside the writer is enough for that, as it is for most.
pub(in crate::federation) fn quickly(
    core: &Arc<Core>,
    tx: &mut WriteTx<'_>,
    room: &mut Room,
    candidate: Candidate,
) -> Result<Tried> {
    match plan::look(core, tx.tx(), room, &candidate, Effort::Quick, None)? {
        Outlook::Known(verdict) => Ok(Tried::Done(verdict)),
        Outlook::Lacks(lack) => Ok(Tried::Not(Box::new(candidate), Obstacle::Lacks(lack))),
        Outlook::Hard => Ok(Tried::Not(Box::new(candidate), Obstacle::Hard)),
        Outlook::Planned(plan) => Ok(Tried::Done(carry_out(core, tx, room, candidate, *plan)?)),
    }
}

/// Carries out a plan made earlier, unless the room has moved on since, or the event has come in on another way.
pub(super) fn planned(
    core: &Arc<Core>,
    tx: &mut WriteTx<'_>,
    room: &mut Room,
    candidate: Candidate,
    plan: Plan,
) -> Result<Tried> {
    let known = core.events.find(tx.tx(), &candidate.pdu.event_id)?;
    let is_as_planned = known.as_ref().is_none_or(|event| event.is_outlier())
        && known.map(|event| event.sn) == plan.known
        && room.snapshot == plan.snapshot
        && room.extremities == plan.extremities;
    if !is_as_planned {
        return Ok(Tried::Not(Box::new(candidate), Obstacle::Hard));
    }
    Ok(Tried::Done(carry_out(core, tx, room, candidate, plan)?))
}

fn carry_out(
    core: &Arc<Core>,
    tx: &mut WriteTx<'_>,
    room: &mut Room,
    candidate: Candidate,
    plan: Plan,
) -> Result<Verdict> {
    let Candidate { pdu, json, .. } = candidate;
    let before = snapshot_of(tx, plan.before)?;
    let (event_id, known) = (pdu.event_id.clone(), plan.known);
    let new = New { pdu, json, sender: None, txn: None, known };
    let verdict = match plan.fate {
        Fate::In(step) => {
            if !plan.missing.is_empty() {
                gaps::middle(tx, room.sn, &plan.missing)?;
            }
            for id in &plan.missing {
                awaited_events::insert(tx.tx(), room.sn, id.as_str())?;
            }
            if !step.is_end {
                awaited_events::delete(tx.tx(), room.sn, event_id.as_str())?;
            }
            keep::live(core, tx, room, new, before, step)?;
            return Ok(Verdict::Accepted);
        }
        Fate::SoftFail(why) => Verdict::SoftFailed(why),
        Fate::Reject(why) => Verdict::Rejected(why),
    };
    tracing::info!(event.id = %event_id, room.id = room.id, ?verdict, "An event of another server stays out of its room.");
    if known.is_some() {
        // As an outlier it may authorise others, or be part of the room's state: it was judged when it came. Whoever hands it over
        // again, with a state that does not allow it, must not take that away from it.
        return Ok(verdict);
    }
    let flags = if matches!(verdict, Verdict::SoftFailed(_)) { events::SOFT_FAILED } else { events::REJECTED };
    let at = tx.position();
    keep::event(core, tx, room.sn, new, at, Standing { ord: None, snapshot: before, flags })?;
    Ok(verdict)
}

fn snapshot_of(tx: &mut WriteTx<'_>, before: Before) -> Result<SnapshotSn> {
    if before.changes.is_empty() {
        return Ok(before.base);
    }
    let base = (before.base.0 != 0).then_some(before.base);
    crate::rooms::state::snapshot::store(tx, base, before.changes)
}
