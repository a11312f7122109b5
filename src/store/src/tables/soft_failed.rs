//! Soft-failed events to check again once one of their auth events is in the timeline.

use hearth_base::Result;

use crate::engine::Tx;
use crate::ids::{EventSn, RoomSn};
use crate::tables::events::id_hash;

const INSERT: &str = "INSERT INTO soft_failed (room, auth_hash, event) VALUES (?1, ?2, ?3) ON CONFLICT (room, auth_hash, event) DO NOTHING";
const OF: &str = "SELECT event FROM soft_failed WHERE room = ?1 AND auth_hash = ?2 ORDER BY event LIMIT ?3";
const DELETE: &str = "DELETE FROM soft_failed WHERE room = ?1 AND auth_hash = ?2";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[INSERT, OF, DELETE];

/// Records that `event` may pass the checks once the event `auth` is in the timeline.
pub fn insert(tx: &mut dyn Tx, room: RoomSn, auth: &str, event: EventSn) -> Result<()> {
    tx.execute(INSERT, &[room.into(), id_hash(auth).into(), event.into()])?;
    Ok(())
}

/// Removes and returns the events that wait for `auth`, at most `limit`, oldest first.
pub fn take(tx: &mut dyn Tx, room: RoomSn, auth: &str, limit: u64) -> Result<Vec<EventSn>> {
    let hash = id_hash(auth);
    let found = tx.all(OF, &[room.into(), hash.into(), limit.into()], |row| Ok(EventSn(row.int(0)?)))?;
    if !found.is_empty() {
        tx.execute(DELETE, &[room.into(), hash.into()])?;
    }
    Ok(found)
}
