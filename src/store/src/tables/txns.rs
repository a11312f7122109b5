//! Transaction ids: a repeated request gets the first response again, also after a restart.

use hearth_base::{Millis, Result};

use crate::engine::Tx;
use crate::ids::DeviceSn;

const FIND: &str = "SELECT answer FROM txns WHERE device = ?1 AND key = ?2";
const INSERT: &str = "INSERT INTO txns (device, key, answer, at_ms) VALUES (?1, ?2, ?3, ?4)";
const SET: &str = "INSERT INTO txns (device, key, answer, at_ms) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (device, key) DO UPDATE SET answer = excluded.answer";
const DELETE: &str = "DELETE FROM txns WHERE device = ?1 AND key = ?2";
const OLD: &str = "SELECT device, key FROM txns WHERE at_ms < ?1 LIMIT ?2";

/// In the place of a device: messages of other servers that are stored in part. No device has this serial number.
pub const OTHER_SERVERS: DeviceSn = DeviceSn(0);

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[FIND, INSERT, SET, DELETE, OLD];

/// The key of a transaction. `scope` names the endpoint and, where the specification scopes by room, the room.
#[must_use]
pub fn key(scope: &str, txn: &str) -> i64 {
    crate::hash64(&[scope.as_bytes(), txn.as_bytes()])
}

/// The response to this transaction, if there was one.
pub fn find(tx: &mut dyn Tx, device: DeviceSn, key: i64) -> Result<Option<String>> {
    tx.one(FIND, &[device.into(), key.into()], |row| Ok(row.text(0)?.to_owned()))
}

/// Stores the response to a transaction.
pub fn insert(tx: &mut dyn Tx, device: DeviceSn, key: i64, answer: &str, now_ms: Millis) -> Result<()> {
    tx.execute(INSERT, &[device.into(), key.into(), answer.into(), now_ms.into()])?;
    Ok(())
}

/// Stores or replaces the response to a transaction.
pub fn set(tx: &mut dyn Tx, device: DeviceSn, key: i64, answer: &str, now_ms: Millis) -> Result<()> {
    tx.execute(SET, &[device.into(), key.into(), answer.into(), now_ms.into()])?;
    Ok(())
}

/// Deletes the response to a transaction.
pub fn delete(tx: &mut dyn Tx, device: DeviceSn, key: i64) -> Result<()> {
    tx.execute(DELETE, &[device.into(), key.into()])?;
    Ok(())
}

/// At most `limit` transactions from before `before_ms`. Reads the whole table.
pub fn old(tx: &mut dyn Tx, before_ms: Millis, limit: usize) -> Result<Vec<(DeviceSn, i64)>> {
    tx.all(OLD, &[before_ms.into(), (limit as u64).into()], |row| Ok((DeviceSn(row.int(0)?), row.int(1)?)))
}
