//! Which event relates to which: edits, reactions, references, threads.

use hearth_base::Result;

use crate::engine::{Row, Tx, Value};
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
/// As many parents as one statement takes; fewer are filled up by repeating one.
const PARENTS_PER_STATEMENT: usize = 32;
const OF_PARENTS: &str = "SELECT r.child, r.parent, r.rel_type, r.type, r.key, r.sender, e.ord, e.id \
     FROM relations r JOIN events e ON e.sn = r.child WHERE r.room = ?1 AND r.parent_hash IN (?2, ?3, ?4, ?5, ?6, ?7, ?8, \
     ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, \
     ?32, ?33) ORDER BY r.child";
const OF_CHILD: &str = columns!("FROM relations WHERE child = ?1");
const TOUCH_THREAD: &str = "INSERT INTO threads (root, room, newest) VALUES (?1, ?2, ?3) \
     ON CONFLICT (root) DO UPDATE SET newest = excluded.newest";
const THREADS: &str = "SELECT root, newest FROM threads WHERE room = ?1 AND newest < ?2 ORDER BY newest DESC LIMIT ?3";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[INSERT, DELETE, OF_PARENT, OF_PARENTS, OF_CHILD, TOUCH_THREAD, THREADS];

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

/// A relation together with where and what its child is.
#[derive(Debug, Clone)]
pub struct ChildRow {
    /// The relation.
    pub relation: RelationRow,
    /// The child's place in the timeline; none when it stands in none.
    pub ord: Option<i64>,
    /// The child's event id.
    pub id: String,
}

/// What relates to any of several events, in order of arrival.
pub fn of_parents(tx: &mut dyn Tx, room: RoomSn, parents: &[&str]) -> Result<Vec<ChildRow>> {
    let mut found: Vec<ChildRow> = Vec::new();
    for parents in parents.chunks(PARENTS_PER_STATEMENT) {
        let mut args = [Value::from(room); PARENTS_PER_STATEMENT + 1];
        for (at, arg) in args[1..].iter_mut().enumerate() {
            *arg = id_hash(parents[at.min(parents.len() - 1)]).into();
        }
        tx.query(OF_PARENTS, &args, &mut |row| {
            // The index goes by a hash of the id; what merely has the same hash is not meant.
            if parents.contains(&row.text(1)?) {
                found.push(ChildRow { relation: read(row)?, ord: row.opt_int(6)?, id: row.text(7)?.to_owned() });
            }
            Ok(true)
        })?;
    }
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
