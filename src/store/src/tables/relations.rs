//! Relations between events: edits, reactions, references, threads.

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
/// Parents per statement; if there are fewer, one is repeated, so that one prepared statement serves all sizes.
const PARENTS_PER_STATEMENT: usize = 32;
macro_rules! where_parents {
    ($select:literal, $rest:literal) => {
        concat!(
            $select,
            " WHERE r.room = ?1 AND r.parent_hash IN (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, \
             ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33) ",
            $rest
        )
    };
}

const OF_PARENTS: &str = where_parents!(
    "SELECT r.child, r.parent, r.rel_type, r.type, r.key, r.sender, e.ord, e.id \
     FROM relations r JOIN events e ON e.sn = r.child",
    "ORDER BY r.child"
);
const BUNDLED: &str = where_parents!(
    "SELECT r.child, r.parent, r.rel_type, r.type, r.key, r.sender, e.ord, e.id \
     FROM relations r JOIN events e ON e.sn = r.child",
    "AND r.rel_type IN ('m.replace', 'm.reference') ORDER BY r.child"
);
const REPLIES: &str = where_parents!(
    "SELECT r.parent, r.sender, count(*), MAX(r.child) FROM relations r",
    "AND r.rel_type = 'm.thread' GROUP BY r.parent, r.sender"
);
const REPLIES_BEFORE: &str = "SELECT child FROM relations WHERE parent_hash = ?1 AND room = ?2 AND parent = ?3 \
     AND rel_type = 'm.thread' AND child < ?4 ORDER BY child DESC LIMIT ?5";
const ANY_THREAD: &str = "SELECT 1 FROM threads WHERE room = ?1 LIMIT 1";
const TOUCH_THREAD: &str = "INSERT INTO threads (root, room, newest) VALUES (?1, ?2, ?3) \
     ON CONFLICT (root) DO UPDATE SET newest = excluded.newest";
const NOTE_THREAD: &str = "INSERT INTO threads (root, room, newest) VALUES (?1, ?2, ?3) ON CONFLICT (root) DO NOTHING";
const THREADS: &str = "SELECT root, newest FROM threads WHERE room = ?1 AND newest < ?2 ORDER BY newest DESC LIMIT ?3";

const ROOTS: &str = "SELECT root FROM threads WHERE room = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[
    INSERT,
    DELETE,
    OF_PARENT,
    OF_PARENTS,
    BUNDLED,
    REPLIES,
    REPLIES_BEFORE,
    ANY_THREAD,
    TOUCH_THREAD,
    NOTE_THREAD,
    THREADS,
    ROOTS,
];

/// A relation.
#[derive(Debug, Clone)]
pub struct RelationRow {
    /// The child event.
    pub child: EventSn,
    /// The event id of the parent, which may be unknown here.
    pub parent: String,
    /// `rel_type`, such as `m.annotation`.
    pub rel_type: String,
    /// The event type of the child.
    pub event_type: String,
    /// The `key` of an annotation.
    pub key: Option<String>,
    /// The sender of the child.
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

/// Adds a relation.
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

/// Removes the relation of an event that was redacted.
pub fn delete(tx: &mut dyn Tx, child: EventSn) -> Result<()> {
    tx.execute(DELETE, &[child.into()])?;
    Ok(())
}

/// The relations to an event, oldest first.
pub fn of_parent(tx: &mut dyn Tx, room: RoomSn, parent: &str) -> Result<Vec<RelationRow>> {
    let mut found = tx.all(OF_PARENT, &[id_hash(parent).into(), room.into()], read)?;
    found.retain(|relation| relation.parent == parent);
    Ok(found)
}

/// A relation with the place and the event id of its child.
#[derive(Debug, Clone)]
pub struct ChildRow {
    /// The relation.
    pub relation: RelationRow,
    /// The child's place in the timeline; `None` if it has none.
    pub ord: Option<i64>,
    /// The child's event id.
    pub id: String,
}

/// The relations to any of several events, in order of arrival.
pub fn of_parents(tx: &mut dyn Tx, room: RoomSn, parents: &[&str]) -> Result<Vec<ChildRow>> {
    children(tx, OF_PARENTS, room, parents)
}

/// [`of_parents`], edits and references only.
pub fn edits_and_references(tx: &mut dyn Tx, room: RoomSn, parents: &[&str]) -> Result<Vec<ChildRow>> {
    children(tx, BUNDLED, room, parents)
}

fn children(tx: &mut dyn Tx, sql: &'static str, room: RoomSn, parents: &[&str]) -> Result<Vec<ChildRow>> {
    let mut found: Vec<ChildRow> = Vec::new();
    for parents in parents.chunks(PARENTS_PER_STATEMENT) {
        tx.query(sql, &parents_args(room, parents), &mut |row| {
            // The index is by hash, so rows of other event ids may match.
            if parents.contains(&row.text(1)?) {
                found.push(ChildRow { relation: read(row)?, ord: row.opt_int(6)?, id: row.text(7)?.to_owned() });
            }
            Ok(true)
        })?;
    }
    Ok(found)
}

fn parents_args(room: RoomSn, parents: &[&str]) -> [Value<'static>; PARENTS_PER_STATEMENT + 1] {
    let mut args = [Value::from(room); PARENTS_PER_STATEMENT + 1];
    for (at, arg) in args[1..].iter_mut().enumerate() {
        *arg = id_hash(parents[at.min(parents.len() - 1)]).into();
    }
    args
}

/// A user's replies in a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepliesRow {
    /// The event id of the thread's root.
    pub root: String,
    /// The user.
    pub sender: UserSn,
    /// The number of replies.
    pub count: u64,
    /// The newest reply.
    pub newest: EventSn,
}

/// The replies per user in the threads of several roots, unordered, without redacted ones.
pub fn replies(tx: &mut dyn Tx, room: RoomSn, roots: &[&str]) -> Result<Vec<RepliesRow>> {
    let mut found = Vec::new();
    for roots in roots.chunks(PARENTS_PER_STATEMENT) {
        tx.query(REPLIES, &parents_args(room, roots), &mut |row| {
            // As above: the hash may be that of another event id.
            if roots.contains(&row.text(0)?) {
                let (sender, newest) = (UserSn(row.int(1)?), EventSn(row.int(3)?));
                found.push(RepliesRow {
                    root: row.text(0)?.to_owned(),
                    sender,
                    count: row.int(2)?.unsigned_abs(),
                    newest,
                });
            }
            Ok(true)
        })?;
    }
    Ok(found)
}

/// The newest replies of a thread before `before`, newest first, at most `limit`.
pub fn replies_before(tx: &mut dyn Tx, room: RoomSn, root: &str, before: EventSn, limit: u64) -> Result<Vec<EventSn>> {
    let args = [id_hash(root).into(), room.into(), root.into(), before.into(), limit.into()];
    tx.all(REPLIES_BEFORE, &args, |row| Ok(EventSn(row.int(0)?)))
}

/// Whether a room has a thread.
pub fn any_thread(tx: &mut dyn Tx, room: RoomSn) -> Result<bool> {
    tx.exists(ANY_THREAD, &[room.into()])
}

/// Records the newest event of a thread.
pub fn touch_thread(tx: &mut dyn Tx, room: RoomSn, root: EventSn, newest: EventSn) -> Result<()> {
    tx.execute(TOUCH_THREAD, &[root.into(), room.into(), newest.into()])?;
    Ok(())
}

/// Records a thread of which an old event was fetched. Does not replace the newest event of a known thread.
pub fn note_thread(tx: &mut dyn Tx, room: RoomSn, root: EventSn, newest: EventSn) -> Result<()> {
    tx.execute(NOTE_THREAD, &[root.into(), room.into(), newest.into()])?;
    Ok(())
}

/// Threads of a room whose newest event is before `before`, newest first: root event and newest event.
pub fn threads(tx: &mut dyn Tx, room: RoomSn, before: EventSn, limit: u64) -> Result<Vec<(EventSn, EventSn)>> {
    tx.all(THREADS, &[room.into(), before.into(), limit.into()], |row| Ok((EventSn(row.int(0)?), EventSn(row.int(1)?))))
}

/// The roots of all threads of a room.
pub fn roots(tx: &mut dyn Tx, room: RoomSn) -> Result<Vec<EventSn>> {
    tx.all(ROOTS, &[room.into()], |row| Ok(EventSn(row.int(0)?)))
}
