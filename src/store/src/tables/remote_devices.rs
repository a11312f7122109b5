//! The devices of other servers' users, as far as they are known; and the two streams that devices make between servers:
//! the numbers of local users' lists, and the messages that came for devices.

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
const ANY_RECEIVED: &str = "SELECT 1 FROM received_messages WHERE at_ms < ?1 LIMIT 1";
const PRUNE_RECEIVED: &str = "DELETE FROM received_messages WHERE at_ms < ?1";

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
    ANY_RECEIVED,
    PRUNE_RECEIVED,
];

/// How far the device list of a user of another server is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListRow {
    /// The last number in their server's stream that is in here; none when the list came without one.
    pub stream: Option<i64>,
    /// As of when this was all of it; zero when something is known to be missing.
    pub synced: Position,
}

/// How far a user's list is known; none when it is not known at all.
pub fn list(tx: &mut dyn Tx, owner: UserSn) -> Result<Option<ListRow>> {
    tx.one(LIST, &[owner.into()], |row| {
        Ok(ListRow { stream: row.opt_int(0)?, synced: Position::from_i64(row.int(1)?) })
    })
}

/// Notes how far a user's list is known.
pub fn set_list(tx: &mut dyn Tx, owner: UserSn, list: ListRow) -> Result<()> {
    let stream = list.stream.map_or(Value::Null, Value::Int);
    tx.execute(SET_LIST, &[owner.into(), stream, list.synced.into()])?;
    Ok(())
}

/// Notes that something is missing from a user's list.
pub fn spoil(tx: &mut dyn Tx, owner: UserSn) -> Result<()> {
    tx.execute(SPOIL, &[owner.into()])?;
    Ok(())
}

/// Forgets a user's list with all devices.
pub fn forget(tx: &mut dyn Tx, owner: UserSn) -> Result<()> {
    tx.execute(CLEAR_DEVICES, &[owner.into()])?;
    tx.execute(DELETE_LIST, &[owner.into()])?;
    Ok(())
}

/// Users whose lists are known and who are in no room any more, at most `limit`.
pub fn unshared(tx: &mut dyn Tx, limit: u64) -> Result<Vec<UserSn>> {
    tx.all(UNSHARED, &[limit.into()], |row| Ok(UserSn(row.int(0)?)))
}

/// The known devices of a user with their identity keys as JSON.
pub fn devices(tx: &mut dyn Tx, owner: UserSn) -> Result<Vec<(String, String)>> {
    tx.all(DEVICES, &[owner.into()], |row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned())))
}

/// How many devices of a user are known.
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

/// The rooms with members of this server, and since when there has been one who is there still.
pub fn own_rooms(tx: &mut dyn Tx) -> Result<HashMap<RoomSn, Position>> {
    let rows = tx.all(OWN_ROOMS, &[], |row| Ok((RoomSn(row.int(0)?), Position::from_i64(row.int(1)?))))?;
    Ok(rows.into_iter().collect())
}

/// The rooms that a user is joined to, and since when.
pub fn rooms_of(tx: &mut dyn Tx, user: UserSn) -> Result<Vec<(RoomSn, Position)>> {
    tx.all(ROOMS_OF, &[user.into()], |row| Ok((RoomSn(row.int(0)?), Position::from_i64(row.int(1)?))))
}

/// The last number in the stream of a local user's device list; none when it never changed.
pub fn stream(tx: &mut dyn Tx, owner: UserSn) -> Result<Option<i64>> {
    tx.int(STREAM, &[owner.into()])
}

/// Sets the last number in the stream of a local user's device list.
pub fn set_stream(tx: &mut dyn Tx, owner: UserSn, stream: i64) -> Result<()> {
    tx.execute(SET_STREAM, &[owner.into(), stream.into()])?;
    Ok(())
}

/// Notes a message to devices from another server; says whether it is the first time.
pub fn receive(tx: &mut dyn Tx, sender: &str, message: &str, now_ms: Millis) -> Result<bool> {
    let hash = crate::hash64(&[sender.as_bytes(), message.as_bytes()]);
    Ok(tx.execute(RECEIVE, &[hash.into(), now_ms.into()])? > 0)
}

/// Whether any message came before `before_ms`.
pub fn any_received(tx: &mut dyn Tx, before_ms: Millis) -> Result<bool> {
    Ok(tx.int(ANY_RECEIVED, &[before_ms.into()])?.is_some())
}

/// Forgets which messages came before `before_ms`.
pub fn prune_received(tx: &mut dyn Tx, before_ms: Millis) -> Result<()> {
    tx.execute(PRUNE_RECEIVED, &[before_ms.into()])?;
    Ok(())
}
