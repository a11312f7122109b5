//! Who changed what through the admin plane.

use hearth_base::{Millis, Result};

use crate::WriteTx;
use crate::engine::Tx;

const INSERT: &str = "INSERT INTO audit (sn, at_ms, actor, action, target, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const NEWEST: &str = "SELECT at_ms, actor, action, target, detail FROM audit ORDER BY sn DESC LIMIT ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[INSERT, NEWEST];

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// When.
    pub at_ms: Millis,
    /// Who.
    pub actor: String,
    /// What was done, a steady word such as `user.deactivate`.
    pub action: String,
    /// To whom or what: an id.
    pub target: String,
    /// What else matters; empty for nothing.
    pub detail: String,
}

/// Notes a change.
pub fn insert(tx: &mut WriteTx<'_>, row: &AuditRow) -> Result<()> {
    let sn = tx.position();
    let AuditRow { at_ms, actor, action, target, detail } = row;
    tx.execute(INSERT, &[sn.into(), (*at_ms).into(), actor.into(), action.into(), target.into(), detail.into()])?;
    Ok(())
}

/// The newest changes, at most `limit`, newest first.
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
