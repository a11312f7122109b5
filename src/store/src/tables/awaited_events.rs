//! Events that are named in the `prev_events` of stored events but are not stored themselves.

use hearth_base::Result;

use crate::engine::Tx;
use crate::ids::RoomSn;
use crate::tables::events::id_hash;

const INSERT: &str =
    "INSERT INTO awaited_events (room, id_hash, id) VALUES (?1, ?2, ?3) ON CONFLICT (room, id_hash) DO NOTHING";
const HAS: &str = "SELECT 1 FROM awaited_events WHERE room = ?1 AND id_hash = ?2 AND id = ?3";
const DELETE: &str = "DELETE FROM awaited_events WHERE room = ?1 AND id_hash = ?2";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[INSERT, HAS, DELETE];

/// Records that a stored event names `id` in its `prev_events`.
pub fn insert(tx: &mut dyn Tx, room: RoomSn, id: &str) -> Result<()> {
    tx.execute(INSERT, &[room.into(), id_hash(id).into(), id.into()])?;
    Ok(())
}

/// Whether a stored event names `id` in its `prev_events`.
pub fn has(tx: &mut dyn Tx, room: RoomSn, id: &str) -> Result<bool> {
    tx.exists(HAS, &[room.into(), id_hash(id).into(), id.into()])
}

/// Removes an event id, because the event is now stored.
pub fn delete(tx: &mut dyn Tx, room: RoomSn, id: &str) -> Result<()> {
    tx.execute(DELETE, &[room.into(), id_hash(id).into()])?;
    Ok(())
}
