//! Rooms: id, version, and the head that moves with each event (state snapshot, forward extremities, depth).

use hearth_base::{Error, Millis, Result};

use crate::engine::{Row, Tx};
use crate::ids::{EventSn, RoomSn, SnapshotSn};
use crate::varint;

const BY_ID: &str = "SELECT sn, id, version, snapshot, extremities, depth, published FROM rooms WHERE id = ?1";
const BY_SN: &str = "SELECT sn, id, version, snapshot, extremities, depth, published FROM rooms WHERE sn = ?1";
const INSERT: &str = "INSERT INTO rooms (sn, id, version, snapshot, extremities, depth, published, created_ms) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const ADVANCE: &str = "UPDATE rooms SET snapshot = ?2, extremities = ?3, depth = ?4 WHERE sn = ?1";
const SET_VERSION: &str = "UPDATE rooms SET version = ?2 WHERE sn = ?1";
const PUBLISH: &str = "UPDATE rooms SET published = ?2 WHERE sn = ?1";
const PUBLISHED: &str = "SELECT sn FROM rooms WHERE published = 1 ORDER BY sn";
const LIST: &str =
    "SELECT sn, id, version, snapshot, extremities, depth, published FROM rooms WHERE sn > ?1 ORDER BY sn LIMIT ?2";
const COUNT: &str = "SELECT count(*) FROM rooms";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[BY_ID, BY_SN, INSERT, ADVANCE, SET_VERSION, PUBLISH, PUBLISHED, LIST, COUNT];

/// A room and its head.
#[derive(Debug, Clone)]
pub struct Room {
    /// Serial number.
    pub sn: RoomSn,
    /// Room id.
    pub id: String,
    /// Room version, such as "12".
    pub version: String,
    /// The snapshot of the resolved state after all extremities; `None` if this server has no state of the room.
    pub snapshot: Option<SnapshotSn>,
    /// The forward extremities: events that no other event names in its `prev_events`.
    pub extremities: Vec<EventSn>,
    /// The greatest depth of the extremities.
    pub depth: i64,
    /// Whether it is in the public room directory.
    pub published: bool,
}

fn read(row: &dyn Row) -> Result<Room> {
    Ok(Room {
        sn: RoomSn(row.int(0)?),
        id: row.text(1)?.to_owned(),
        version: row.text(2)?.to_owned(),
        snapshot: SnapshotSn::stored(row.int(3)?),
        extremities: varint::read_list(row.blob(4)?)
            .ok_or_else(|| Error::broken("a room's list of extremities cannot be read"))?
            .into_iter()
            .map(EventSn)
            .collect(),
        depth: row.int(5)?,
        published: row.int(6)? != 0,
    })
}

/// The room with this room id.
pub fn by_id(tx: &mut dyn Tx, id: &str) -> Result<Option<Room>> {
    tx.one(BY_ID, &[id.into()], read)
}

/// The room with this serial number.
pub fn by_sn(tx: &mut dyn Tx, sn: RoomSn) -> Result<Option<Room>> {
    tx.one(BY_SN, &[sn.into()], read)
}

fn extremities(room: &Room) -> Vec<u8> {
    varint::write_list(room.extremities.iter().map(|event| event.0))
}

/// Adds a room.
pub fn insert(tx: &mut dyn Tx, room: &Room, created_ms: Millis) -> Result<()> {
    let heads = extremities(room);
    tx.execute(
        INSERT,
        &[
            room.sn.into(),
            (&room.id).into(),
            (&room.version).into(),
            SnapshotSn::to_column(room.snapshot),
            heads.as_slice().into(),
            room.depth.into(),
            room.published.into(),
            created_ms.into(),
        ],
    )?;
    Ok(())
}

/// Stores a room's new head.
pub fn advance(tx: &mut dyn Tx, room: &Room) -> Result<()> {
    let heads = extremities(room);
    tx.execute(
        ADVANCE,
        &[room.sn.into(), SnapshotSn::to_column(room.snapshot), heads.as_slice().into(), room.depth.into()],
    )?;
    Ok(())
}

/// Corrects the version of a room that this server was never in. Until it joins, it knows the version only from other
/// servers' claims.
pub fn set_version(tx: &mut dyn Tx, room: RoomSn, version: &str) -> Result<()> {
    tx.execute(SET_VERSION, &[room.into(), version.into()])?;
    Ok(())
}

/// Adds a room to the public directory or removes it.
pub fn publish(tx: &mut dyn Tx, room: RoomSn, published: bool) -> Result<()> {
    tx.execute(PUBLISH, &[room.into(), published.into()])?;
    Ok(())
}

/// The rooms in the public directory.
pub fn published(tx: &mut dyn Tx) -> Result<Vec<RoomSn>> {
    tx.all(PUBLISHED, &[], |row| Ok(RoomSn(row.int(0)?)))
}

/// Up to `limit` rooms after `after`, by serial number.
pub fn list(tx: &mut dyn Tx, after: RoomSn, limit: u64) -> Result<Vec<Room>> {
    tx.all(LIST, &[after.into(), limit.into()], read)
}

/// Number of rooms.
pub fn count(tx: &mut dyn Tx) -> Result<u64> {
    Ok(tx.int(COUNT, &[])?.unwrap_or(0).unsigned_abs())
}
