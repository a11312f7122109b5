//! Rooms that application services publish for a network (client-server API, `third_party_instance_id`).

use hearth_base::Result;

use crate::engine::Tx;
use crate::ids::RoomSn;

const INSERT: &str = "INSERT INTO network_rooms (appservice, network, room) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
const DELETE: &str = "DELETE FROM network_rooms WHERE appservice = ?1 AND network = ?2 AND room = ?3";
const COUNT: &str = "SELECT count(*) FROM network_rooms WHERE appservice = ?1";
const OF_NETWORK: &str = "SELECT room FROM network_rooms WHERE appservice = ?1 AND network = ?2 ORDER BY room";
const ALL: &str = "SELECT DISTINCT room FROM network_rooms ORDER BY room";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[INSERT, DELETE, COUNT, OF_NETWORK, ALL];

/// Adds a room to a network; does nothing if it is listed.
pub fn insert(tx: &mut dyn Tx, appservice: &str, network: &str, room: RoomSn) -> Result<()> {
    tx.execute(INSERT, &[appservice.into(), network.into(), room.into()])?;
    Ok(())
}

/// Removes a room from a network; does nothing if it is not listed.
pub fn delete(tx: &mut dyn Tx, appservice: &str, network: &str, room: RoomSn) -> Result<()> {
    tx.execute(DELETE, &[appservice.into(), network.into(), room.into()])?;
    Ok(())
}

/// Number of rooms that an application service lists in all its networks.
pub fn count(tx: &mut dyn Tx, appservice: &str) -> Result<u64> {
    Ok(tx.int(COUNT, &[appservice.into()])?.unwrap_or(0).unsigned_abs())
}

/// The rooms of a network.
pub fn of_network(tx: &mut dyn Tx, appservice: &str, network: &str) -> Result<Vec<RoomSn>> {
    tx.all(OF_NETWORK, &[appservice.into(), network.into()], |row| Ok(RoomSn(row.int(0)?)))
}

/// The rooms of all networks, without duplicates.
pub fn all(tx: &mut dyn Tx) -> Result<Vec<RoomSn>> {
    tx.all(ALL, &[], |row| Ok(RoomSn(row.int(0)?)))
}
