//! Transaction ids: a repeated request gets the first response again, also after a restart.

use hearth_base::{Millis, Result};

use crate::engine::Tx;
use crate::ids::DeviceSn;

const FIND: &str = "SELECT answer FROM txns WHERE device = ?1 AND key = ?2";
const INSERT: &str = "INSERT INTO txns (device, key, answer, at_ms) VALUES (?1, ?2, ?3, ?4)";
const PRUNE: &str = "DELETE FROM txns WHERE at_ms < ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[FIND, INSERT, PRUNE];

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

/// Deletes responses from before `before_ms`.
pub fn prune(tx: &mut dyn Tx, before_ms: Millis) -> Result<u64> {
    tx.execute(PRUNE, &[before_ms.into()])
}
