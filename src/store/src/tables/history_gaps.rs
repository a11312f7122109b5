//! Gaps in timelines: history that other servers have and this one does not, and the places reserved for it. The domain
//! decides how gaps are filled.

use hearth_base::{Millis, Result};

use crate::engine::{Row, Tx};
use crate::ids::RoomSn;

macro_rules! columns {
    ($rest:literal) => {
        concat!("SELECT floor, next, missing, tries, retry_ms, refused FROM history_gaps ", $rest)
    };
}

const OF_ROOM: &str = columns!("WHERE room = ?1 ORDER BY floor");
const HIGHEST: &str = columns!("WHERE room = ?1 AND floor < ?3 AND next > ?2 ORDER BY floor DESC LIMIT 1");
const BY_FLOOR: &str = columns!("WHERE room = ?1 AND floor = ?2");
const COUNT: &str = "SELECT count(*) FROM history_gaps WHERE room = ?1";
const SET: &str = "INSERT INTO history_gaps (room, floor, next, missing, tries, retry_ms, refused) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (room, floor) DO UPDATE SET next = excluded.next, \
     missing = excluded.missing, tries = excluded.tries, retry_ms = excluded.retry_ms, refused = excluded.refused";
const DELETE: &str = "DELETE FROM history_gaps WHERE room = ?1 AND floor = ?2";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[OF_ROOM, HIGHEST, BY_FLOOR, COUNT, SET, DELETE];

/// A gap in a room's timeline. Its floor never changes and identifies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The reserved places are above this one.
    pub floor: i64,
    /// The highest free place; fetched events go here and below. Equal to the floor when none is left.
    pub next: i64,
    /// Event ids directly before the oldest known event above the gap: where to continue.
    pub missing: Vec<String>,
    /// Failed attempts in a row to fill any of it.
    pub tries: u32,
    /// When to retry, in milliseconds since the epoch; 0 for at once.
    pub retry_ms: Millis,
    /// Whether all servers answered the last attempt without returning any event.
    pub refused: bool,
}

fn read(row: &dyn Row) -> Result<Gap> {
    Ok(Gap {
        floor: row.int(0)?,
        next: row.int(1)?,
        missing: row.text(2)?.split(' ').filter(|id| !id.is_empty()).map(str::to_owned).collect(),
        tries: u32::try_from(row.int(3)?).unwrap_or(u32::MAX),
        retry_ms: row.int(4)?.unsigned_abs(),
        refused: row.int(5)? != 0,
    })
}

/// The gaps of a room, lowest first.
pub fn of_room(tx: &mut dyn Tx, room: RoomSn) -> Result<Vec<Gap>> {
    tx.all(OF_ROOM, &[room.into()], read)
}

/// The highest gap of a room with places in `(after, upto]`.
pub fn highest(tx: &mut dyn Tx, room: RoomSn, (after, upto): (i64, i64)) -> Result<Option<Gap>> {
    tx.one(HIGHEST, &[room.into(), after.into(), upto.into()], read)
}

/// The gap above a floor; `None` if it has been closed.
pub fn get(tx: &mut dyn Tx, room: RoomSn, floor: i64) -> Result<Option<Gap>> {
    tx.one(BY_FLOOR, &[room.into(), floor.into()], read)
}

/// How many gaps a room has.
pub fn count(tx: &mut dyn Tx, room: RoomSn) -> Result<u64> {
    Ok(tx.int(COUNT, &[room.into()])?.unwrap_or(0).unsigned_abs())
}

/// Adds a gap, or replaces the one with the same floor. Event ids must not contain spaces.
pub fn set(tx: &mut dyn Tx, room: RoomSn, gap: &Gap) -> Result<()> {
    let missing = gap.missing.join(" ");
    tx.execute(
        SET,
        &[
            room.into(),
            gap.floor.into(),
            gap.next.into(),
            (&missing).into(),
            i64::from(gap.tries).into(),
            gap.retry_ms.into(),
            gap.refused.into(),
        ],
    )?;
    Ok(())
}

/// Removes the gap above a floor.
pub fn delete(tx: &mut dyn Tx, room: RoomSn, floor: i64) -> Result<()> {
    tx.execute(DELETE, &[room.into(), floor.into()])?;
    Ok(())
}
