//! Storage of backfilled events, older than the stored history.

use std::sync::Arc;

use hearth_base::Result;
use hearth_rooms::RoomCore;
use hearth_rooms::load::Event;
use hearth_rooms::persist::{self, EventStatus, NewEvent};
use hearth_rooms::{redaction, relate};
use hearth_store::WriteTx;
use hearth_store::ids::SnapshotSn;
use hearth_store::tables::rooms::Room;
use hearth_store::tables::{awaited_events, events};
use ruma::events::TimelineEventType;

use super::parse::IncomingPdu;

/// A backfilled event.
#[derive(Debug)]
pub struct BackfilledEvent {
    /// The checked event; `pdu.rejected` if it fails the auth rules.
    pub candidate: IncomingPdu,
    /// The snapshot of the state before it.
    pub snapshot: Option<SnapshotSn>,
    /// Its place in the timeline.
    pub ord: i64,
    /// Whether the state may lack parts; see [`events::UNSURE_STATE`].
    pub is_unsure: bool,
}

/// Stores backfilled events at their places. The forward extremities and the current state do not change, and no long
/// poll wakes. Rejected events get no place. Events that already have a place are left unchanged and are not in the
/// result.
pub fn backfilled(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &Room,
    past: Vec<BackfilledEvent>,
) -> Result<Vec<Arc<Event>>> {
    let mut stored = Vec::with_capacity(past.len());
    for BackfilledEvent { candidate: IncomingPdu { pdu, json, .. }, snapshot, ord, is_unsure } in past {
        let known = core.events.find(tx.tx(), &pdu.event_id)?;
        if known.as_ref().is_some_and(|event| !event.is_outlier()) {
            continue;
        }
        let known = known.map(|event| event.sn);
        let flags = if pdu.rejected { events::REJECTED } else { 0 };
        let is_withheld = redaction::is_withheld(core, tx.tx(), room, &pdu)?;
        let unsure = if is_unsure { events::UNSURE_STATE } else { 0 };
        let ord = (!pdu.rejected && !is_withheld).then_some(ord);
        let event_status = EventStatus { ord, snapshot, flags: flags | unsure };
        let at = tx.position();
        let new = NewEvent { pdu, json, sender: None, txn: None, known };
        let (event, relation) = persist::event(core, tx, room.sn, new, at, event_status)?;
        awaited_events::delete(tx.tx(), room.sn, event.pdu.event_id.as_str())?;
        if flags == 0 {
            relate::note_old(core, tx, &event, relation)?;
            if event.pdu.kind == TimelineEventType::RoomRedaction {
                redaction::apply(core, tx, room, &event)?;
            }
            redaction::apply_pending(core, tx, room, &event, false)?;
        }
        if let Some(sn) = known {
            let core = core.clone();
            tx.after_commit(move || core.events.placed(sn));
        }
        stored.push(event);
    }
    Ok(stored)
}
