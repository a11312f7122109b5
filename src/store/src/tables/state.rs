//! Room state: snapshots, the current state, and its changes.

use hearth_base::{Position, Result};

use crate::engine::{Tx, Value};
use crate::ids::{EventSn, KeySn, RoomSn, SnapshotSn};

const SNAPSHOT: &str = "SELECT depth, base, changes FROM state_snapshots WHERE sn = ?1";
const INSERT_SNAPSHOT: &str = "INSERT INTO state_snapshots (sn, depth, base, changes) VALUES (?1, ?2, ?3, ?4)";
const CURRENT: &str = "SELECT key, event FROM current_state WHERE room = ?1";
const CURRENT_NOT_MEMBERS: &str = "SELECT key, event FROM current_state WHERE room = ?1 AND key >= 0";
const COUNT: &str = "SELECT count(*) FROM current_state WHERE room = ?1";
const CURRENT_ONE: &str = "SELECT event FROM current_state WHERE room = ?1 AND key = ?2";
const CURRENT_NAMED: &str = "SELECT s.event FROM state_keys k JOIN current_state s ON s.key = k.sn \
     WHERE k.type = ?2 AND k.key = ?3 AND s.room = ?1";
const CURRENT_OF_TYPE: &str = "SELECT s.event FROM current_state s JOIN state_keys k ON k.sn = s.key \
     WHERE s.room = ?1 AND k.type = ?2";
const SET: &str = "INSERT INTO current_state (room, key, event) VALUES (?1, ?2, ?3) \
     ON CONFLICT (room, key) DO UPDATE SET event = excluded.event";
const UNSET: &str = "DELETE FROM current_state WHERE room = ?1 AND key = ?2";
const CHANGE: &str = "INSERT INTO state_changes (room, position, key, event) VALUES (?1, ?2, ?3, ?4)";
const IN_FORCE_SINCE: &str = "SELECT max(position) FROM state_changes WHERE room = ?1 AND event = ?2";
const CHANGES: &str =
    "SELECT key, event FROM state_changes WHERE room = ?1 AND position > ?2 AND position <= ?3 ORDER BY position";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[
    SNAPSHOT,
    INSERT_SNAPSHOT,
    CURRENT,
    CURRENT_NOT_MEMBERS,
    COUNT,
    CURRENT_ONE,
    CURRENT_NAMED,
    CURRENT_OF_TYPE,
    SET,
    UNSET,
    CHANGE,
    CHANGES,
    IN_FORCE_SINCE,
];

/// A stored snapshot: the difference to `base`, encoded by the domain.
#[derive(Debug, Clone)]
pub struct SnapshotRow {
    /// Number of snapshots before it in its line.
    pub depth: i64,
    /// The snapshot that `changes` apply to; `None` for the empty state.
    pub base: Option<SnapshotSn>,
    /// Encoded changes.
    pub changes: Vec<u8>,
}

/// The row of a snapshot.
pub fn snapshot(tx: &mut dyn Tx, sn: SnapshotSn) -> Result<Option<SnapshotRow>> {
    tx.one(SNAPSHOT, &[sn.into()], |row| {
        Ok(SnapshotRow { depth: row.int(0)?, base: row.opt_int(1)?.map(SnapshotSn), changes: row.blob(2)?.to_vec() })
    })
}

/// Stores a snapshot.
pub fn insert_snapshot(tx: &mut dyn Tx, sn: SnapshotSn, row: &SnapshotRow) -> Result<()> {
    tx.execute(INSERT_SNAPSHOT, &[sn.into(), row.depth.into(), row.base.into(), Value::Blob(&row.changes)])?;
    Ok(())
}

/// The current state of a room.
pub fn current(tx: &mut dyn Tx, room: RoomSn) -> Result<Vec<(KeySn, EventSn)>> {
    tx.all(CURRENT, &[room.into()], |row| Ok((KeySn(row.int(0)?), EventSn(row.int(1)?))))
}

/// The current state of a room without its members, of which there may be ten thousand.
pub fn current_without_members(tx: &mut dyn Tx, room: RoomSn) -> Result<Vec<(KeySn, EventSn)>> {
    tx.all(CURRENT_NOT_MEMBERS, &[room.into()], |row| Ok((KeySn(row.int(0)?), EventSn(row.int(1)?))))
}

/// Number of entries in the current state of a room.
pub fn count(tx: &mut dyn Tx, room: RoomSn) -> Result<u64> {
    Ok(tx.int(COUNT, &[room.into()])?.unwrap_or(0).unsigned_abs())
}

/// One entry of the current state.
pub fn current_one(tx: &mut dyn Tx, room: RoomSn, key: KeySn) -> Result<Option<EventSn>> {
    tx.one(CURRENT_ONE, &[room.into(), key.into()], |row| Ok(EventSn(row.int(0)?)))
}

/// One entry of the current state, by event type and state key.
pub fn current_named(tx: &mut dyn Tx, room: RoomSn, event_type: &str, state_key: &str) -> Result<Option<EventSn>> {
    tx.one(CURRENT_NAMED, &[room.into(), event_type.into(), state_key.into()], |row| Ok(EventSn(row.int(0)?)))
}

/// All entries of the current state with an event type.
pub fn current_of_type(tx: &mut dyn Tx, room: RoomSn, event_type: &str) -> Result<Vec<EventSn>> {
    tx.all(CURRENT_OF_TYPE, &[room.into(), event_type.into()], |row| Ok(EventSn(row.int(0)?)))
}

/// Changes an entry of the current state without recording the change: for a room that no client has seen yet.
pub fn set(tx: &mut dyn Tx, room: RoomSn, key: KeySn, event: Option<EventSn>) -> Result<()> {
    match event {
        Some(event) => tx.execute(SET, &[room.into(), key.into(), event.into()])?,
        None => tx.execute(UNSET, &[room.into(), key.into()])?,
    };
    Ok(())
}

/// Changes an entry of the current state and records when.
pub fn change(tx: &mut dyn Tx, room: RoomSn, key: KeySn, event: Option<EventSn>, at: Position) -> Result<()> {
    set(tx, room, key, event)?;
    tx.execute(CHANGE, &[room.into(), at.into(), key.into(), event.into()])?;
    Ok(())
}

/// When an event last became part of the current state; `None` if never. Scans all changes of the room.
pub fn in_force_since(tx: &mut dyn Tx, room: RoomSn, event: EventSn) -> Result<Option<Position>> {
    Ok(tx.int(IN_FORCE_SINCE, &[room.into(), event.into()])?.map(Position::from_i64))
}

/// Changes in `(after, upto]`, oldest first. A key can occur more than once.
pub fn changes(
    tx: &mut dyn Tx,
    room: RoomSn,
    after: Position,
    upto: Position,
) -> Result<Vec<(KeySn, Option<EventSn>)>> {
    tx.all(CHANGES, &[room.into(), after.into(), upto.into()], |row| {
        Ok((KeySn(row.int(0)?), row.opt_int(1)?.map(EventSn)))
    })
}
