//! Read receipts, public and private, for the whole room or for one thread.

use hearth_base::{Millis, Position, Result};

use crate::engine::{Row, Tx, Value};
use crate::ids::{EventSn, RoomSn, UserSn};

macro_rules! columns {
    ($rest:literal) => {
        concat!("SELECT user, kind, thread, event, ord, at_ms FROM receipts ", $rest)
    };
}

const SET: &str = "INSERT INTO receipts (room, user, kind, thread, event, ord, at_ms, position) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
     ON CONFLICT (room, user, kind, thread) DO UPDATE SET event = excluded.event, \
     ord = excluded.ord, at_ms = excluded.at_ms, position = excluded.position WHERE receipts.ord < excluded.ord";
const OF_USER: &str = columns!("WHERE room = ?1 AND user = ?2");
const CHANGED: &str = columns!("WHERE room = ?1 AND position > ?2 AND position <= ?3 ORDER BY position");

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[SET, OF_USER, CHANGED];

/// The scope of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Thread {
    /// The whole room (unthreaded).
    Unthreaded,
    /// The main timeline.
    Main,
    /// A thread, by its root event.
    Root(EventSn),
}

impl Thread {
    /// As an integer for a column: the root's serial number, or a value that no event has.
    #[must_use]
    pub fn as_int(self) -> i64 {
        match self {
            Self::Unthreaded => -1,
            Self::Main => 0,
            Self::Root(root) => root.0,
        }
    }

    /// The inverse of [`Thread::as_int`].
    #[must_use]
    pub fn from_int(value: i64) -> Self {
        match value {
            -1 => Self::Unthreaded,
            0 => Self::Main,
            root => Self::Root(EventSn(root)),
        }
    }
}

/// A read receipt.
#[derive(Debug, Clone, Copy)]
pub struct ReceiptRow {
    /// The user.
    pub user: UserSn,
    /// Whether it is private (`m.read.private`).
    pub private: bool,
    /// The part of the room.
    pub thread: Thread,
    /// The last event read.
    pub event: EventSn,
    /// The place of that event in the timeline.
    pub ord: i64,
    /// When, in milliseconds since the epoch.
    pub at_ms: Millis,
}

fn read(row: &dyn Row) -> Result<ReceiptRow> {
    Ok(ReceiptRow {
        user: UserSn(row.int(0)?),
        private: row.int(1)? != 0,
        thread: Thread::from_int(row.int(2)?),
        event: EventSn(row.int(3)?),
        ord: row.int(4)?,
        at_ms: row.int(5)?.unsigned_abs(),
    })
}

/// Stores a receipt, unless a later one exists. Returns whether it did.
pub fn set(tx: &mut dyn Tx, room: RoomSn, receipt: &ReceiptRow, at: Position) -> Result<bool> {
    let changed = tx.execute(
        SET,
        &[
            room.into(),
            receipt.user.into(),
            receipt.private.into(),
            Value::Int(receipt.thread.as_int()),
            receipt.event.into(),
            receipt.ord.into(),
            receipt.at_ms.into(),
            at.into(),
        ],
    )?;
    Ok(changed > 0)
}

/// A user's receipts in a room.
pub fn of_user(tx: &mut dyn Tx, room: RoomSn, user: UserSn) -> Result<Vec<ReceiptRow>> {
    tx.all(OF_USER, &[room.into(), user.into()], read)
}

/// Receipts of a room that changed in `(after, upto]`.
pub fn changed(tx: &mut dyn Tx, room: RoomSn, after: Position, upto: Position) -> Result<Vec<ReceiptRow>> {
    tx.all(CHANGED, &[room.into(), after.into(), upto.into()], read)
}
