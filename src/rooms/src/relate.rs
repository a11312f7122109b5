//! Records what an event relates to when it is stored, so that edits, reactions and threads are found without a scan.

use std::sync::Arc;

use hearth_base::error::refuse;
use hearth_base::limits::rooms::{ANNOTATION_KEY_BYTES_MAX, THREAD_HOPS_MAX};
use hearth_base::{Error, Reason, Result};
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, RoomSn, UserSn};
use hearth_store::tables::relations::{self, RelationRow};
use hearth_store::tables::rooms::Room;
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{EventId, OwnedEventId};
use serde::Deserialize;

use super::event::{Draft, Pdu};
use super::load::Event;
use crate::RoomCore;

/// The parts of a content's `m.relates_to` that the server uses.
#[derive(Debug, Clone, Deserialize)]
pub struct Relation {
    /// `m.annotation`, `m.replace`, `m.reference`, `m.thread` or a custom type.
    pub rel_type: String,
    /// The parent event.
    pub event_id: OwnedEventId,
    /// The `key` of an annotation.
    pub key: Option<String>,
}

impl Relation {
    /// Not every database stores a NUL character in text, and no relation needs one.
    fn is_storable(&self) -> bool {
        !self.rel_type.contains('\0') && !self.key.as_ref().is_some_and(|key| key.contains('\0'))
    }
}

#[derive(Deserialize)]
struct Content {
    #[serde(rename = "m.relates_to")]
    relates_to: Option<serde_json::Value>,
}

/// Returns the relation of an event; none when it has none, or a malformed one.
#[must_use]
pub fn relation(pdu: &Pdu) -> Option<Relation> {
    // Most events have no relation; skip parsing them.
    if pdu.state_key.is_some() || !pdu.content.get().contains("m.relates_to") {
        return None;
    }
    let content: Content = serde_json::from_str(pdu.content.get()).ok()?;
    serde_json::from_value(content.relates_to?).ok().filter(Relation::is_storable)
}

/// Returns the root of the event's thread: the relation names it, or the parent is in that thread.
pub fn thread_of(
    core: &RoomCore,
    tx: &mut dyn Tx,
    room: RoomSn,
    relation: Option<&Relation>,
) -> Result<Option<EventSn>> {
    let Some(mut next) = relation.cloned() else { return Ok(None) };
    for _ in 0..THREAD_HOPS_MAX {
        let Some(parent) = known(core, tx, room, &next.event_id)? else { return Ok(None) };
        if next.rel_type == "m.thread" {
            return Ok(Some(parent.sn));
        }
        if parent.thread.is_some() {
            return Ok(parent.thread);
        }
        let Some(further) = self::relation(&parent.pdu) else { return Ok(None) };
        next = further;
    }
    Ok(None)
}

fn known(core: &RoomCore, tx: &mut dyn Tx, room: RoomSn, id: &EventId) -> Result<Option<Arc<Event>>> {
    Ok(core.events.find(tx, id)?.filter(|event| event.room == room))
}

/// Refuses invalid relations of a local event before it is sent: an unknown parent, the same reaction twice
/// (`M_DUPLICATE_ANNOTATION`), or a thread whose root itself has a relation.
pub(super) fn check(core: &RoomCore, tx: &mut dyn Tx, room: &Room, sender: UserSn, draft: &Draft) -> Result<()> {
    let Some(relation) = of_content(&draft.content) else { return Ok(()) };
    let parent = core.events.find(tx, &relation.event_id)?;
    if parent.as_ref().is_some_and(|parent| parent.room != room.sn) {
        return Err(Error::invalid(format!("{} is in another room.", relation.event_id)));
    }
    let mut related = || relations::of_parent(tx, room.sn, relation.event_id.as_str());
    // A remote event may relate to a parent that has not arrived here, and clients learn the parent's id from it.
    if parent.is_none() && related()?.is_empty() {
        return Err(Error::invalid(format!("There is no event {} to relate to.", relation.event_id)));
    }
    match relation.rel_type.as_str() {
        "m.annotation" => {
            let key = relation.key.as_ref().filter(|key| key.len() <= ANNOTATION_KEY_BYTES_MAX);
            let key = key.ok_or_else(|| Error::invalid("An annotation needs a `key` of at most 500 bytes."))?;
            let same = |known: &RelationRow| {
                known.rel_type == "m.annotation"
                    && known.sender == sender
                    && known.event_type == draft.kind
                    && known.key.as_ref() == Some(key)
            };
            if related()?.iter().any(same) {
                return Err(refuse(Reason::DuplicateAnnotation, "You have already reacted with that."));
            }
        }
        "m.thread" if parent.is_some_and(|parent| self::relation(&parent.pdu).is_some()) => {
            return Err(Error::invalid("A thread cannot start at an event that itself relates to another."));
        }
        _ => {}
    }
    Ok(())
}

fn of_content(content: &CanonicalJsonObject) -> Option<Relation> {
    let relates_to = serde_json::Value::from(content.get("m.relates_to")?.clone());
    serde_json::from_value(relates_to).ok().filter(Relation::is_storable)
}

/// Records the relation of a stored event.
pub fn note(core: &RoomCore, tx: &mut WriteTx<'_>, event: &Event, relation: Option<Relation>) -> Result<()> {
    insert(core, tx, event, relation, relations::touch_thread)
}

/// As [`note`], for a backfilled event: if its thread is known at all, the thread already has newer events.
pub fn note_old(core: &RoomCore, tx: &mut WriteTx<'_>, event: &Event, relation: Option<Relation>) -> Result<()> {
    insert(core, tx, event, relation, relations::note_thread)
}

fn insert(
    core: &RoomCore,
    tx: &mut WriteTx<'_>,
    event: &Event,
    relation: Option<Relation>,
    into_thread: fn(&mut dyn Tx, RoomSn, EventSn, EventSn) -> Result<()>,
) -> Result<()> {
    let Some(relation) = relation else { return Ok(()) };
    if relation.rel_type == "m.thread"
        && let Some(root) = known(core, tx.tx(), event.room, &relation.event_id)?
    {
        into_thread(tx.tx(), event.room, root.sn, event.sn)?;
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
