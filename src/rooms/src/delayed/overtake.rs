//! Cancels delayed state events when another user sets the same state, because the delayed content is then out of
//! date.

use std::sync::Arc;

use hearth_base::Result;
use hearth_store::WriteTx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::delayed_events as table;
use serde_json::json;

use super::model::state_name;
use crate::RoomCore;
use crate::load::Event;
use crate::state::snapshot::Changes;

/// Cancels the delayed events that `changes` in a room's current state, caused by `event`, have made obsolete.
pub fn overtake(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: RoomSn,
    event: &Arc<Event>,
    changes: &Changes,
) -> Result<()> {
    if changes.is_empty() || !core.delayed.book.lock().has_state() {
        return Ok(());
    }
    for sn in changes.values().flatten() {
        let event = if *sn == event.sn { event.clone() } else { core.events.get(tx.tx(), *sn)? };
        let Some(state_key) = &event.pdu.state_key else { continue };
        let state = state_name(&event.pdu.kind.to_string(), state_key);
        let overtaken = core.delayed.book.lock().rivals(room, state, event.sender);
        for id in overtaken {
            let why = json!({
                "errcode": "M_UNKNOWN",
                "org.matrix.msc4140.errcode": "M_CANCELLED_BY_STATE_UPDATE",
                "error": format!("{} has set this state in the meantime.", event.pdu.sender),
            });
            table::ended(tx.tx(), &id, core.now_ms(), Some(&why.to_string()))?;
            let core = core.clone();
            tx.after_commit(move || core.delayed.book.lock().remove(&id));
        }
    }
    Ok(())
}
