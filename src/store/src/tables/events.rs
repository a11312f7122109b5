//! Events: stored once; found by event id, serial number, or place in the timeline.

use hearth_base::{Error, Result};

use crate::engine::{Row, Tx, Value};
use crate::ids::{DeviceSn, EventSn, KeySn, RoomSn, SnapshotSn, UserSn};

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT sn, room, ord, id, sender, state_key, depth, snapshot, flags, redacted_by, thread, device, txn, \
             json ",
            $rest
        )
    };
}

const BY_SN: &str = columns!("FROM events WHERE sn = ?1");
const BY_HASH: &str = columns!("FROM events WHERE id_hash = ?1");
const SN_BY_HASH: &str = "SELECT sn, id FROM events WHERE id_hash = ?1";
const ID_BY_SN: &str = "SELECT id FROM events WHERE sn = ?1";
const FORWARD: &str = columns!("FROM events WHERE room = ?1 AND ord > ?2 AND ord <= ?3 ORDER BY ord LIMIT ?4");
const BACKWARD: &str = columns!("FROM events WHERE room = ?1 AND ord > ?2 AND ord <= ?3 ORDER BY ord DESC LIMIT ?4");
const IN_THREAD: &str = "SELECT ord, sn FROM events WHERE thread = ?1 AND ord > ?2 AND ord <= ?3 ORDER BY ord LIMIT ?4";
const NEWEST_FIRST: &str = columns!("FROM events WHERE sn < ?1 AND ord IS NOT NULL ORDER BY sn DESC LIMIT ?2");
const OLDEST_FIRST: &str = columns!("FROM events WHERE sn > ?1 ORDER BY sn LIMIT ?2");
const REJECTED_OR_REDACTED: &str = "SELECT sn FROM events WHERE sn > ?1 AND sn <= ?2 AND (flags & 5) <> 0";
const INSERT: &str = "INSERT INTO events (sn, room, ord, id_hash, id, sender, state_key, depth, snapshot, flags, \
     thread, device, txn, json) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
const PLACE: &str = "UPDATE events SET ord = ?2, snapshot = ?3, flags = ?4, thread = ?5 WHERE sn = ?1";
const REDACT: &str = "UPDATE events SET flags = ?2, redacted_by = ?3, json = ?4 WHERE sn = ?1";
const NEWEST_ORD: &str = "SELECT max(ord) FROM events WHERE room = ?1 AND ord <= ?2";
const OLDEST_ORD: &str = "SELECT min(ord) FROM events WHERE room = ?1 AND ord IS NOT NULL";
const OLD_REJECTED_OUTLIER: &str = "SELECT sn FROM events WHERE flags = 9 ORDER BY sn DESC LIMIT 1 OFFSET ?1";
const DELETE_REJECTED_OUTLIERS: &str = "DELETE FROM events WHERE sn IN \
     (SELECT sn FROM events WHERE flags = 9 AND sn <= ?1 ORDER BY sn LIMIT ?2)";
const COUNT: &str = "SELECT count(*) FROM events";
const COUNT_IN_ROOM: &str = "SELECT count(*) FROM events WHERE room = ?1 AND ord IS NOT NULL";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[
    BY_SN,
    BY_HASH,
    SN_BY_HASH,
    ID_BY_SN,
    FORWARD,
    BACKWARD,
    IN_THREAD,
    NEWEST_FIRST,
    OLDEST_FIRST,
    REJECTED_OR_REDACTED,
    INSERT,
    PLACE,
    REDACT,
    NEWEST_ORD,
    OLDEST_ORD,
    OLD_REJECTED_OUTLIER,
    DELETE_REJECTED_OUTLIERS,
    COUNT,
    COUNT_IN_ROOM,
];

/// The event failed authorization. It is stored only so that it is not fetched again.
pub const REJECTED: i64 = 1;
/// The event is soft-failed: valid, but the current state does not allow it. Stored, never shown.
pub const SOFT_FAILED: i64 = 2;
/// The content has been redacted.
pub const REDACTED: i64 = 4;
/// An outlier: known without its place in the timeline.
pub const OUTLIER: i64 = 8;
/// The snapshot of the state before the event may lack parts, because other servers could not give them. It serves
/// readers; nothing may be derived from it.
pub const UNSURE_STATE: i64 = 16;

/// A stored event.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// Serial number: the position at which it was stored.
    pub sn: EventSn,
    /// Its room.
    pub room: RoomSn,
    /// Place in the timeline; `None` for outliers and rejected events.
    pub ord: Option<i64>,
    /// Event id.
    pub id: String,
    /// The sender.
    pub sender: UserSn,
    /// The state key's serial number; `None` for message events.
    pub state_key: Option<KeySn>,
    /// Depth in the event graph.
    pub depth: i64,
    /// The state before it; `None` for the empty one, and for outliers, whose state is not known.
    pub snapshot: Option<SnapshotSn>,
    /// [`REJECTED`], [`SOFT_FAILED`], [`REDACTED`], [`OUTLIER`].
    pub flags: i64,
    /// The redaction that removed its content.
    pub redacted_by: Option<EventSn>,
    /// The root event of its thread.
    pub thread: Option<EventSn>,
    /// The local device that sent it.
    pub device: Option<DeviceSn>,
    /// The transaction id that device used.
    pub txn: Option<String>,
    /// The event as canonical JSON with signatures.
    pub json: Vec<u8>,
}

fn read(row: &dyn Row) -> Result<EventRow> {
    Ok(EventRow {
        sn: EventSn(row.int(0)?),
        room: RoomSn(row.int(1)?),
        ord: row.opt_int(2)?,
        id: row.text(3)?.to_owned(),
        sender: UserSn(row.int(4)?),
        state_key: row.opt_int(5)?.map(KeySn),
        depth: row.int(6)?,
        snapshot: SnapshotSn::stored(row.int(7)?),
        flags: row.int(8)?,
        redacted_by: row.opt_int(9)?.map(EventSn),
        thread: row.opt_int(10)?.map(EventSn),
        device: row.opt_int(11)?.map(DeviceSn),
        txn: row.opt_text(12)?.map(str::to_owned),
        json: row.blob(13)?.to_vec(),
    })
}

/// The newest rejected outlier to delete so that `kept` newer ones stay.
pub fn one_rejected_outlier_too_many(tx: &mut dyn Tx, kept: u64) -> Result<Option<EventSn>> {
    tx.one(OLD_REJECTED_OUTLIER, &[kept.into()], |row| Ok(EventSn(row.int(0)?)))
}

/// Deletes rejected outliers up to `upto`, at most `limit`, and returns their number. Only the JSON of other rejected
/// events refers to them, by event ID.
pub fn delete_rejected_outliers(tx: &mut dyn Tx, upto: EventSn, limit: u64) -> Result<u64> {
    tx.execute(DELETE_REJECTED_OUTLIERS, &[upto.into(), limit.into()])
}

/// The index key of an event id.
#[must_use]
pub fn id_hash(id: &str) -> i64 {
    crate::hash64(&[id.as_bytes()])
}

/// The event with this serial number.
pub fn by_sn(tx: &mut dyn Tx, sn: EventSn) -> Result<Option<EventRow>> {
    tx.one(BY_SN, &[sn.into()], read)
}

/// The event with this event id.
pub fn by_id(tx: &mut dyn Tx, id: &str) -> Result<Option<EventRow>> {
    let mut found = None;
    tx.query(BY_HASH, &[id_hash(id).into()], &mut |row| {
        if row.text(3)? == id {
            found = Some(read(row)?);
        }
        Ok(found.is_none())
    })?;
    Ok(found)
}

/// The serial number of an event id; does not load the event.
pub fn find(tx: &mut dyn Tx, id: &str) -> Result<Option<EventSn>> {
    let mut found = None;
    tx.query(SN_BY_HASH, &[id_hash(id).into()], &mut |row| {
        if row.text(1)? == id {
            found = Some(EventSn(row.int(0)?));
        }
        Ok(found.is_none())
    })?;
    Ok(found)
}

/// The event id of a serial number; does not load the event.
pub fn id(tx: &mut dyn Tx, sn: EventSn) -> Result<Option<String>> {
    tx.one(ID_BY_SN, &[sn.into()], |row| Ok(row.text(0)?.to_owned()))
}

/// Stores a new event.
pub fn insert(tx: &mut dyn Tx, event: &EventRow) -> Result<()> {
    tx.execute(
        INSERT,
        &[
            event.sn.into(),
            event.room.into(),
            event.ord.into(),
            id_hash(&event.id).into(),
            (&event.id).into(),
            event.sender.into(),
            event.state_key.into(),
            event.depth.into(),
            SnapshotSn::to_column(event.snapshot),
            event.flags.into(),
            event.thread.into(),
            event.device.into(),
            event.txn.as_ref().into(),
            Value::Blob(&event.json),
        ],
    )?;
    Ok(())
}

/// Turns an outlier into an event with a place: updates its place, state, flags and thread from `event`.
pub fn place(tx: &mut dyn Tx, event: &EventRow) -> Result<()> {
    let args = [
        event.sn.into(),
        event.ord.into(),
        SnapshotSn::to_column(event.snapshot),
        event.flags.into(),
        event.thread.into(),
    ];
    tx.execute(PLACE, &args)?;
    Ok(())
}

/// Replaces an event's JSON by its redacted form.
pub fn redact(tx: &mut dyn Tx, event: &EventRow, by: EventSn, redacted_json: &[u8]) -> Result<()> {
    let flags = event.flags | REDACTED;
    tx.execute(REDACT, &[event.sn.into(), flags.into(), by.into(), Value::Blob(redacted_json)])?;
    Ok(())
}

/// Direction of a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Oldest first.
    Forward,
    /// Newest first.
    Backward,
}

/// A row of a query. Callers that have the event cached read its serial number only and skip the JSON.
pub struct Stored<'a>(&'a dyn Row);

impl Stored<'_> {
    /// Its serial number.
    pub fn sn(&self) -> Result<EventSn> {
        Ok(EventSn(self.0.int(0)?))
    }

    /// The room.
    pub fn room(&self) -> Result<RoomSn> {
        Ok(RoomSn(self.0.int(1)?))
    }

    /// The whole event.
    pub fn read(&self) -> Result<EventRow> {
        read(self.0)
    }
}

/// Visits the timeline of a room in `(after, upto]`, at most `limit` rows, until `each` returns false.
pub fn timeline(
    tx: &mut dyn Tx,
    room: RoomSn,
    (after, upto): (i64, i64),
    direction: Direction,
    limit: usize,
    each: &mut dyn FnMut(Stored<'_>) -> Result<bool>,
) -> Result<()> {
    let sql = match direction {
        Direction::Forward => FORWARD,
        Direction::Backward => BACKWARD,
    };
    let limit = i64::try_from(limit).map_err(|error| Error::fault("counting a page", error))?;
    tx.query(sql, &[room.into(), after.into(), upto.into(), limit.into()], &mut |row| each(Stored(row)))
}

/// Timeline places and serial numbers of a thread's events in `(after, upto]`, oldest first, at most `limit`. Excludes
/// the root.
pub fn in_thread(
    tx: &mut dyn Tx,
    root: EventSn,
    (after, upto): (i64, i64),
    limit: usize,
) -> Result<Vec<(i64, EventSn)>> {
    let limit = i64::try_from(limit).map_err(|error| Error::fault("counting a page", error))?;
    let args = [root.into(), after.into(), upto.into(), limit.into()];
    tx.all(IN_THREAD, &args, |row| Ok((row.int(0)?, EventSn(row.int(1)?))))
}

/// Visits the timelines of all rooms together, newest first, from before `before` on; at most `limit` rows.
pub fn newest_first(
    tx: &mut dyn Tx,
    before: EventSn,
    limit: usize,
    each: &mut dyn FnMut(Stored<'_>) -> Result<bool>,
) -> Result<()> {
    let limit = i64::try_from(limit).map_err(|error| Error::fault("counting a page", error))?;
    tx.query(NEWEST_FIRST, &[before.into(), limit.into()], &mut |row| each(Stored(row)))
}

/// Visits all events, also those without a place, in the order in which they were stored, from after `after` on; at most
/// `limit` rows.
pub fn oldest_first(
    tx: &mut dyn Tx,
    after: EventSn,
    limit: u64,
    each: &mut dyn FnMut(Stored<'_>) -> Result<bool>,
) -> Result<()> {
    tx.query(OLDEST_FIRST, &[after.into(), limit.into()], &mut |row| each(Stored(row)))
}

/// The rejected and the redacted events among those stored after `after` and up to `upto`.
pub fn rejected_or_redacted(tx: &mut dyn Tx, after: EventSn, upto: EventSn) -> Result<Vec<EventSn>> {
    tx.all(REJECTED_OR_REDACTED, &[after.into(), upto.into()], |row| Ok(EventSn(row.int(0)?)))
}

/// The place of the newest event up to `upto`; `None` if there is none.
pub fn newest_ord(tx: &mut dyn Tx, room: RoomSn, upto: i64) -> Result<Option<i64>> {
    tx.int(NEWEST_ORD, &[room.into(), upto.into()])
}

/// The place of a room's oldest event; `None` without a timeline.
pub fn oldest_ord(tx: &mut dyn Tx, room: RoomSn) -> Result<Option<i64>> {
    tx.int(OLDEST_ORD, &[room.into()])
}

/// Number of stored events.
pub fn count(tx: &mut dyn Tx) -> Result<u64> {
    Ok(tx.int(COUNT, &[])?.unwrap_or(0).unsigned_abs())
}

/// Number of events in a room's timeline.
pub fn count_in_room(tx: &mut dyn Tx, room: RoomSn) -> Result<u64> {
    Ok(tx.int(COUNT_IN_ROOM, &[room.into()])?.unwrap_or(0).unsigned_abs())
}
