//! What an event relates to: noted when it is stored, so that edits, reactions and threads are found without a search.

use std::sync::Arc;

use hearth_base::Result;
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, RoomSn};
use hearth_store::tables::relations::{self, RelationRow};
use ruma::{EventId, OwnedEventId};
use serde::Deserialize;

use super::event::Pdu;
use super::load::Event;
use crate::core::Core;

/// How deep relations of relations are followed to find a thread (client-server API, "Threading").
const THREAD_HOPS_MAX: usize = 3;

/// `m.relates_to` of a content, as far as the server cares.
#[derive(Debug, Clone, Deserialize)]
pub struct Relation {
    /// `m.annotation`, `m.replace`, `m.reference`, `m.thread` or anybody's own.
    pub rel_type: String,
    /// The event it relates to.
    pub event_id: OwnedEventId,
    /// The `key` of an annotation.
    pub key: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(rename = "m.relates_to")]
    relates_to: Option<serde_json::Value>,
}

/// What an event says it relates to; none when it says nothing, or nothing that makes sense.
#[must_use]
pub fn relation(pdu: &Pdu) -> Option<Relation> {
    // Most events relate to nothing; do not parse them for that.
    if pdu.state_key.is_some() || !pdu.content.get().contains("m.relates_to") {
        return None;
    }
    let content: Content = serde_json::from_str(pdu.content.get()).ok()?;
    serde_json::from_value(content.relates_to?).ok()
}

/// The root of the thread an event belongs to: named by the event itself, or by what it relates to.
pub fn thread_of(core: &Core, tx: &mut dyn Tx, room: RoomSn, pdu: &Pdu) -> Result<Option<EventSn>> {
    let Some(mut next) = relation(pdu) else { return Ok(None) };
    for _ in 0..THREAD_HOPS_MAX {
        let Some(parent) = known(core, tx, room, &next.event_id)? else { return Ok(None) };
        if next.rel_type == "m.thread" {
            return Ok(Some(parent.sn));
        }
        if parent.thread.is_some() {
            return Ok(parent.thread);
        }
        let Some(further) = relation(&parent.pdu) else { return Ok(None) };
        next = further;
    }
    Ok(None)
}

fn known(core: &Core, tx: &mut dyn Tx, room: RoomSn, id: &EventId) -> Result<Option<Arc<Event>>> {
    Ok(core.events.find(tx, id)?.filter(|event| event.room == room))
}

/// Notes what a stored event relates to.
pub fn note(core: &Core, tx: &mut WriteTx<'_>, event: &Event) -> Result<()> {
    let Some(relation) = relation(&event.pdu) else { return Ok(()) };
    if relation.rel_type == "m.thread"
        && let Some(root) = known(core, tx.tx(), event.room, &relation.event_id)?
    {
        relations::touch_thread(tx.tx(), event.room, root.sn, event.sn)?;
    }
    let row = RelationRow {
        child: event.sn,
        parent: relation.event_id.to_string(),
        rel_type: relation.rel_type,
        event_type: event.pdu.kind.to_string(),
        key: relation.key,
        sender: event.sender,
    };
    relations::insert(tx.tx(), event.room, &row)
}
