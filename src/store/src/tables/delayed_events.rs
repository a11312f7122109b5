//! Delayed events (MSC4140). The domain decides when they are due; most restarts exist only in its memory.

use hearth_base::{Millis, Result};

use crate::engine::{Row, Tx};
use crate::ids::{EventSn, RoomSn, UserSn};

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT id, user, room, type, state_key, content, timestamp_ms, delay_ms, since_ms, restarted, \
             finalised_ms, ",
            "event, error FROM delayed_events ",
            $rest
        )
    };
}

const INSERT: &str = "INSERT INTO delayed_events (id, user, room, type, state_key, content, timestamp_ms, delay_ms, \
     since_ms, restarted) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0)";
const GET: &str = columns!("WHERE id = ?1");
const OF_USER: &str = columns!("WHERE user = ?1");
const WAITING: &str = "SELECT id, user, room, type, state_key, delay_ms, since_ms, restarted FROM delayed_events \
     WHERE finalised_ms IS NULL";
const NOTE: &str = "UPDATE delayed_events SET since_ms = ?2, restarted = ?3 WHERE id = ?1 AND finalised_ms IS NULL";
const SENT: &str = "UPDATE delayed_events SET finalised_ms = ?2, event = ?3, content = '' \
     WHERE id = ?1 AND finalised_ms IS NULL";
const ENDED: &str = "UPDATE delayed_events SET finalised_ms = ?2, error = ?3 WHERE id = ?1 AND finalised_ms IS NULL";
const PRUNE: &str = "DELETE FROM delayed_events WHERE finalised_ms < ?1";
const PRUNE_USER: &str = "DELETE FROM delayed_events WHERE id IN (SELECT id FROM delayed_events \
     WHERE user = ?1 AND finalised_ms IS NOT NULL ORDER BY finalised_ms DESC, id LIMIT 1000000 OFFSET ?2)";
const FORGET_USER: &str = "DELETE FROM delayed_events WHERE user = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[INSERT, GET, OF_USER, WAITING, NOTE, SENT, ENDED, PRUNE, PRUNE_USER, FORGET_USER];

/// How far the stored time of the last restart can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restarted {
    /// It was never restarted.
    Never = 0,
    /// It was restarted, and `since_ms` is the time.
    Noted = 1,
    /// It was restarted at `since_ms`, and possibly again later.
    Unsure = 2,
}

impl Restarted {
    fn from_int(value: i64) -> Self {
        match value {
            0 => Self::Never,
            1 => Self::Noted,
            _ => Self::Unsure,
        }
    }
}

/// A delayed event.
#[derive(Debug, Clone)]
pub struct DelayedEventRow {
    /// Its `delay_id`.
    pub id: String,
    /// Its sender.
    pub user: UserSn,
    /// Its room.
    pub room: RoomSn,
    /// Event type.
    pub kind: String,
    /// State key; `None` for a message event.
    pub state_key: Option<String>,
    /// Content as canonical JSON; empty after the event was sent.
    pub content: String,
    /// Overridden timestamp (MSC3316), in milliseconds since the epoch.
    pub timestamp_ms: Option<Millis>,
    /// Its delay, in milliseconds.
    pub delay_ms: u64,
    /// When it was scheduled or last restarted, as far as that is stored; milliseconds since the epoch.
    pub since_ms: Millis,
}

/// The outcome of a delayed event.
#[derive(Debug, Clone)]
pub struct Finalised {
    /// When, in milliseconds since the epoch.
    pub at_ms: Millis,
    /// The event that was sent.
    pub event: Option<EventSn>,
    /// Why it was not sent: a Matrix error as JSON. `None` if it was sent or cancelled.
    pub error: Option<String>,
}

/// A waiting event without its content.
#[derive(Debug, Clone)]
pub struct WaitingDelayedRow {
    /// Its `delay_id`.
    pub id: String,
    /// Its sender.
    pub user: UserSn,
    /// Its room.
    pub room: RoomSn,
    /// Type and state key, if it is state.
    pub state: Option<(String, String)>,
    /// Its delay, in milliseconds.
    pub delay_ms: u64,
    /// When it was scheduled or last restarted, as far as that is stored; milliseconds since the epoch.
    pub since_ms: Millis,
    /// How far `since_ms` can be trusted.
    pub restarted: Restarted,
}

fn read(row: &dyn Row) -> Result<(DelayedEventRow, Option<Finalised>)> {
    let wanted = DelayedEventRow {
        id: row.text(0)?.to_owned(),
        user: UserSn(row.int(1)?),
        room: RoomSn(row.int(2)?),
        kind: row.text(3)?.to_owned(),
        state_key: row.opt_text(4)?.map(str::to_owned),
        content: row.text(5)?.to_owned(),
        timestamp_ms: row.opt_int(6)?.map(i64::unsigned_abs),
        delay_ms: row.int(7)?.unsigned_abs(),
        since_ms: row.int(8)?.unsigned_abs(),
    };
    let Some(at_ms) = row.opt_int(10)? else { return Ok((wanted, None)) };
    let (event, error) = (row.opt_int(11)?.map(EventSn), row.opt_text(12)?.map(str::to_owned));
    Ok((wanted, Some(Finalised { at_ms: at_ms.unsigned_abs(), event, error })))
}

/// Adds a waiting event.
pub fn insert(tx: &mut dyn Tx, wanted: &DelayedEventRow) -> Result<()> {
    let args = [
        (&wanted.id).into(),
        wanted.user.into(),
        wanted.room.into(),
        (&wanted.kind).into(),
        wanted.state_key.as_ref().into(),
        (&wanted.content).into(),
        wanted.timestamp_ms.into(),
        wanted.delay_ms.into(),
        wanted.since_ms.into(),
    ];
    tx.execute(INSERT, &args)?;
    Ok(())
}

/// An event, waiting or finalised.
pub fn get(tx: &mut dyn Tx, id: &str) -> Result<Option<(DelayedEventRow, Option<Finalised>)>> {
    tx.one(GET, &[id.into()], read)
}

/// All events of a user, unordered.
pub fn of_user(tx: &mut dyn Tx, user: UserSn) -> Result<Vec<(DelayedEventRow, Option<Finalised>)>> {
    tx.all(OF_USER, &[user.into()], read)
}

/// All waiting events.
pub fn waiting(tx: &mut dyn Tx) -> Result<Vec<WaitingDelayedRow>> {
    tx.all(WAITING, &[], |row| {
        Ok(WaitingDelayedRow {
            id: row.text(0)?.to_owned(),
            user: UserSn(row.int(1)?),
            room: RoomSn(row.int(2)?),
            state: match row.opt_text(4)? {
                Some(key) => Some((row.text(3)?.to_owned(), key.to_owned())),
                None => None,
            },
            delay_ms: row.int(5)?.unsigned_abs(),
            since_ms: row.int(6)?.unsigned_abs(),
            restarted: Restarted::from_int(row.int(7)?),
        })
    })
}

/// Stores when a waiting event was restarted.
pub fn note(tx: &mut dyn Tx, id: &str, since_ms: Millis, restarted: Restarted) -> Result<()> {
    tx.execute(NOTE, &[id.into(), since_ms.into(), (restarted as i64).into()])?;
    Ok(())
}

/// Marks an event as sent and drops its content. Returns whether it was waiting.
pub fn sent(tx: &mut dyn Tx, id: &str, now_ms: Millis, event: EventSn) -> Result<bool> {
    Ok(tx.execute(SENT, &[id.into(), now_ms.into(), event.into()])? > 0)
}

/// Marks an event as cancelled or failed. Returns whether it was waiting.
pub fn ended(tx: &mut dyn Tx, id: &str, now_ms: Millis, error: Option<&str>) -> Result<bool> {
    Ok(tx.execute(ENDED, &[id.into(), now_ms.into(), error.into()])? > 0)
}

/// Deletes events that were finalised before `before_ms`.
pub fn prune(tx: &mut dyn Tx, before_ms: Millis) -> Result<u64> {
    tx.execute(PRUNE, &[before_ms.into()])
}

/// Deletes the oldest finalised events of a user except for the newest `keep`.
pub fn prune_user(tx: &mut dyn Tx, user: UserSn, keep: u64) -> Result<()> {
    tx.execute(PRUNE_USER, &[user.into(), keep.into()])?;
    Ok(())
}

/// Deletes all events of a user.
pub fn forget_user(tx: &mut dyn Tx, user: UserSn) -> Result<()> {
    tx.execute(FORGET_USER, &[user.into()])?;
    Ok(())
}
