//! Presence status messages of local users.

use hearth_base::Result;

use crate::engine::Tx;
use crate::ids::UserSn;

const GET: &str = "SELECT status FROM presence_status WHERE user = ?1";
const SET: &str = "INSERT INTO presence_status (user, status) VALUES (?1, ?2) \
     ON CONFLICT (user) DO UPDATE SET status = excluded.status";
const ERASE: &str = "DELETE FROM presence_status WHERE user = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[GET, SET, ERASE];

/// A user's status message.
pub fn get(tx: &mut dyn Tx, user: UserSn) -> Result<Option<String>> {
    tx.one(GET, &[user.into()], |row| Ok(row.text(0)?.to_owned()))
}

/// Sets a user's status message.
pub fn set(tx: &mut dyn Tx, user: UserSn, status: &str) -> Result<()> {
    tx.execute(SET, &[user.into(), status.into()])?;
    Ok(())
}

/// Removes a user's status message.
pub fn erase(tx: &mut dyn Tx, user: UserSn) -> Result<()> {
    tx.execute(ERASE, &[user.into()])?;
    Ok(())
}
