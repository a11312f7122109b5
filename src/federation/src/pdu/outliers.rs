//! Storage of outliers: state and auth events without a place in the room's graph.

use hearth_base::Result;
use hearth_rooms::RoomCore;
use hearth_rooms::persist::{self, EventStatus, NewEvent};
use hearth_store::WriteTx;
use hearth_store::ids::{EventSn, RoomSn};
use hearth_store::tables::events;

use super::parse::IncomingPdu;

/// Stores checked events (see `auth_order`) as outliers, and returns their serial numbers in the same order. Existing
/// events keep their status.
pub fn outliers(
    core: &RoomCore,
    tx: &mut WriteTx<'_>,
    room: RoomSn,
    candidates: Vec<IncomingPdu>,
) -> Result<Vec<EventSn>> {
    let mut numbers = Vec::with_capacity(candidates.len());
    for IncomingPdu { pdu, json, .. } in candidates {
        if let Some(sn) = events::find(tx.tx(), pdu.event_id.as_str())? {
            numbers.push(sn);
            continue;
        }
        let rejected = if pdu.rejected { events::REJECTED } else { 0 };
        let event_status = EventStatus { ord: None, snapshot: None, flags: events::OUTLIER | rejected };
        let new = NewEvent { pdu, json, sender: None, txn: None, known: None };
        let at = tx.position();
        numbers.push(persist::event(core, tx, room, new, at, event_status)?.0.sn);
    }
    Ok(numbers)
}
