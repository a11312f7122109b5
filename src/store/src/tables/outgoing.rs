//! The outbox: one row per PDU or durable EDU, with the list of servers that lack it.
//!
//! A row is written in the transaction that stores its event. The sender has all rows in memory and shortens or deletes
//! them here from time to time. After a crash, what was sent since then is sent again; receivers recognise duplicates.

use hearth_base::{Millis, Position, Result};

use crate::engine::{Tx, Value};
use crate::hash::hash64;
use crate::ids::{DestinationSn, EventSn, RoomSn};
use crate::varint;

const INSERT: &str = "INSERT INTO outgoing (position, destinations, event, room, coalesce_key, sender, bytes, \
     queued_ms, edu) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const ALL: &str = "SELECT position, destinations, event, room, coalesce_key, sender, bytes, queued_ms \
     FROM outgoing ORDER BY position";
const JSON: &str = "SELECT o.edu, e.json FROM outgoing o LEFT JOIN events e ON e.sn = o.event \
     WHERE o.position = ?1";
const SHRINK: &str = "UPDATE outgoing SET destinations = ?2 WHERE position = ?1";
const DELETE: &str = "DELETE FROM outgoing WHERE position = ?1";
const COUNT: &str = "SELECT count(*) FROM outgoing";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[INSERT, ALL, JSON, SHRINK, DELETE, COUNT];

/// The content of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutgoingKind {
    /// A PDU.
    Event {
        /// The event.
        event: EventSn,
        /// Its room.
        room: RoomSn,
    },
    /// An EDU.
    Edu {
        /// A newer EDU with the same key replaces this one. To-device messages have none.
        key: Option<String>,
        /// When a to-device message was queued, in milliseconds since the epoch; `None` if an older version queued it.
        queued_ms: Option<Millis>,
    },
}

/// Whose share of a queue a to-device message takes, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutgoingShare {
    /// A hash of the user ([`OutgoingShare::of`]).
    pub sender: i64,
    /// The length of its JSON.
    pub bytes: u64,
}

impl OutgoingShare {
    /// The share that a message of `bytes` takes of a user's.
    #[must_use]
    pub fn of(user_id: &str, bytes: usize) -> Self {
        Self { sender: hash64(&[b"user", user_id.as_bytes()]), bytes: bytes as u64 }
    }
}

/// An EDU to add.
#[derive(Debug, Clone, Copy)]
pub struct NewEdu<'a> {
    /// A newer EDU with the same key replaces it.
    pub key: Option<&'a str>,
    /// Whose share it takes; `None` for EDUs that are merged instead of counted.
    pub share: Option<OutgoingShare>,
    /// When it is queued, for to-device messages: they expire.
    pub queued_ms: Option<Millis>,
    /// The EDU.
    pub json: &'a str,
}

/// A row without its JSON.
#[derive(Debug, Clone)]
pub struct OutgoingRow {
    /// When it was written. Rows are sent in this order.
    pub position: Position,
    /// The servers that lack it, ascending.
    pub destinations: Vec<DestinationSn>,
    /// Its content.
    pub news: OutgoingKind,
    /// Whose share of the queue it takes, for to-device messages.
    pub share: Option<OutgoingShare>,
}

/// Adds a PDU. `destinations` must be ascending.
pub fn add_event(
    tx: &mut dyn Tx,
    at: Position,
    destinations: &[DestinationSn],
    event: EventSn,
    room: RoomSn,
) -> Result<()> {
    let (to, text, number) = (pack(destinations), None::<&str>, None::<i64>);
    let place = [at.into(), Value::Blob(&to), event.into(), room.into()];
    let [at, to, event, room] = place;
    tx.execute(INSERT, &[at, to, event, room, text.into(), number.into(), number.into(), number.into(), text.into()])?;
    Ok(())
}

/// Adds an EDU. `destinations` must be ascending.
pub fn add_edu(tx: &mut dyn Tx, at: Position, destinations: &[DestinationSn], edu: NewEdu<'_>) -> Result<()> {
    let (to, number) = (pack(destinations), None::<i64>);
    let (sender, bytes) = (edu.share.map(|share| share.sender), edu.share.map(|share| share.bytes));
    let place = [at.into(), Value::Blob(&to), number.into(), number.into()];
    let [at, to, event, room] = place;
    let queued_ms = edu.queued_ms;
    let what = [edu.key.into(), sender.into(), bytes.into(), queued_ms.into(), edu.json.into()];
    let [key, sender, bytes, queued_ms, json] = what;
    tx.execute(INSERT, &[at, to, event, room, key, sender, bytes, queued_ms, json])?;
    Ok(())
}

/// All rows, oldest first. A row whose list of servers cannot be read has an empty one here: it must not stop the
/// others from being sent.
pub fn all(tx: &mut dyn Tx) -> Result<Vec<OutgoingRow>> {
    tx.all(ALL, &[], |row| {
        let news = match (row.opt_int(2)?, row.opt_int(3)?) {
            (Some(event), Some(room)) => OutgoingKind::Event { event: EventSn(event), room: RoomSn(room) },
            _ => {
                let queued_ms = row.opt_int(7)?.map(i64::unsigned_abs);
                OutgoingKind::Edu { key: row.opt_text(4)?.map(str::to_owned), queued_ms }
            }
        };
        let destinations = unpack(row.blob(1)?).unwrap_or_default();
        let share = match (row.opt_int(5)?, row.opt_int(6)?) {
            (Some(sender), Some(bytes)) => Some(OutgoingShare { sender, bytes: bytes.unsigned_abs() }),
            _ => None,
        };
        Ok(OutgoingRow { position: Position::from_i64(row.int(0)?), destinations, news, share })
    })
}

/// The JSON to send for a row; `None` if the row or its event was deleted. The inner error is a row that can never be
/// read, with the reason; the outer error is the database's.
pub fn json(tx: &mut dyn Tx, at: Position) -> Result<Option<Result<String, String>>> {
    let found = tx.one(JSON, &[at.into()], |row| match (row.opt_text(0)?, row.opt_blob(1)?) {
        (Some(edu), _) => Ok(Some(Ok(edu.to_owned()))),
        (None, Some(json)) => Ok(Some(String::from_utf8(json.to_vec()).map_err(|error| error.to_string()))),
        _ => Ok(None),
    })?;
    Ok(found.flatten())
}

/// Replaces the list of servers that lack a row. It must be ascending.
pub fn shrink(tx: &mut dyn Tx, at: Position, destinations: &[DestinationSn]) -> Result<()> {
    tx.execute(SHRINK, &[at.into(), Value::Blob(&pack(destinations))])?;
    Ok(())
}

/// Deletes a row that no server lacks any more.
pub fn delete(tx: &mut dyn Tx, at: Position) -> Result<()> {
    tx.execute(DELETE, &[at.into()])?;
    Ok(())
}

/// Number of rows.
pub fn count(tx: &mut dyn Tx) -> Result<u64> {
    Ok(tx.int(COUNT, &[])?.unwrap_or(0).unsigned_abs())
}

/// Encoded as differences, which are short: serial numbers assigned at about the same time are close to each other.
fn pack(destinations: &[DestinationSn]) -> Vec<u8> {
    let mut before = 0;
    varint::write_list(destinations.iter().map(|sn| sn.0.wrapping_sub(std::mem::replace(&mut before, sn.0))))
}

fn unpack(bytes: &[u8]) -> Option<Vec<DestinationSn>> {
    let mut sn = 0_i64;
    let steps = varint::read_list(bytes)?.into_iter();
    Some(
        steps
            .map(|step| {
                sn = sn.wrapping_add(step);
                DestinationSn(sn)
            })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_servers_are_short_and_come_back() {
        let servers: Vec<_> = [1_000_000, 1_000_003, 1_000_004, i64::MAX].map(DestinationSn).to_vec();
        let packed = pack(&servers);
        assert_eq!(unpack(&packed), Some(servers));
        assert!(pack(&[DestinationSn(1_000_000), DestinationSn(1_000_003), DestinationSn(1_000_004)]).len() <= 6);
        assert_eq!(unpack(&[0x80]), None, "damage is noticed");
    }
}
