//! Reports of events, rooms and users by users (client-server API, "Reporting Content").

use hearth_base::{Millis, Result};

use crate::engine::{Row, Tx};
use crate::ids::{EventSn, RoomSn, UserSn};

macro_rules! columns {
    ($rest:literal) => {
        concat!("SELECT sn, reporter, room, event, user, reason, at_ms ", $rest)
    };
}

const INSERT: &str = "INSERT INTO reports (sn, reporter, room, event, user, reason, at_ms) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const GET: &str = columns!("FROM reports WHERE sn = ?1");
const LIST: &str = columns!("FROM reports WHERE sn < ?1 ORDER BY sn DESC LIMIT ?2");
const COUNT: &str = "SELECT count(*) FROM reports";
const DELETE: &str = "DELETE FROM reports WHERE sn = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[INSERT, GET, LIST, COUNT, DELETE];

/// A report about an event (with its room and sender), a room, or a user.
#[derive(Debug, Clone)]
pub struct Report {
    /// Serial number: the position at which it was made.
    pub sn: i64,
    /// The user who reports.
    pub reporter: UserSn,
    /// The room.
    pub room: Option<RoomSn>,
    /// The event.
    pub event: Option<EventSn>,
    /// The reported user, or the sender of the reported event.
    pub user: Option<UserSn>,
    /// The reason that the reporter gave.
    pub reason: String,
    /// When, in milliseconds since the epoch.
    pub at_ms: Millis,
}

fn read(row: &dyn Row) -> Result<Report> {
    Ok(Report {
        sn: row.int(0)?,
        reporter: UserSn(row.int(1)?),
        room: row.opt_int(2)?.map(RoomSn),
        event: row.opt_int(3)?.map(EventSn),
        user: row.opt_int(4)?.map(UserSn),
        reason: row.text(5)?.to_owned(),
        at_ms: row.int(6)?.unsigned_abs(),
    })
}

/// Adds a report.
pub fn insert(tx: &mut dyn Tx, report: &Report) -> Result<()> {
    tx.execute(
        INSERT,
        &[
            report.sn.into(),
            report.reporter.into(),
            report.room.into(),
            report.event.into(),
            report.user.into(),
            (&report.reason).into(),
            report.at_ms.into(),
        ],
    )?;
    Ok(())
}

/// One report.
pub fn get(tx: &mut dyn Tx, sn: i64) -> Result<Option<Report>> {
    tx.one(GET, &[sn.into()], read)
}

/// Up to `limit` reports before `before`, newest first. Start with `i64::MAX`.
pub fn list(tx: &mut dyn Tx, before: i64, limit: u64) -> Result<Vec<Report>> {
    tx.all(LIST, &[before.into(), limit.into()], read)
}

/// How many reports there are.
pub fn count(tx: &mut dyn Tx) -> Result<u64> {
    Ok(tx.int(COUNT, &[])?.unwrap_or(0).unsigned_abs())
}

/// Deletes a report. Returns whether it existed.
pub fn delete(tx: &mut dyn Tx, sn: i64) -> Result<bool> {
    Ok(tx.execute(DELETE, &[sn.into()])? > 0)
}
