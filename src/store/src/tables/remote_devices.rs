//! Known devices of remote users, and two streams between servers: the `stream_id` of local users' device lists, and
//! the ids of received to-device messages.

use std::collections::HashMap;

use hearth_base::{Millis, Position, Result};

use crate::engine::{Tx, Value};
use crate::ids::{RoomSn, UserSn};

const LIST: &str = "SELECT stream, synced FROM remote_device_lists WHERE owner = ?1";
const SET_LIST: &str = "INSERT INTO remote_device_lists (owner, stream, synced) VALUES (?1, ?2, ?3) \
     ON CONFLICT (owner) DO UPDATE SET stream = excluded.stream, synced = excluded.synced";
const SPOIL: &str = "UPDATE remote_device_lists SET synced = 0 WHERE owner = ?1 AND synced > 0";
const DELETE_LIST: &str = "DELETE FROM remote_device_lists WHERE owner = ?1";
const UNSHARED: &str = "SELECT owner FROM remote_device_lists l WHERE NOT EXISTS \
     (SELECT 1 FROM memberships m WHERE m.user = l.owner AND m.membership = 1) LIMIT ?1";
const DEVICES: &str = "SELECT device, json FROM remote_devices WHERE owner = ?1 ORDER BY device";
const COUNT_DEVICES: &str = "SELECT count(*) FROM remote_devices WHERE owner = ?1";
const SET_DEVICE: &str = "INSERT INTO remote_devices (owner, device, json) VALUES (?1, ?2, ?3) \
     ON CONFLICT (owner, device) DO UPDATE SET json = excluded.json";
const DELETE_DEVICE: &str = "DELETE FROM remote_devices WHERE owner = ?1 AND device = ?2";
const CLEAR_DEVICES: &str = "DELETE FROM remote_devices WHERE owner = ?1";
const OWN_ROOMS: &str = "SELECT m.room, min(m.since) FROM accounts a JOIN memberships m ON m.user = a.sn \
     WHERE m.membership = 1 GROUP BY m.room";
const ROOMS_OF: &str = "SELECT room, since FROM memberships WHERE user = ?1 AND membership = 1";
const STREAM: &str = "SELECT stream FROM device_streams WHERE owner = ?1";
const SET_STREAM: &str = "INSERT INTO device_streams (owner, stream) VALUES (?1, ?2) \
     ON CONFLICT (owner) DO UPDATE SET stream = excluded.stream";
const RECEIVE: &str = "INSERT INTO received_messages (hash, at_ms) VALUES (?1, ?2) ON CONFLICT (hash) DO NOTHING";
const OLD_RECEIVED: &str = "SELECT hash FROM received_messages WHERE hash > ?1 AND at_ms < ?2 ORDER BY hash LIMIT ?3";
const FORGET_RECEIVED: &str = "DELETE FROM received_messages WHERE hash = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[
    LIST,
    SET_LIST,
    SPOIL,
    DELETE_LIST,
    UNSHARED,
    DEVICES,
    COUNT_DEVICES,
    SET_DEVICE,
    DELETE_DEVICE,
    CLEAR_DEVICES,
    OWN_ROOMS,
    ROOMS_OF,
    STREAM,
    SET_STREAM,
    RECEIVE,
    OLD_RECEIVED,
    FORGET_RECEIVED,
];

/// How complete the known device list of a remote user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListRow {
    /// The last `stream_id` that is included; `None` if the list came without one.
    pub stream: Option<i64>,
    /// The position at which the list was complete; zero if an update is known to be missing.
    pub synced: Position,
}

/// How complete a user's list is; `None` if no list is known.
pub fn list(tx: &mut dyn Tx, owner: UserSn) -> Result<Option<ListRow>> {
    tx.one(LIST, &[owner.into()], |row| {
        Ok(ListRow { stream: row.opt_int(0)?, synced: Position::from_i64(row.int(1)?) })
    })
}

/// Stores how complete a user's list is.
pub fn set_list(tx: &mut dyn Tx, owner: UserSn, list: ListRow) -> Result<()> {
    let stream = list.stream.map_or(Value::Null, Value::Int);
    tx.execute(SET_LIST, &[owner.into(), stream, list.synced.into()])?;
    Ok(())
}

/// Records that an update of a user's list is missing, so the list has to be fetched again.
pub fn spoil(tx: &mut dyn Tx, owner: UserSn) -> Result<()> {
    tx.execute(SPOIL, &[owner.into()])?;
    Ok(())
}

/// Removes a user's list with all its devices.
pub fn forget(tx: &mut dyn Tx, owner: UserSn) -> Result<()> {
    tx.execute(CLEAR_DEVICES, &[owner.into()])?;
    tx.execute(DELETE_LIST, &[owner.into()])?;
    Ok(())
}

/// Users with a known list who share no room with a local user any more, at most `limit`.
pub fn unshared(tx: &mut dyn Tx, limit: u64) -> Result<Vec<UserSn>> {
    tx.all(UNSHARED, &[limit.into()], |row| Ok(UserSn(row.int(0)?)))
}

/// A user's known devices with their identity keys as JSON.
pub fn devices(tx: &mut dyn Tx, owner: UserSn) -> Result<Vec<(String, String)>> {
    tx.all(DEVICES, &[owner.into()], |row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned())))
}

/// The number of a user's known devices.
pub fn count(tx: &mut dyn Tx, owner: UserSn) -> Result<u64> {
    Ok(tx.int(COUNT_DEVICES, &[owner.into()])?.unwrap_or(0).unsigned_abs())
}

/// Sets the identity keys of a device.
pub fn set_device(tx: &mut dyn Tx, owner: UserSn, device: &str, json: &str) -> Result<()> {
    tx.execute(SET_DEVICE, &[owner.into(), device.into(), json.into()])?;
    Ok(())
}

/// Removes a device.
pub fn delete_device(tx: &mut dyn Tx, owner: UserSn, device: &str) -> Result<()> {
    tx.execute(DELETE_DEVICE, &[owner.into(), device.into()])?;
    Ok(())
}

/// The rooms with local members, and since when a local user has been in each without interruption.
pub fn own_rooms(tx: &mut dyn Tx) -> Result<HashMap<RoomSn, Position>> {
    let rows = tx.all(OWN_ROOMS, &[], |row| Ok((RoomSn(row.int(0)?), Position::from_i64(row.int(1)?))))?;
    Ok(rows.into_iter().collect())
}

/// The rooms that a user is joined to, and since when.
pub fn rooms_of(tx: &mut dyn Tx, user: UserSn) -> Result<Vec<(RoomSn, Position)>> {
    tx.all(ROOMS_OF, &[user.into()], |row| Ok((RoomSn(row.int(0)?), Position::from_i64(row.int(1)?))))
}

/// The last `stream_id` of a local user's device list; `None` if it never changed.
pub fn stream(tx: &mut dyn Tx, owner: UserSn) -> Result<Option<i64>> {
    tx.int(STREAM, &[owner.into()])
}

/// Stores the last `stream_id` of a local user's device list.
pub fn set_stream(tx: &mut dyn Tx, owner: UserSn, stream: i64) -> Result<()> {
    tx.execute(SET_STREAM, &[owner.into(), stream.into()])?;
    Ok(())
}

/// Records the id of a received `m.direct_to_device` EDU. Returns false for a duplicate.
pub fn receive(tx: &mut dyn Tx, sender: &str, message: &str, now_ms: Millis) -> Result<bool> {
    let hash = crate::hash64(&[sender.as_bytes(), message.as_bytes()]);
    Ok(tx.execute(RECEIVE, &[hash.into(), now_ms.into()])? > 0)
}

/// The first `limit` hashes above `after` of ids recorded before `before_ms`, ascending. Reads the whole table.
pub fn old_received(tx: &mut dyn Tx, after: i64, before_ms: Millis, limit: usize) -> Result<Vec<i64>> {
    tx.all(OLD_RECEIVED, &[after.into(), before_ms.into(), (limit as u64).into()], |row| row.int(0))
}

/// Removes ids.
pub fn forget_received(tx: &mut dyn Tx, hashes: &[i64]) -> Result<()> {
    hashes.iter().try_for_each(|hash| tx.execute(FORGET_RECEIVED, &[(*hash).into()]).map(drop))
}
