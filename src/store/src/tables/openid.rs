//! OpenID tokens, stored as their SHA-256 (client-server API, "OpenID").

use hearth_base::{Millis, Result};

use crate::engine::Tx;
use crate::ids::UserSn;

const INSERT: &str = "INSERT INTO openid_tokens (hash, user, expires_ms) VALUES (?1, ?2, ?3)";
const FIND: &str = "SELECT user FROM openid_tokens WHERE hash = ?1 AND expires_ms > ?2";
const COUNT: &str = "SELECT count(*) FROM openid_tokens WHERE user = ?1";
const PURGE: &str = "DELETE FROM openid_tokens WHERE user = ?1 AND expires_ms <= ?2";
const ERASE: &str = "DELETE FROM openid_tokens WHERE user = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[INSERT, FIND, COUNT, PURGE, ERASE];

/// Adds a token.
pub fn insert(tx: &mut dyn Tx, hash: &[u8; 32], user: UserSn, expires_ms: Millis) -> Result<()> {
    tx.execute(INSERT, &[hash.as_slice().into(), user.into(), expires_ms.into()])?;
    Ok(())
}

/// The user of a token; `None` if it is unknown or expired.
pub fn find(tx: &mut dyn Tx, hash: &[u8; 32], now_ms: Millis) -> Result<Option<UserSn>> {
    tx.one(FIND, &[hash.as_slice().into(), now_ms.into()], |row| Ok(UserSn(row.int(0)?)))
}

/// The number of stored tokens of a user.
pub fn count(tx: &mut dyn Tx, user: UserSn) -> Result<u64> {
    Ok(tx.int(COUNT, &[user.into()])?.unwrap_or(0).unsigned_abs())
}

/// Removes a user's expired tokens.
pub fn purge(tx: &mut dyn Tx, user: UserSn, now_ms: Millis) -> Result<()> {
    tx.execute(PURGE, &[user.into(), now_ms.into()])?;
    Ok(())
}

/// Removes all tokens of a user.
pub fn erase(tx: &mut dyn Tx, user: UserSn) -> Result<()> {
    tx.execute(ERASE, &[user.into()])?;
    Ok(())
}
