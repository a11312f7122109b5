//! Identity keys of local devices, and uploaded signatures on devices and cross-signing keys.

use hearth_base::Result;

use crate::engine::Tx;
use crate::ids::{DeviceSn, UserSn};

const GET: &str = "SELECT json FROM device_keys WHERE owner = ?1 AND device = ?2";
const OF_USER: &str = "SELECT device, json FROM device_keys WHERE owner = ?1 ORDER BY device";
const SET: &str = "INSERT INTO device_keys (owner, device, json) VALUES (?1, ?2, ?3) \
     ON CONFLICT (owner, device) DO UPDATE SET json = excluded.json";
const DELETE: &str = "DELETE FROM device_keys WHERE owner = ?1 AND device = ?2";
const SIGNATURES: &str = "SELECT item, u.id, key_id, signature FROM key_signatures JOIN users u ON u.sn = signer \
     WHERE target = ?1 AND (signer = ?1 OR signer = ?2)";
const ADD_SIGNATURE: &str = "INSERT INTO key_signatures (target, item, signer, key_id, signature) \
     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (target, item, signer, key_id) DO UPDATE SET signature = \
     excluded.signature";
const DELETE_SIGNATURES: &str = "DELETE FROM key_signatures WHERE target = ?1 AND item = ?2";
const DELETE_OWN_SIGNATURES: &str = "DELETE FROM key_signatures WHERE target = ?1 AND signer = ?1 AND key_id = ?2";

/// Every statement of this file.
pub const STATEMENTS: &[&str] =
    &[GET, OF_USER, SET, DELETE, SIGNATURES, ADD_SIGNATURE, DELETE_SIGNATURES, DELETE_OWN_SIGNATURES];

/// An uploaded signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureRow {
    /// The device id or the public cross-signing key that is signed.
    pub item: String,
    /// The user id of the signer.
    pub signer: String,
    /// The signing key: `algorithm:id`.
    pub key_id: String,
    /// The signature in unpadded base64.
    pub signature: String,
}

/// A device's identity keys as uploaded, as JSON.
pub fn get(tx: &mut dyn Tx, owner: UserSn, device: DeviceSn) -> Result<Option<String>> {
    tx.one(GET, &[owner.into(), device.into()], |row| Ok(row.text(0)?.to_owned()))
}

/// The identity keys of all devices of a user that have some.
pub fn of_user(tx: &mut dyn Tx, owner: UserSn) -> Result<Vec<(DeviceSn, String)>> {
    tx.all(OF_USER, &[owner.into()], |row| Ok((DeviceSn(row.int(0)?), row.text(1)?.to_owned())))
}

/// Sets a device's identity keys.
pub fn set(tx: &mut dyn Tx, owner: UserSn, device: DeviceSn, json: &str) -> Result<()> {
    tx.execute(SET, &[owner.into(), device.into(), json.into()])?;
    Ok(())
}

/// Removes a device's identity keys. Returns whether it had any.
pub fn delete(tx: &mut dyn Tx, owner: UserSn, device: DeviceSn) -> Result<bool> {
    Ok(tx.execute(DELETE, &[owner.into(), device.into()])? > 0)
}

/// The uploaded signatures on keys of `target` that `viewer` may see: those by the target and by the viewer.
pub fn signatures(tx: &mut dyn Tx, target: UserSn, viewer: UserSn) -> Result<Vec<SignatureRow>> {
    tx.all(SIGNATURES, &[target.into(), viewer.into()], |row| {
        Ok(SignatureRow {
            item: row.text(0)?.to_owned(),
            signer: row.text(1)?.to_owned(),
            key_id: row.text(2)?.to_owned(),
            signature: row.text(3)?.to_owned(),
        })
    })
}

/// Stores a verified signature.
pub fn add_signature(
    tx: &mut dyn Tx,
    target: UserSn,
    item: &str,
    signer: UserSn,
    key_id: &str,
    signature: &str,
) -> Result<()> {
    tx.execute(ADD_SIGNATURE, &[target.into(), item.into(), signer.into(), key_id.into(), signature.into()])?;
    Ok(())
}

/// Removes all signatures on a device or cross-signing key, because it was removed or replaced.
pub fn delete_signatures(tx: &mut dyn Tx, target: UserSn, item: &str) -> Result<()> {
    tx.execute(DELETE_SIGNATURES, &[target.into(), item.into()])?;
    Ok(())
}

/// Removes the signatures on a user's own devices and keys by a key that the user has replaced.
pub fn delete_own_signatures(tx: &mut dyn Tx, user: UserSn, key_id: &str) -> Result<()> {
    tx.execute(DELETE_OWN_SIGNATURES, &[user.into(), key_id.into()])?;
    Ok(())
}
