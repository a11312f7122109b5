//! The audit log of the admin API.

use hearth_base::{Millis, Result};

use crate::WriteTx;
use crate::engine::Tx;

const INSERT: &str = "INSERT INTO audit (sn, at_ms, actor, action, target, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const NEWEST: &str = "SELECT at_ms, actor, action, target, detail FROM audit ORDER BY sn DESC LIMIT ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[INSERT, NEWEST];

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// When it was made, in milliseconds since the epoch.
    pub at_ms: Millis,
    /// Who made the change, such as `uid 1000 (alice)`.
    pub actor: String,
    /// The action, a stable name such as `user.deactivate`.
    pub action: String,
    /// The id of the object.
    pub target: String,
    /// Details; may be empty.
    pub detail: String,
}

/// Adds an entry.
pub fn insert(tx: &mut WriteTx<'_>, row: &AuditRow) -> Result<()> {
    let sn = tx.position();
    let AuditRow { at_ms, actor, action, target, detail } = row;
    tx.execute(INSERT, &[sn.into(), (*at_ms).into(), actor.into(), action.into(), target.into(), detail.into()])?;
    Ok(())
}

/// The newest entries, newest first, at most `limit`.
pub fn newest(tx: &mut dyn Tx, limit: u64) -> Result<Vec<AuditRow>> {
    tx.all(NEWEST, &[limit.into()], |row| {
        Ok(AuditRow {
            at_ms: row.int(0)?.unsigned_abs(),
            actor: row.text(1)?.to_owned(),
            action: row.text(2)?.to_owned(),
            target: row.text(3)?.to_owned(),
            detail: row.text(4)?.to_owned(),
        })
    })
}
