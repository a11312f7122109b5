//! Rooms in which users typed lately, so that clients are told after a restart that typing has ended there. Who typed is
//! in memory only.

use hearth_base::{Position, Result};

use crate::engine::Tx;
use crate::ids::RoomSn;

const AT: &str = "SELECT at FROM typing_rooms WHERE room = ?1";
const SET: &str =
    "INSERT INTO typing_rooms (room, at) VALUES (?1, ?2) ON CONFLICT (room) DO UPDATE SET at = excluded.at";
const PRUNE: &str = "DELETE FROM typing_rooms WHERE at < ?1 AND room > 0";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[AT, SET, PRUNE];

/// In place of a room: the start of the last run of the server with typing.
pub const LAST_RUN: RoomSn = RoomSn(0);
/// In place of a room: the start of the run before that.
pub const RUN_BEFORE: RoomSn = RoomSn(-1);

/// When typing first began in a room, in the last run with any.
pub fn at(tx: &mut dyn Tx, room: RoomSn) -> Result<Option<Position>> {
    tx.one(AT, &[room.into()], |row| Ok(Position::from_i64(row.int(0)?)))
}

/// Records that typing began in a room.
pub fn set(tx: &mut dyn Tx, room: RoomSn, at: Position) -> Result<()> {
    tx.execute(SET, &[room.into(), at.as_i64().into()])?;
    Ok(())
}

/// Forgets the rooms without typing since a position.
pub fn prune(tx: &mut dyn Tx, before: Position) -> Result<()> {
    tx.execute(PRUNE, &[before.as_i64().into()])?;
    Ok(())
}
