//! Access and refresh tokens, stored as their SHA-256: a copy of the database does not let its reader log in.

use hearth_base::{Error, Millis, Result};

use crate::engine::{Row, Tx, Value};
use crate::ids::{DeviceSn, UserSn};

const SESSION: &str = "SELECT t.expires_ms, r.parent, d.sn, d.id, a.sn, a.kind, a.flags, u.id, t.refresh \
     FROM access_tokens t JOIN devices d ON d.sn = t.device JOIN accounts a ON a.sn = d.account \
     JOIN users u ON u.sn = a.sn LEFT JOIN refresh_tokens r ON r.hash = t.refresh WHERE t.hash = ?1";
const OF_DEVICE: &str = "SELECT hash FROM access_tokens WHERE device = ?1";
const INSERT: &str = "INSERT INTO access_tokens (hash, device, expires_ms, refresh) VALUES (?1, ?2, ?3, ?4)";
const BY_REFRESH: &str = "SELECT hash FROM access_tokens WHERE device = ?1 AND refresh = ?2";
const DELETE: &str = "DELETE FROM access_tokens WHERE hash = ?1";
const DELETE_OF_DEVICE: &str = "DELETE FROM access_tokens WHERE device = ?1";

const REFRESH: &str = "SELECT r.hash, r.device, r.expires_ms, r.parent, a.flags FROM refresh_tokens r \
     JOIN devices d ON d.sn = r.device JOIN accounts a ON a.sn = d.account WHERE r.hash = ?1";
const REFRESH_OF_DEVICE: &str = "SELECT hash, parent FROM refresh_tokens WHERE device = ?1";
const REFRESH_INSERT: &str = "INSERT INTO refresh_tokens (hash, device, expires_ms, parent) VALUES (?1, ?2, ?3, ?4)";
const REFRESH_DELETE: &str = "DELETE FROM refresh_tokens WHERE hash = ?1";
const REFRESH_DELETE_OF_DEVICE: &str = "DELETE FROM refresh_tokens WHERE device = ?1";
const REFRESH_CONFIRM: &str = "UPDATE refresh_tokens SET parent = NULL WHERE hash = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[
    SESSION,
    OF_DEVICE,
    INSERT,
    BY_REFRESH,
    DELETE,
    DELETE_OF_DEVICE,
    REFRESH,
    REFRESH_OF_DEVICE,
    REFRESH_INSERT,
    REFRESH_DELETE,
    REFRESH_DELETE_OF_DEVICE,
    REFRESH_CONFIRM,
];

/// SHA-256 of a token.
pub type TokenHash = [u8; 32];

/// The session of an access token.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// When it expires, in milliseconds since the epoch; `None` for never.
    pub expires_ms: Option<Millis>,
    /// The refresh token that was issued with it, until the client uses the new tokens.
    pub unconfirmed: Option<TokenHash>,
    /// The device's serial number.
    pub device: DeviceSn,
    /// The device id.
    pub device_id: String,
    /// The user's serial number.
    pub user: UserSn,
    /// The user id.
    pub user_id: String,
    /// Whether it belongs to a guest.
    pub guest: bool,
    /// The account's flags (see `accounts`).
    pub flags: i64,
}

/// A refresh token.
#[derive(Debug, Clone, Copy)]
pub struct RefreshRow {
    /// Its hash.
    pub hash: TokenHash,
    /// Its device.
    pub device: DeviceSn,
    /// When it expires, in milliseconds since the epoch; `None` for never.
    pub expires_ms: Option<Millis>,
    /// The refresh token that was exchanged for it. It stays valid until the new tokens are used, because the response
    /// may be lost.
    pub parent: Option<TokenHash>,
    /// The account's flags (see `accounts`).
    pub flags: i64,
}

fn hash(bytes: &[u8]) -> Result<TokenHash> {
    bytes.try_into().map_err(|_| Error::broken("a stored token's hash does not have 32 bytes"))
}

fn opt_hash(row: &dyn Row, column: usize) -> Result<Option<TokenHash>> {
    row.opt_blob(column)?.map(hash).transpose()
}

/// The session of an access token.
pub fn session(tx: &mut dyn Tx, token: &TokenHash) -> Result<Option<SessionRow>> {
    tx.one(SESSION, &[token.as_slice().into()], |row| {
        let unconfirmed = if row.opt_blob(1)?.is_some() { opt_hash(row, 8)? } else { None };
        Ok(SessionRow {
            expires_ms: row.opt_int(0)?.map(i64::unsigned_abs),
            unconfirmed,
            device: DeviceSn(row.int(2)?),
            device_id: row.text(3)?.to_owned(),
            user: UserSn(row.int(4)?),
            guest: row.int(5)? == super::accounts::AccountKind::Guest as i64,
            flags: row.int(6)?,
            user_id: row.text(7)?.to_owned(),
        })
    })
}

/// The access tokens of a device.
pub fn of_device(tx: &mut dyn Tx, device: DeviceSn) -> Result<Vec<TokenHash>> {
    tx.all(OF_DEVICE, &[device.into()], |row| hash(row.blob(0)?))
}

/// Adds an access token, and records the refresh token it was issued with.
pub fn insert(
    tx: &mut dyn Tx,
    token: &TokenHash,
    device: DeviceSn,
    expires_ms: Option<Millis>,
    refresh: Option<&TokenHash>,
) -> Result<()> {
    let refresh = refresh.map_or(Value::Null, |hash| Value::Blob(hash));
    tx.execute(INSERT, &[token.as_slice().into(), device.into(), expires_ms.into(), refresh])?;
    Ok(())
}

/// Removes all tokens of a device and returns its access tokens.
pub fn delete_of_device(tx: &mut dyn Tx, device: DeviceSn) -> Result<Vec<TokenHash>> {
    let gone = of_device(tx, device)?;
    tx.execute(DELETE_OF_DEVICE, &[device.into()])?;
    tx.execute(REFRESH_DELETE_OF_DEVICE, &[device.into()])?;
    Ok(gone)
}

/// A refresh token.
pub fn refresh(tx: &mut dyn Tx, token: &TokenHash) -> Result<Option<RefreshRow>> {
    tx.one(REFRESH, &[token.as_slice().into()], |row| {
        Ok(RefreshRow {
            hash: hash(row.blob(0)?)?,
            device: DeviceSn(row.int(1)?),
            expires_ms: row.opt_int(2)?.map(i64::unsigned_abs),
            parent: opt_hash(row, 3)?,
            flags: row.int(4)?,
        })
    })
}

/// The refresh tokens of a device that were issued in exchange for `parent`.
pub fn refresh_children(tx: &mut dyn Tx, device: DeviceSn, parent: &TokenHash) -> Result<Vec<TokenHash>> {
    let all = tx.all(REFRESH_OF_DEVICE, &[device.into()], |row| Ok((hash(row.blob(0)?)?, opt_hash(row, 1)?)))?;
    Ok(all.into_iter().filter(|(_, of)| of.as_ref() == Some(parent)).map(|(child, _)| child).collect())
}

/// Adds a refresh token, with the one exchanged for it.
pub fn refresh_insert(
    tx: &mut dyn Tx,
    token: &TokenHash,
    device: DeviceSn,
    expires_ms: Option<Millis>,
    parent: Option<&TokenHash>,
) -> Result<()> {
    let parent = parent.map_or(Value::Null, |hash| Value::Blob(hash));
    tx.execute(REFRESH_INSERT, &[token.as_slice().into(), device.into(), expires_ms.into(), parent])?;
    Ok(())
}

/// Removes a refresh token with the access tokens issued with it, and returns those.
pub fn refresh_delete(tx: &mut dyn Tx, device: DeviceSn, token: &TokenHash) -> Result<Vec<TokenHash>> {
    let args = [device.into(), token.as_slice().into()];
    let gone = tx.all(BY_REFRESH, &args, |row| hash(row.blob(0)?))?;
    for access in &gone {
        tx.execute(DELETE, &[access.as_slice().into()])?;
    }
    tx.execute(REFRESH_DELETE, &[token.as_slice().into()])?;
    Ok(gone)
}

/// Replaces the predecessor: called when the client first uses the new tokens.
pub fn refresh_confirm(tx: &mut dyn Tx, token: &TokenHash) -> Result<()> {
    tx.execute(REFRESH_CONFIRM, &[token.as_slice().into()])?;
    Ok(())
}
