//! Redactions that arrived before the event they redact.

use hearth_base::Result;

use crate::engine::Tx;
use crate::ids::{EventSn, RoomSn};
use crate::tables::events::id_hash;

const INSERT: &str = "INSERT INTO pending_redactions (redaction, room, target_hash, target) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (redaction) DO NOTHING";
const OF: &str =
    "SELECT redaction, target FROM pending_redactions WHERE target_hash = ?1 AND room = ?2 ORDER BY redaction";
const DELETE: &str = "DELETE FROM pending_redactions WHERE redaction = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[INSERT, OF, DELETE];

/// Records that `redaction` waits for `target`.
pub fn insert(tx: &mut dyn Tx, room: RoomSn, redaction: EventSn, target: &str) -> Result<()> {
    tx.execute(INSERT, &[redaction.into(), room.into(), id_hash(target).into(), target.into()])?;
    Ok(())
}

/// The redactions that wait for `target`, oldest first.
pub fn of(tx: &mut dyn Tx, room: RoomSn, target: &str) -> Result<Vec<EventSn>> {
    let mut found = Vec::new();
    tx.query(OF, &[id_hash(target).into(), room.into()], &mut |row| {
        // The index is by hash, so rows of another event id may match.
        if row.text(1)? == target {
            found.push(EventSn(row.int(0)?));
        }
        Ok(true)
    })?;
    Ok(found)
}

/// Removes a redaction.
pub fn delete(tx: &mut dyn Tx, redaction: EventSn) -> Result<()> {
    tx.execute(DELETE, &[redaction.into()])?;
    Ok(())
}
