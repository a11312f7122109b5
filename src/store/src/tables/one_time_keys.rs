//! One-time keys, each issued once, and fallback keys.
//!
//! A claim deletes what it returns in the same transaction, and the response is sent after the commit. So no key is
//! issued twice, not even if the server crashes between the two: then the key is lost, which is harmless.

use std::collections::BTreeMap;

use hearth_base::{Position, Result};

use crate::engine::{Tx, Value};
use crate::ids::{DeviceSn, UserSn};

/// Users per statement that reads the keys of many.
const USERS_PER_STATEMENT: usize = 32;
macro_rules! of_users {
    ($select:literal, $keys:literal, $rest:literal) => {
        concat!(
            $select,
            " FROM devices d JOIN users u ON u.sn = d.account LEFT JOIN ",
            $keys,
            " WHERE d.account IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, \
             ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32)",
            $rest
        )
    };
}

const GET: &str = "SELECT json FROM one_time_keys WHERE device = ?1 AND algorithm = ?2 AND key_id = ?3";
const INSERT: &str = "INSERT INTO one_time_keys (device, algorithm, key_id, ord, json) VALUES (?1, ?2, ?3, ?4, ?5)";
const NEXT: &str =
    "SELECT key_id, json FROM one_time_keys WHERE device = ?1 AND algorithm = ?2 ORDER BY ord, key_id LIMIT 1";
const TAKE: &str = "DELETE FROM one_time_keys WHERE device = ?1 AND algorithm = ?2 AND key_id = ?3";
const COUNTS: &str =
    "SELECT algorithm, count(*) FROM one_time_keys WHERE device = ?1 GROUP BY algorithm ORDER BY algorithm";
const COUNTS_OF: &str = of_users!(
    "SELECT u.id, d.id, k.algorithm, count(k.key_id)",
    "one_time_keys k ON k.device = d.sn",
    " GROUP BY u.id, d.id, k.algorithm"
);
const UNUSED_OF: &str =
    of_users!("SELECT u.id, d.id, k.algorithm", "fallback_keys k ON k.device = d.sn AND k.used = 0", " ORDER BY 3");
const CLEAR: &str = "DELETE FROM one_time_keys WHERE device = ?1";
const FALLBACK: &str = "SELECT key_id, json FROM fallback_keys WHERE device = ?1 AND algorithm = ?2";
const MARK_USED: &str = "UPDATE fallback_keys SET used = 1 WHERE device = ?1 AND algorithm = ?2 AND used = 0";
const SET_FALLBACK: &str = "INSERT INTO fallback_keys (device, algorithm, key_id, used, json) VALUES (?1, ?2, ?3, 0, \
     ?4) ON CONFLICT (device, algorithm) DO UPDATE SET key_id = excluded.key_id, used = 0, json = excluded.json";
const UNUSED: &str = "SELECT algorithm FROM fallback_keys WHERE device = ?1 AND used = 0 ORDER BY algorithm";
const FALLBACKS: &str = "SELECT count(*) FROM fallback_keys WHERE device = ?1";
const CLEAR_FALLBACK: &str = "DELETE FROM fallback_keys WHERE device = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[
    GET,
    INSERT,
    NEXT,
    TAKE,
    COUNTS,
    COUNTS_OF,
    UNUSED_OF,
    CLEAR,
    FALLBACK,
    MARK_USED,
    SET_FALLBACK,
    UNUSED,
    FALLBACKS,
    CLEAR_FALLBACK,
];

/// The algorithm whose count clients read as 0 only when it is there.
const ALWAYS_COUNTED: &str = "signed_curve25519";

/// Something of each device of some users, by user id and device id.
pub type ByDevice<T> = BTreeMap<String, BTreeMap<String, T>>;

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
    if !found.iter().any(|(algorithm, _)| algorithm == ALWAYS_COUNTED) {
        found.push((ALWAYS_COUNTED.to_owned(), 0));
    }
    Ok(found)
}

/// As [`counts`], for all devices of some users. A user without a device is left out.
pub fn counts_of(tx: &mut dyn Tx, users: &[UserSn]) -> Result<ByDevice<BTreeMap<String, u64>>> {
    let mut found = ByDevice::<BTreeMap<String, u64>>::new();
    for users in users.chunks(USERS_PER_STATEMENT) {
        tx.query(COUNTS_OF, &users_args(users), &mut |row| {
            let device = of_device(&mut found, row.text(0)?, row.text(1)?);
            if let Some(algorithm) = row.opt_text(2)? {
                device.insert(algorithm.to_owned(), row.int(3)?.unsigned_abs());
            }
            device.entry(ALWAYS_COUNTED.to_owned()).or_default();
            Ok(true)
        })?;
    }
    Ok(found)
}

/// As [`unused_fallback_types`], for all devices of some users. A user without a device is left out.
pub fn unused_fallback_types_of(tx: &mut dyn Tx, users: &[UserSn]) -> Result<ByDevice<Vec<String>>> {
    let mut found = ByDevice::<Vec<String>>::new();
    for users in users.chunks(USERS_PER_STATEMENT) {
        tx.query(UNUSED_OF, &users_args(users), &mut |row| {
            let device = of_device(&mut found, row.text(0)?, row.text(1)?);
            device.extend(row.opt_text(2)?.map(str::to_owned));
            Ok(true)
        })?;
    }
    Ok(found)
}

fn of_device<'f, T: Default>(found: &'f mut ByDevice<T>, user: &str, device: &str) -> &'f mut T {
    found.entry(user.to_owned()).or_default().entry(device.to_owned()).or_default()
}

/// The arguments for at least one user: the last one fills the rest.
fn users_args(users: &[UserSn]) -> [Value<'static>; USERS_PER_STATEMENT] {
    std::array::from_fn(|at| users[at.min(users.len() - 1)].into())
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
