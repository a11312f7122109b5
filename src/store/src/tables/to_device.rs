//! To-device messages (client-server API, "Send-to-Device messaging"). A message is deleted when the client proves that
//! it received it by syncing from a later position, not when it is first sent: the response may be lost.

use hearth_base::{Position, Result};

use crate::engine::Tx;
use crate::ids::DeviceSn;

const FIRST: &str = "SELECT seq, position FROM to_device WHERE device = ?1 ORDER BY position LIMIT 1";
const LAST: &str = "SELECT seq FROM to_device WHERE device = ?1 ORDER BY position DESC LIMIT 1";
const INSERT: &str = "INSERT INTO to_device (device, position, seq, json) VALUES (?1, ?2, ?3, ?4)";
const BATCH: &str = "SELECT position, json FROM to_device WHERE device = ?1 AND position > ?2 AND position <= ?3 \
     ORDER BY position LIMIT ?4";
const DELETE: &str = "DELETE FROM to_device WHERE device = ?1 AND position <= ?2";
const CLEAR: &str = "DELETE FROM to_device WHERE device = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[FIRST, LAST, INSERT, BATCH, DELETE, CLEAR];

/// Adds a message. If `count_max` messages already wait, the oldest are deleted: a device that was off for a year needs
/// the newest. Returns whether messages were deleted.
///
/// `at` must be greater than the position of every message the device has.
pub fn insert(tx: &mut dyn Tx, device: DeviceSn, at: Position, json: &str, count_max: usize) -> Result<bool> {
    let last = tx.int(LAST, &[device.into()])?.unwrap_or(0);
    let first = tx.one(FIRST, &[device.into()], |row| Ok((row.int(0)?, row.int(1)?)))?;
    let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
    // Rows are only deleted from the front, so numbers between the first and the last have no gaps.
    let full = first.filter(|(seq, _)| last - seq + 1 >= count_max);
    if let Some((_, oldest)) = full {
        tx.execute(DELETE, &[device.into(), oldest.into()])?;
    }
    tx.execute(INSERT, &[device.into(), at.into(), (last + 1).into(), json.into()])?;
    Ok(full.is_some())
}

/// The first `limit` messages in `(after, upto]`, oldest first, as JSON with `type`, `sender`, `content`.
///
/// If it returns `limit` messages there may be more. The sync must then not claim a position after the last of them.
pub fn batch(
    tx: &mut dyn Tx,
    device: DeviceSn,
    after: Position,
    upto: Position,
    limit: usize,
) -> Result<Vec<(Position, String)>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    tx.all(BATCH, &[device.into(), after.into(), upto.into(), limit.into()], |row| {
        Ok((Position::from_i64(row.int(0)?), row.text(1)?.to_owned()))
    })
}

/// Whether a message waits up to `upto`, so that [`delete_upto`] has something to do.
pub fn any_upto(tx: &mut dyn Tx, device: DeviceSn, upto: Position) -> Result<bool> {
    let first = tx.one(FIRST, &[device.into()], |row| row.int(1))?;
    Ok(first.is_some_and(|first| first <= upto.as_i64()))
}

/// Deletes the messages that the client has received. Returns how many. Call [`any_upto`] first, in the read
/// transaction of the sync: most syncs have nothing to delete and then need no write.
pub fn delete_upto(tx: &mut dyn Tx, device: DeviceSn, upto: Position) -> Result<u64> {
    tx.execute(DELETE, &[device.into(), upto.into()])
}

/// Deletes all messages of a device.
pub fn clear(tx: &mut dyn Tx, device: DeviceSn) -> Result<()> {
    tx.execute(CLEAR, &[device.into()])?;
    Ok(())
}
