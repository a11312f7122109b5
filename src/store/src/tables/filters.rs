//! Filters that clients have uploaded (client-server API, "Filtering").

use hearth_base::{Position, Result};

use crate::engine::Tx;
use crate::ids::UserSn;

const GET: &str = "SELECT json FROM filters WHERE user = ?1 AND id = ?2";
const INSERT: &str =
    "INSERT INTO filters (user, id, json, position) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (user, id) DO NOTHING";
const COUNT: &str = "SELECT count(*) FROM filters WHERE user = ?1";
const DROP_OLDEST: &str = "DELETE FROM filters WHERE user = ?1 AND id = \
     (SELECT id FROM filters WHERE user = ?1 ORDER BY position LIMIT 1)";
const ERASE: &str = "DELETE FROM filters WHERE user = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[GET, INSERT, COUNT, DROP_OLDEST, ERASE];

/// A filter's definition as JSON.
pub fn get(tx: &mut dyn Tx, user: UserSn, id: &str) -> Result<Option<String>> {
    tx.one(GET, &[user.into(), id.into()], |row| Ok(row.text(0)?.to_owned()))
}

/// Adds a filter; does nothing if it exists.
pub fn insert(tx: &mut dyn Tx, user: UserSn, id: &str, json: &str, at: Position) -> Result<()> {
    tx.execute(INSERT, &[user.into(), id.into(), json.into(), at.into()])?;
    Ok(())
}

/// How many filters a user has.
pub fn count(tx: &mut dyn Tx, user: UserSn) -> Result<u64> {
    Ok(tx.int(COUNT, &[user.into()])?.unwrap_or(0).unsigned_abs())
}

/// Removes a user's oldest filter.
pub fn drop_oldest(tx: &mut dyn Tx, user: UserSn) -> Result<()> {
    tx.execute(DROP_OLDEST, &[user.into()])?;
    Ok(())
}

/// Removes all filters of a user.
pub fn erase(tx: &mut dyn Tx, user: UserSn) -> Result<()> {
    tx.execute(ERASE, &[user.into()])?;
    Ok(())
}
