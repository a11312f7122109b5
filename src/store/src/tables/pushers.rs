//! Pushers: where notifications of a user are sent (client-server API, "Push Notifications").

use hearth_base::Result;

use crate::engine::Tx;
use crate::ids::{DeviceSn, UserSn};

const OF_USER: &str = "SELECT device, json FROM pushers WHERE user = ?1 ORDER BY app_id, pushkey";
const COUNT: &str = "SELECT count(*) FROM pushers WHERE user = ?1";
const EXISTS: &str = "SELECT 1 FROM pushers WHERE user = ?1 AND app_id = ?2 AND pushkey = ?3";
const SET: &str = "INSERT INTO pushers (user, app_id, pushkey, device, json) VALUES (?1, ?2, ?3, ?4, ?5) \
     ON CONFLICT (user, app_id, pushkey) DO UPDATE SET device = excluded.device, json = excluded.json";
const DELETE: &str = "DELETE FROM pushers WHERE user = ?1 AND app_id = ?2 AND pushkey = ?3";
const DELETE_OF_OTHERS: &str = "DELETE FROM pushers WHERE app_id = ?2 AND pushkey = ?3 AND user <> ?1";
const DELETE_OF_DEVICE: &str = "DELETE FROM pushers WHERE device = ?1";
const ERASE: &str = "DELETE FROM pushers WHERE user = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[OF_USER, COUNT, EXISTS, SET, DELETE, DELETE_OF_OTHERS, DELETE_OF_DEVICE, ERASE];

/// The key of a pusher.
#[derive(Debug, Clone, Copy)]
pub struct PusherKey<'a> {
    /// Its user.
    pub user: UserSn,
    /// `app_id`.
    pub app_id: &'a str,
    /// `pushkey`.
    pub pushkey: &'a str,
}

/// A pusher.
#[derive(Debug, Clone)]
pub struct PusherRow {
    /// The device that set it.
    pub device: DeviceSn,
    /// The pusher as the client set it, as JSON.
    pub json: String,
}

/// All pushers of a user.
pub fn of_user(tx: &mut dyn Tx, user: UserSn) -> Result<Vec<PusherRow>> {
    tx.all(OF_USER, &[user.into()], |row| {
        Ok(PusherRow { device: DeviceSn(row.int(0)?), json: row.text(1)?.to_owned() })
    })
}

/// How many pushers a user has.
pub fn count(tx: &mut dyn Tx, user: UserSn) -> Result<u64> {
    Ok(tx.int(COUNT, &[user.into()])?.unwrap_or(0).unsigned_abs())
}

/// Whether a pusher exists.
pub fn exists(tx: &mut dyn Tx, key: PusherKey<'_>) -> Result<bool> {
    tx.exists(EXISTS, &[key.user.into(), key.app_id.into(), key.pushkey.into()])
}

/// Adds or replaces a pusher.
pub fn set(tx: &mut dyn Tx, key: PusherKey<'_>, pusher: &PusherRow) -> Result<()> {
    let args = [key.user.into(), key.app_id.into(), key.pushkey.into(), pusher.device.into(), (&pusher.json).into()];
    tx.execute(SET, &args)?;
    Ok(())
}

/// Removes a pusher.
pub fn delete(tx: &mut dyn Tx, key: PusherKey<'_>) -> Result<()> {
    tx.execute(DELETE, &[key.user.into(), key.app_id.into(), key.pushkey.into()])?;
    Ok(())
}

/// Removes other users' pushers for the same app id and pushkey: another user has logged in on that installation.
pub fn delete_of_others(tx: &mut dyn Tx, key: PusherKey<'_>) -> Result<()> {
    tx.execute(DELETE_OF_OTHERS, &[key.user.into(), key.app_id.into(), key.pushkey.into()])?;
    Ok(())
}

/// Removes the pushers that a device has set.
pub fn delete_of_device(tx: &mut dyn Tx, device: DeviceSn) -> Result<()> {
    tx.execute(DELETE_OF_DEVICE, &[device.into()])?;
    Ok(())
}

/// Removes all pushers of a user.
pub fn erase(tx: &mut dyn Tx, user: UserSn) -> Result<()> {
    tx.execute(ERASE, &[user.into()])?;
    Ok(())
}
