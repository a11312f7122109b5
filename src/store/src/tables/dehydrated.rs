//! Dehydrated devices (MSC3814): at most one per user.

use hearth_base::Result;

use crate::engine::Tx;
use crate::ids::{DeviceSn, UserSn};

const GET: &str = "SELECT device, data FROM dehydrated_devices WHERE owner = ?1";
const SET: &str = "INSERT INTO dehydrated_devices (owner, device, data) VALUES (?1, ?2, ?3) \
     ON CONFLICT (owner) DO UPDATE SET device = excluded.device, data = excluded.data";
const DELETE: &str = "DELETE FROM dehydrated_devices WHERE owner = ?1 AND device = ?2";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[GET, SET, DELETE];

/// A user's dehydrated device and its `device_data` as JSON, which the client has encrypted.
pub fn get(tx: &mut dyn Tx, owner: UserSn) -> Result<Option<(DeviceSn, String)>> {
    tx.one(GET, &[owner.into()], |row| Ok((DeviceSn(row.int(0)?), row.text(1)?.to_owned())))
}

/// Makes `device` the dehydrated device of the user.
pub fn set(tx: &mut dyn Tx, owner: UserSn, device: DeviceSn, data: &str) -> Result<()> {
    tx.execute(SET, &[owner.into(), device.into(), data.into()])?;
    Ok(())
}

/// Removes the mark from `device`. Does nothing if it is not dehydrated.
pub fn delete(tx: &mut dyn Tx, owner: UserSn, device: DeviceSn) -> Result<()> {
    tx.execute(DELETE, &[owner.into(), device.into()])?;
    Ok(())
}
