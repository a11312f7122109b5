//! Messages that wait for a device. They are deleted when the client shows, by syncing from a later position, that it has
//! them; never when they are first sent to it.

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

/// Adds a message. When `count_max` already wait, the oldest goes: a device that was off for years wants the newest. Says how
/// many have had to go so far, if this one made another go.
///
/// `at` must be greater than that of every message the device has.
pub fn insert(tx: &mut dyn Tx, device: DeviceSn, at: Position, json: &str, count_max: usize) -> Result<Option<i64>> {
    let last = tx.int(LAST, &[device.into()])?.unwrap_or(0);
    let first = tx.one(FIRST, &[device.into()], |row| Ok((row.int(0)?, row.int(1)?)))?;
    let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
    // Rows only ever go from the front, so the numbers between the first and the last have no gaps.
    let full = first.filter(|(seq, _)| last - seq + 1 >= count_max);
    if let Some((_, oldest)) = full {
        tx.execute(DELETE, &[device.into(), oldest.into()])?;
    }
    tx.execute(INSERT, &[device.into(), at.into(), (last + 1).into(), json.into()])?;
    // The messages of an inbox that was never empty since are numbered from 1.
    Ok(full.map(|(dropped, _)| dropped))
}

/// The first `limit` messages in `(after, upto]`, oldest first: JSON with `type`, `sender`, `content`.
///
/// When `limit` of them come there may be more. Then only up to the last of these the client may be said to have them.
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

/// Whether anything waits at or before `upto`: whether [`delete_upto`] would do something.
pub fn any_upto(tx: &mut dyn Tx, device: DeviceSn, upto: Position) -> Result<bool> {
    let first = tx.one(FIRST, &[device.into()], |row| row.int(1))?;
    Ok(first.is_some_and(|first| first <= upto.as_i64()))
}

/// Deletes what the client has shown to have; says how many there were. Ask [`any_upto`] first, in the read transaction that
/// answers the sync: most syncs have nothing to delete and need no write.
pub fn delete_upto(tx: &mut dyn Tx, device: DeviceSn, upto: Position) -> Result<u64> {
    tx.execute(DELETE, &[device.into(), upto.into()])
}

/// Deletes everything that waits for a device.
pub fn clear(tx: &mut dyn Tx, device: DeviceSn) -> Result<()> {
    tx.execute(CLEAR, &[device.into()])?;
    Ok(())
}
