//! The inbox: PDUs that were acknowledged to their senders but are not in their rooms yet.

use hearth_base::{Millis, Position, Result};

use crate::WriteTx;
use crate::engine::{Tx, Value};
use crate::ids::RoomSn;
use crate::tables::events::id_hash;

const INSERT: &str = "INSERT INTO inbox (position, room, origin, id_hash, tries, retry_at_ms, json) \
     VALUES (?1, ?2, ?3, ?4, 0, 0, ?5)";
const HOLDS: &str = "SELECT 1 FROM inbox WHERE room = ?1 AND id_hash = ?2 LIMIT 1";
const OF_ROOM: &str = "SELECT position, origin, tries, retry_at_ms, json FROM inbox WHERE room = ?1 AND position > ?2 \
     ORDER BY position LIMIT ?3";
const ROOMS: &str = "SELECT DISTINCT room FROM inbox";
const COUNT: &str = "SELECT count(*) FROM inbox";
const COUNT_OF_ROOM: &str = "SELECT count(*) FROM inbox WHERE room = ?1";
const COUNT_OF_ORIGIN: &str = "SELECT count(*) FROM inbox WHERE room = ?1 AND origin = ?2";
const HURRY: &str = "UPDATE inbox SET retry_at_ms = 0 WHERE room = ?1 AND origin = ?2";
const POSTPONE: &str = "UPDATE inbox SET tries = ?2, retry_at_ms = ?3 WHERE position = ?1";
const DELETE: &str = "DELETE FROM inbox WHERE position = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] =
    &[INSERT, HOLDS, OF_ROOM, ROOMS, COUNT, COUNT_OF_ROOM, COUNT_OF_ORIGIN, HURRY, POSTPONE, DELETE];

/// A waiting PDU.
#[derive(Debug, Clone)]
pub struct InboxRow {
    /// The position at which it arrived; identifies it here.
    pub position: Position,
    /// The server that sent it.
    pub origin: String,
    /// Failed attempts.
    pub tries: u64,
    /// When it is retried, in milliseconds since the epoch.
    pub retry_at_ms: Millis,
    /// The event as received.
    pub json: Vec<u8>,
}

/// Adds a PDU, unless it is already there.
pub fn insert(tx: &mut WriteTx<'_>, room: RoomSn, origin: &str, id: &str, json: &[u8]) -> Result<()> {
    let hash = id_hash(id);
    if tx.tx().exists(HOLDS, &[room.into(), hash.into()])? {
        return Ok(());
    }
    let position = tx.position();
    tx.execute(INSERT, &[position.into(), room.into(), origin.into(), hash.into(), Value::Blob(json)])?;
    Ok(())
}

/// Waiting PDUs of a room after `after`, in order of arrival.
pub fn of_room(tx: &mut dyn Tx, room: RoomSn, after: Position, limit: u64) -> Result<Vec<InboxRow>> {
    tx.all(OF_ROOM, &[room.into(), after.into(), limit.into()], |row| {
        Ok(InboxRow {
            position: Position::from_i64(row.int(0)?),
            origin: row.text(1)?.to_owned(),
            tries: row.int(2)?.unsigned_abs(),
            retry_at_ms: row.int(3)?.unsigned_abs(),
            json: row.blob(4)?.to_vec(),
        })
    })
}

/// Rooms with waiting PDUs.
pub fn rooms(tx: &mut dyn Tx) -> Result<Vec<RoomSn>> {
    tx.all(ROOMS, &[], |row| Ok(RoomSn(row.int(0)?)))
}

/// Number of waiting PDUs.
pub fn count(tx: &mut dyn Tx) -> Result<u64> {
    Ok(tx.int(COUNT, &[])?.unwrap_or(0).unsigned_abs())
}

/// Number of waiting PDUs of a room.
pub fn count_in_room(tx: &mut dyn Tx, room: RoomSn) -> Result<u64> {
    Ok(tx.int(COUNT_OF_ROOM, &[room.into()])?.unwrap_or(0).unsigned_abs())
}

/// Number of waiting PDUs from one server in a room.
pub fn count_of_origin(tx: &mut dyn Tx, room: RoomSn, origin: &str) -> Result<u64> {
    Ok(tx.int(COUNT_OF_ORIGIN, &[room.into(), origin.into()])?.unwrap_or(0).unsigned_abs())
}

/// Makes the PDUs from one server due at once. Returns whether there were any.
pub fn hurry(tx: &mut dyn Tx, room: RoomSn, origin: &str) -> Result<bool> {
    Ok(tx.execute(HURRY, &[room.into(), origin.into()])? > 0)
}

/// Records a failed attempt, and when to try again.
pub fn postpone(tx: &mut dyn Tx, position: Position, tries: u64, retry_at_ms: Millis) -> Result<()> {
    tx.execute(POSTPONE, &[position.into(), tries.into(), retry_at_ms.into()])?;
    Ok(())
}

/// Removes a PDU.
pub fn delete(tx: &mut dyn Tx, position: Position) -> Result<()> {
    tx.execute(DELETE, &[position.into()])?;
    Ok(())
}
