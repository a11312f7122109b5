//! Devices of local users. Their keys, to-device messages and pushers are in other tables.

use hearth_base::{Millis, Result};

use crate::WriteTx;
use crate::engine::{Row, Tx};
use crate::ids::{DeviceSn, UserSn};

macro_rules! columns {
    ($rest:literal) => {
        concat!("SELECT sn, account, id, name, created_ms, seen_ms, seen_ip, seen_agent FROM devices ", $rest)
    };
}

const OF_USER: &str = columns!("WHERE account = ?1 ORDER BY sn");
const IDS: &str = "SELECT sn, id FROM devices WHERE account = ?1 ORDER BY sn";
const FIND: &str = columns!("WHERE account = ?1 AND id = ?2");
const BY_SN: &str = columns!("WHERE sn = ?1");
const UNUSED: &str = columns!("WHERE COALESCE(seen_ms, created_ms) < ?1 AND sn > ?2 ORDER BY sn LIMIT ?3");
const COUNT: &str = "SELECT count(*) FROM devices WHERE account = ?1";
const INSERT: &str = "INSERT INTO devices (sn, account, id, name, created_ms, seen_ms, seen_ip, seen_agent) \
     VALUES (?1, ?2, ?3, ?4, ?5, NULL, NULL, NULL)";
const RENAME: &str = "UPDATE devices SET name = ?2 WHERE sn = ?1";
const SEEN: &str = "UPDATE devices SET seen_ms = ?2, seen_ip = ?3, seen_agent = ?4 WHERE sn = ?1";
const DELETE: &str = "DELETE FROM devices WHERE sn = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[OF_USER, IDS, FIND, BY_SN, UNUSED, COUNT, INSERT, RENAME, SEEN, DELETE];

/// A device.
#[derive(Debug, Clone)]
pub struct DeviceRow {
    /// Its serial number.
    pub sn: DeviceSn,
    /// Its user.
    pub user: UserSn,
    /// Its device id, unique per user.
    pub id: String,
    /// Its display name.
    pub name: Option<String>,
    /// When it first logged in, in milliseconds since the epoch.
    pub created_ms: Millis,
    /// When it last made a request, as far as that is stored.
    pub seen: Seen,
}

/// When and from where a device was last seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// When, in milliseconds since the epoch; `None` if never.
    pub at_ms: Option<Millis>,
    /// The client's IP address.
    pub ip: Option<String>,
    /// The client's user agent.
    pub agent: Option<String>,
}

fn read(row: &dyn Row) -> Result<DeviceRow> {
    Ok(DeviceRow {
        sn: DeviceSn(row.int(0)?),
        user: UserSn(row.int(1)?),
        id: row.text(2)?.to_owned(),
        name: row.opt_text(3)?.map(str::to_owned),
        created_ms: row.int(4)?.unsigned_abs(),
        seen: Seen {
            at_ms: row.opt_int(5)?.map(i64::unsigned_abs),
            ip: row.opt_text(6)?.map(str::to_owned),
            agent: row.opt_text(7)?.map(str::to_owned),
        },
    })
}

/// All devices of a user, oldest first.
pub fn of_user(tx: &mut dyn Tx, user: UserSn) -> Result<Vec<DeviceRow>> {
    tx.all(OF_USER, &[user.into()], read)
}

/// Serial numbers and ids of a user's devices, oldest first.
pub fn ids_of_user(tx: &mut dyn Tx, user: UserSn) -> Result<Vec<(DeviceSn, String)>> {
    tx.all(IDS, &[user.into()], |row| Ok((DeviceSn(row.int(0)?), row.text(1)?.to_owned())))
}

/// The device of a user with the device id `id`.
pub fn find(tx: &mut dyn Tx, user: UserSn, id: &str) -> Result<Option<DeviceRow>> {
    tx.one(FIND, &[user.into(), id.into()], read)
}

/// The device of a serial number.
pub fn get(tx: &mut dyn Tx, sn: DeviceSn) -> Result<Option<DeviceRow>> {
    tx.one(BY_SN, &[sn.into()], read)
}

/// Up to `limit` devices of all users that were last seen before `before_ms`, after the device `after`.
pub fn unused(tx: &mut dyn Tx, before_ms: Millis, after: DeviceSn, limit: u64) -> Result<Vec<DeviceRow>> {
    tx.all(UNUSED, &[before_ms.into(), after.into(), limit.into()], read)
}

/// How many devices a user has.
pub fn count(tx: &mut dyn Tx, user: UserSn) -> Result<u64> {
    Ok(tx.int(COUNT, &[user.into()])?.unwrap_or(0).unsigned_abs())
}

/// Adds a device. Its id must be new to the user.
pub fn insert(tx: &mut WriteTx<'_>, user: UserSn, id: &str, name: Option<&str>, now_ms: Millis) -> Result<DeviceSn> {
    let sn = DeviceSn::from(tx.position());
    tx.execute(INSERT, &[sn.into(), user.into(), id.into(), name.into(), now_ms.into()])?;
    Ok(sn)
}

/// Sets a device's display name.
pub fn rename(tx: &mut dyn Tx, sn: DeviceSn, name: Option<&str>) -> Result<()> {
    tx.execute(RENAME, &[sn.into(), name.into()])?;
    Ok(())
}

/// Stores when and from where a device was last seen.
pub fn set_seen(tx: &mut dyn Tx, sn: DeviceSn, seen: &Seen) -> Result<()> {
    tx.execute(SEEN, &[sn.into(), seen.at_ms.into(), seen.ip.as_deref().into(), seen.agent.as_deref().into()])?;
    Ok(())
}

/// Removes a device. The caller removes its rows in other tables.
pub fn delete(tx: &mut dyn Tx, sn: DeviceSn) -> Result<()> {
    tx.execute(DELETE, &[sn.into()])?;
    Ok(())
}
