//! The devices of local users. Their keys, messages and push settings are in tables of their own.

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
const FIND: &str = columns!("WHERE account = ?1 AND id = ?2");
const BY_SN: &str = columns!("WHERE sn = ?1");
const COUNT: &str = "SELECT count(*) FROM devices WHERE account = ?1";
const INSERT: &str = "INSERT INTO devices (sn, account, id, name, created_ms, seen_ms, seen_ip, seen_agent) \
     VALUES (?1, ?2, ?3, ?4, ?5, NULL, NULL, NULL)";
const RENAME: &str = "UPDATE devices SET name = ?2 WHERE sn = ?1";
const SEEN: &str = "UPDATE devices SET seen_ms = ?2, seen_ip = ?3, seen_agent = ?4 WHERE sn = ?1";
const DELETE: &str = "DELETE FROM devices WHERE sn = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[OF_USER, FIND, BY_SN, COUNT, INSERT, RENAME, SEEN, DELETE];

/// A device.
#[derive(Debug, Clone)]
pub struct DeviceRow {
    /// Its serial number.
    pub sn: DeviceSn,
    /// Whose it is.
    pub user: UserSn,
    /// Its id, unique among its user's.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// When it first logged in.
    pub created_ms: Millis,
    /// When it last asked for anything, as far as that is written down yet.
    pub seen: Seen,
}

/// When and from where a device was last seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// When; none if not yet.
    pub at_ms: Option<Millis>,
    /// From which address.
    pub ip: Option<String>,
    /// What its client calls itself.
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

/// The device that a user calls `id`.
pub fn find(tx: &mut dyn Tx, user: UserSn, id: &str) -> Result<Option<DeviceRow>> {
    tx.one(FIND, &[user.into(), id.into()], read)
}

/// The device of a serial number.
pub fn get(tx: &mut dyn Tx, sn: DeviceSn) -> Result<Option<DeviceRow>> {
    tx.one(BY_SN, &[sn.into()], read)
}

/// How many devices a user has.
pub fn count(tx: &mut dyn Tx, user: UserSn) -> Result<u64> {
    Ok(tx.int(COUNT, &[user.into()])?.unwrap_or(0).unsigned_abs())
}

/// Adds a device; its id must be new to the user.
pub fn insert(tx: &mut WriteTx<'_>, user: UserSn, id: &str, name: Option<&str>, now_ms: Millis) -> Result<DeviceSn> {
    let sn = DeviceSn::from(tx.position());
    tx.execute(INSERT, &[sn.into(), user.into(), id.into(), name.into(), now_ms.into()])?;
    Ok(sn)
}

/// Sets what people call a device.
pub fn rename(tx: &mut dyn Tx, sn: DeviceSn, name: Option<&str>) -> Result<()> {
    tx.execute(RENAME, &[sn.into(), name.into()])?;
    Ok(())
}

/// Writes down when and from where a device was seen.
pub fn set_seen(tx: &mut dyn Tx, sn: DeviceSn, seen: &Seen) -> Result<()> {
    tx.execute(SEEN, &[sn.into(), seen.at_ms.into(), seen.ip.as_deref().into(), seen.agent.as_deref().into()])?;
    Ok(())
}

/// Removes a device; what belongs to it elsewhere is the caller's to remove.
pub fn delete(tx: &mut dyn Tx, sn: DeviceSn) -> Result<()> {
    tx.execute(DELETE, &[sn.into()])?;
    Ok(())
}
