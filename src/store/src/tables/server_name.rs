//! The server's name, which user ids and events contain, and whether anything contains it yet.

use hearth_base::Result;

use crate::engine::Tx;

const GET: &str = "SELECT name FROM server_name WHERE id = 1";
const SET: &str =
    "INSERT INTO server_name (id, name) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET name = excluded.name";
/// The oldest account, because a database from before this table may have accounts under two names.
const OLDEST_ACCOUNT: &str =
    "SELECT u.id FROM accounts a JOIN users u ON u.sn = a.sn ORDER BY a.created_ms, a.sn LIMIT 1";
const ANY_ACCOUNT: &str = "SELECT 1 FROM accounts LIMIT 1";
const ANY_ROOM: &str = "SELECT 1 FROM rooms LIMIT 1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[GET, SET, OLDEST_ACCOUNT, ANY_ACCOUNT, ANY_ROOM];

/// The name of the server that a database belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerNameRow {
    /// The name.
    pub name: String,
    /// Whether an account or a room contains it. Until then it can be replaced without harm.
    pub in_use: bool,
}

/// The stored name; `None` in a new database.
pub fn get(tx: &mut dyn Tx) -> Result<Option<ServerNameRow>> {
    let name = tx.one(GET, &[], |row| Ok(row.text(0)?.to_owned()))?;
    match name {
        Some(name) => {
            Ok(Some(ServerNameRow { name, in_use: tx.exists(ANY_ACCOUNT, &[])? || tx.exists(ANY_ROOM, &[])? }))
        }
        None => derived(tx),
    }
}

/// The name in the id of the oldest account, for a database from before the name was stored.
pub(crate) fn derived(tx: &mut dyn Tx) -> Result<Option<ServerNameRow>> {
    let id = tx.one(OLDEST_ACCOUNT, &[], |row| Ok(row.text(0)?.to_owned()))?;
    let name = id.as_deref().and_then(|id| id.split_once(':')).map(|(_, name)| name.to_owned());
    Ok(name.map(|name| ServerNameRow { name, in_use: true }))
}

/// Stores the name.
pub fn set(tx: &mut dyn Tx, name: &str) -> Result<()> {
    tx.execute(SET, &[name.into()])?;
    Ok(())
}
