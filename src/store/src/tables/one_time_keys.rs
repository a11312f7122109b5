//! One-time keys, each issued once, and fallback keys.
//!
//! A claim deletes what it returns in the same transaction, and the response is sent after the commit. So no key is
//! issued twice, not even if the server crashes between the two: then the key is lost, which is harmless.

use hearth_base::{Position, Result};

use crate::engine::Tx;
use crate::ids::DeviceSn;

const GET: &str = "SELECT json FROM one_time_keys WHERE device = ?1 AND algorithm = ?2 AND key_id = ?3";
const INSERT: &str = "INSERT INTO one_time_keys (device, algorithm, key_id, ord, json) VALUES (?1, ?2, ?3, ?4, ?5)";
const NEXT: &str =
    "SELECT key_id, json FROM one_time_keys WHERE device = ?1 AND algorithm = ?2 ORDER BY ord, key_id LIMIT 1";
const TAKE: &str = "DELETE FROM one_time_keys WHERE device = ?1 AND algorithm = ?2 AND key_id = ?3";
const COUNTS: &str =
    "SELECT algorithm, count(*) FROM one_time_keys WHERE device = ?1 GROUP BY algorithm ORDER BY algorithm";
const CLEAR: &str = "DELETE FROM one_time_keys WHERE device = ?1";
const FALLBACK: &str = "SELECT key_id, json FROM fallback_keys WHERE device = ?1 AND algorithm = ?2";
const MARK_USED: &str = "UPDATE fallback_keys SET used = 1 WHERE device = ?1 AND algorithm = ?2 AND used = 0";
const SET_FALLBACK: &str = "INSERT INTO fallback_keys (device, algorithm, key_id, used, json) VALUES (?1, ?2, ?3, 0, \
     ?4) ON CONFLICT (device, algorithm) DO UPDATE SET key_id = excluded.key_id, used = 0, json = excluded.json";
const UNUSED: &str = "SELECT algorithm FROM fallback_keys WHERE device = ?1 AND used = 0 ORDER BY algorithm";
const FALLBACKS: &str = "SELECT count(*) FROM fallback_keys WHERE device = ?1";
const CLEAR_FALLBACK: &str = "DELETE FROM fallback_keys WHERE device = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] =
    &[GET, INSERT, NEXT, TAKE, COUNTS, CLEAR, FALLBACK, MARK_USED, SET_FALLBACK, UNUSED, FALLBACKS, CLEAR_FALLBACK];

/// A claimed key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Its key id without the algorithm.
    pub key_id: String,
    /// The key as JSON, an object or a string.
    pub json: String,
}

/// A one-time key that has not been claimed, as JSON.
pub fn get(tx: &mut dyn Tx, device: DeviceSn, algorithm: &str, key_id: &str) -> Result<Option<String>> {
    tx.one(GET, &[device.into(), algorithm.into(), key_id.into()], |row| Ok(row.text(0)?.to_owned()))
}

/// Adds a one-time key. The caller has checked that its id is new. `at` is its place in the order of issue.
pub fn insert(tx: &mut dyn Tx, device: DeviceSn, algorithm: &str, key: &KeyRow, at: Position) -> Result<()> {
    tx.execute(INSERT, &[device.into(), algorithm.into(), (&key.key_id).into(), at.into(), (&key.json).into()])?;
    Ok(())
}

/// Claims the oldest one-time key and deletes it.
pub fn take(tx: &mut dyn Tx, device: DeviceSn, algorithm: &str) -> Result<Option<KeyRow>> {
    let next = tx.one(NEXT, &[device.into(), algorithm.into()], |row| {
        Ok(KeyRow { key_id: row.text(0)?.to_owned(), json: row.text(1)?.to_owned() })
    })?;
    if let Some(key) = &next {
        tx.execute(TAKE, &[device.into(), algorithm.into(), (&key.key_id).into()])?;
    }
    Ok(next)
}

/// The number of unclaimed one-time keys per algorithm (`device_one_time_keys_count` of a sync). `signed_curve25519` is
/// always included, with 0 if there is none: clients upload keys when they read a low count, and not when it is
/// missing.
pub fn counts(tx: &mut dyn Tx, device: DeviceSn) -> Result<Vec<(String, u64)>> {
    let mut found =
        tx.all(COUNTS, &[device.into()], |row| Ok((row.text(0)?.to_owned(), row.int(1)?.unsigned_abs())))?;
    if !found.iter().any(|(algorithm, _)| algorithm == "signed_curve25519") {
        found.push(("signed_curve25519".to_owned(), 0));
    }
    Ok(found)
}

/// Claims the fallback key of an algorithm and marks it as used. Also returns whether it was unused before.
pub fn use_fallback(tx: &mut dyn Tx, device: DeviceSn, algorithm: &str) -> Result<Option<(KeyRow, bool)>> {
    let found = tx.one(FALLBACK, &[device.into(), algorithm.into()], |row| {
        Ok(KeyRow { key_id: row.text(0)?.to_owned(), json: row.text(1)?.to_owned() })
    })?;
    let Some(key) = found else { return Ok(None) };
    let first = tx.execute(MARK_USED, &[device.into(), algorithm.into()])? > 0;
    Ok(Some((key, first)))
}

/// Sets the fallback key of an algorithm and marks it as unused. If the same key is set again, its mark stays.
pub fn set_fallback(tx: &mut dyn Tx, device: DeviceSn, algorithm: &str, key: &KeyRow) -> Result<()> {
    let old = tx.one(FALLBACK, &[device.into(), algorithm.into()], |row| {
        Ok(row.text(0)? == key.key_id && row.text(1)? == key.json)
    })?;
    if old != Some(true) {
        tx.execute(SET_FALLBACK, &[device.into(), algorithm.into(), (&key.key_id).into(), (&key.json).into()])?;
    }
    Ok(())
}

/// The algorithms with an unused fallback key (`device_unused_fallback_key_types` of a sync).
pub fn unused_fallback_types(tx: &mut dyn Tx, device: DeviceSn) -> Result<Vec<String>> {
    tx.all(UNUSED, &[device.into()], |row| Ok(row.text(0)?.to_owned()))
}

/// The number of fallback keys of a device: at most one per algorithm.
pub fn fallbacks(tx: &mut dyn Tx, device: DeviceSn) -> Result<u64> {
    Ok(tx.int(FALLBACKS, &[device.into()])?.unwrap_or(0).unsigned_abs())
}

/// Removes all one-time and fallback keys of a device.
pub fn clear(tx: &mut dyn Tx, device: DeviceSn) -> Result<()> {
    tx.execute(CLEAR, &[device.into()])?;
    tx.execute(CLEAR_FALLBACK, &[device.into()])?;
    Ok(())
}
