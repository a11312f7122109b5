//! Connections of simplified sliding sync (MSC4186): what each has been sent, encoded by the domain. A connection has a few
//! generations; a `pos` names one of them.

use hearth_base::{Millis, Result};

use crate::engine::{Tx, Value};
use crate::ids::DeviceSn;

const GET: &str = "SELECT used_ms, state FROM sliding_connections WHERE device = ?1 AND conn = ?2 AND generation = ?3";
const INSERT: &str =
    "INSERT INTO sliding_connections (device, conn, generation, used_ms, state) VALUES (?1, ?2, ?3, ?4, ?5)";
const TOUCH: &str = "UPDATE sliding_connections SET used_ms = ?4 WHERE device = ?1 AND conn = ?2 AND generation = ?3";
const GENERATIONS: &str =
    "SELECT generation FROM sliding_connections WHERE device = ?1 AND conn = ?2 ORDER BY generation DESC";
const DELETE_GENERATION: &str = "DELETE FROM sliding_connections WHERE device = ?1 AND conn = ?2 AND generation = ?3";
const LAST_USED: &str = "SELECT conn, max(used_ms) FROM sliding_connections WHERE device = ?1 \
     GROUP BY conn ORDER BY 2 DESC, 1";
const DELETE: &str = "DELETE FROM sliding_connections WHERE device = ?1 AND conn = ?2";
const CLEAR: &str = "DELETE FROM sliding_connections WHERE device = ?1";
const EXPIRE: &str = "DELETE FROM sliding_connections WHERE used_ms < ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[GET, INSERT, TOUCH, GENERATIONS, DELETE_GENERATION, LAST_USED, DELETE, CLEAR, EXPIRE];

/// When a generation was last used, in milliseconds since the epoch, and what it has been sent; `None` if it is unknown.
pub fn get(tx: &mut dyn Tx, device: DeviceSn, conn: &str, generation: i64) -> Result<Option<(Millis, Vec<u8>)>> {
    tx.one(GET, &[device.into(), conn.into(), generation.into()], |row| {
        Ok((row.int(0)?.unsigned_abs(), row.blob(1)?.to_vec()))
    })
}

/// Adds a generation. Generations of a connection grow.
pub fn insert(
    tx: &mut dyn Tx,
    (device, conn): (DeviceSn, &str),
    generation: i64,
    used_ms: Millis,
    state: &[u8],
) -> Result<()> {
    tx.execute(INSERT, &[device.into(), conn.into(), generation.into(), used_ms.into(), Value::Blob(state)])?;
    Ok(())
}

/// Records that a generation is in use.
pub fn touch(tx: &mut dyn Tx, (device, conn): (DeviceSn, &str), generation: i64, used_ms: Millis) -> Result<()> {
    tx.execute(TOUCH, &[device.into(), conn.into(), generation.into(), used_ms.into()])?;
    Ok(())
}

/// The generations of a connection, newest first.
pub fn generations(tx: &mut dyn Tx, device: DeviceSn, conn: &str) -> Result<Vec<i64>> {
    tx.all(GENERATIONS, &[device.into(), conn.into()], |row| row.int(0))
}

/// Deletes one generation.
pub fn delete_generation(tx: &mut dyn Tx, device: DeviceSn, conn: &str, generation: i64) -> Result<()> {
    tx.execute(DELETE_GENERATION, &[device.into(), conn.into(), generation.into()])?;
    Ok(())
}

/// The connections of a device, the one used last first.
pub fn of_device(tx: &mut dyn Tx, device: DeviceSn) -> Result<Vec<String>> {
    tx.all(LAST_USED, &[device.into()], |row| Ok(row.text(0)?.to_owned()))
}

/// Deletes a connection.
pub fn delete(tx: &mut dyn Tx, device: DeviceSn, conn: &str) -> Result<()> {
    tx.execute(DELETE, &[device.into(), conn.into()])?;
    Ok(())
}

/// Deletes all connections of a device.
pub fn clear(tx: &mut dyn Tx, device: DeviceSn) -> Result<()> {
    tx.execute(CLEAR, &[device.into()])?;
    Ok(())
}

/// Deletes what was last used before a time. Returns the number of generations.
pub fn expire(tx: &mut dyn Tx, before_ms: Millis) -> Result<u64> {
    tx.execute(EXPIRE, &[before_ms.into()])
}
