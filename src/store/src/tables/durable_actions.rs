//! Users' actions in progress. The server resumes them at startup if it stopped before they were finished.

use hearth_base::{Millis, Result};

use crate::WriteTx;
use crate::engine::Tx;
use crate::ids::UserSn;

const INSERT: &str = "INSERT INTO durable_actions (sn, user, action, begun_ms) VALUES (?1, ?2, ?3, ?4)";
const ALL: &str = "SELECT sn, user, action, begun_ms FROM durable_actions ORDER BY sn";
const OF_USER: &str = "SELECT sn, user, action, begun_ms FROM durable_actions WHERE user = ?1 ORDER BY sn";
const DELETE: &str = "DELETE FROM durable_actions WHERE sn = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[INSERT, ALL, OF_USER, DELETE];

/// An action in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DurableActionRow {
    /// Its serial number: actions are resumed in the order in which they began.
    pub sn: u64,
    /// The user who acts.
    pub user: UserSn,
    /// The action as JSON.
    pub action: String,
    /// When it began, in milliseconds since the epoch.
    pub begun_ms: Millis,
}

/// Adds an action; returns its serial number.
pub fn insert(tx: &mut WriteTx<'_>, user: UserSn, action: &str, begun_ms: Millis) -> Result<u64> {
    let sn = tx.position();
    tx.execute(INSERT, &[sn.into(), user.into(), action.into(), begun_ms.into()])?;
    Ok(sn.0)
}

/// All actions, in the order in which they began.
pub fn all(tx: &mut dyn Tx) -> Result<Vec<DurableActionRow>> {
    tx.all(ALL, &[], |row| read(row))
}

/// The actions of one user, in the order in which they began.
pub fn of_user(tx: &mut dyn Tx, user: UserSn) -> Result<Vec<DurableActionRow>> {
    tx.all(OF_USER, &[user.into()], |row| read(row))
}

/// Removes an action; succeeds if it is already removed.
pub fn delete(tx: &mut dyn Tx, sn: u64) -> Result<()> {
    tx.execute(DELETE, &[sn.into()])?;
    Ok(())
}

fn read(row: &dyn crate::engine::Row) -> Result<DurableActionRow> {
    Ok(DurableActionRow {
        sn: row.int(0)?.unsigned_abs(),
        user: UserSn(row.int(1)?),
        action: row.text(2)?.to_owned(),
        begun_ms: row.int(3)?.unsigned_abs(),
    })
}
