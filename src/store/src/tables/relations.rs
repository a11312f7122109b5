//! Which event relates to which: edits, reactions, references, threads.

use hearth_base::Result;

use crate::engine::{Row, Tx};
use crate::ids::{EventSn, RoomSn, UserSn};
use crate::tables::events::id_hash;

macro_rules! columns {
    ($rest:literal) => {
        concat!("SELECT child, parent, rel_type, type, key, sender ", $rest)
    };
}

const INSERT: &str = "INSERT INTO relations (child, room, parent_hash, parent, rel_type, type, key, sender) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const DELETE: &str = "DELETE FROM relations WHERE child = ?1";
const OF_PARENT: &str = columns!("FROM relations WHERE parent_hash = ?1 AND room = ?2 ORDER BY child");
const OF_CHILD: &str = columns!("FROM relations WHERE child = ?1");
const TOUCH_THREAD: &str = "INSERT INTO threads (root, room, newest) VALUES (?1, ?2, ?3) \
     ON CONFLICT (root) DO UPDATE SET newest = excluded.newest";
const THREADS: &str = "SELECT root, newest FROM threads WHERE room = ?1 AND newest < ?2 ORDER BY newest DESC LIMIT ?3";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[INSERT, DELETE, OF_PARENT, OF_CHILD, TOUCH_THREAD, THREADS];

/// One relation.
#[derive(Debug, Clone)]
pub struct RelationRow {
    /// The event that relates.
    pub child: EventSn,
    /// The id of the event it relates to, which need not be known here.
    pub parent: String,
    /// `rel_type`, such as `m.annotation`.
    pub rel_type: String,
    /// The child's event type.
    pub event_type: String,
    /// The `key` of an annotation.
    pub key: Option<String>,
    /// The child's sender.
    pub sender: UserSn,
}

fn read(row: &dyn Row) -> Result<RelationRow> {
    Ok(RelationRow {
        child: EventSn(row.int(0)?),
        parent: row.text(1)?.to_owned(),
        rel_type: row.text(2)?.to_owned(),
        event_type: row.text(3)?.to_owned(),
        key: row.opt_text(4)?.map(str::to_owned),
        sender: UserSn(row.int(5)?),
    })
}

/// Notes a relation.
pub fn insert(tx: &mut dyn Tx, room: RoomSn, relation: &RelationRow) -> Result<()> {
    tx.execute(
        INSERT,
        &[
            relation.child.into(),
            room.into(),
            id_hash(&relation.parent).into(),
            (&relation.parent).into(),
            (&relation.rel_type).into(),
            (&relation.event_type).into(),
            relation.key.as_ref().into(),
            relation.sender.into(),
        ],
    )?;
    Ok(())
}

/// Forgets what an event relates to: it has been redacted.
pub fn delete(tx: &mut dyn Tx, child: EventSn) -> Result<()> {
    tx.execute(DELETE, &[child.into()])?;
    Ok(())
}

/// What relates to an event, oldest first.
pub fn of_parent(tx: &mut dyn Tx, room: RoomSn, parent: &str) -> Result<Vec<RelationRow>> {
    let mut found = tx.all(OF_PARENT, &[id_hash(parent).into(), room.into()], read)?;
    found.retain(|relation| relation.parent == parent);
    Ok(found)
}

/// What an event relates to.
pub fn of_child(tx: &mut dyn Tx, child: EventSn) -> Result<Option<RelationRow>> {
    tx.one(OF_CHILD, &[child.into()], read)
}

/// Notes that a thread has a new event.
pub fn touch_thread(tx: &mut dyn Tx, room: RoomSn, root: EventSn, newest: EventSn) -> Result<()> {
    tx.execute(TOUCH_THREAD, &[root.into(), room.into(), newest.into()])?;
    Ok(())
}

/// Threads of a room whose newest event is before `before`, newest first: root and newest event.
pub fn threads(tx: &mut dyn Tx, room: RoomSn, before: EventSn, limit: u64) -> Result<Vec<(EventSn, EventSn)>> {
    tx.all(THREADS, &[room.into(), before.into(), limit.into()], |row| Ok((EventSn(row.int(0)?), EventSn(row.int(1)?))))
}
