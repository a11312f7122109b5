//! Local room aliases.

use hearth_base::Result;

use crate::engine::Tx;
use crate::ids::{RoomSn, UserSn};

const FIND: &str = "SELECT room, creator FROM aliases WHERE alias = ?1";
const OF_ROOM: &str = "SELECT alias FROM aliases WHERE room = ?1 ORDER BY alias";
const COUNT_OF: &str = "SELECT COUNT(*) FROM aliases WHERE creator = ?1";
const INSERT: &str = "INSERT INTO aliases (alias, room, creator) VALUES (?1, ?2, ?3)";
const DELETE: &str = "DELETE FROM aliases WHERE alias = ?1";
const MOVE: &str = "UPDATE aliases SET room = ?2 WHERE room = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[FIND, OF_ROOM, COUNT_OF, INSERT, DELETE, MOVE];

/// The room of an alias, and the user who created the alias.
pub fn find(tx: &mut dyn Tx, alias: &str) -> Result<Option<(RoomSn, UserSn)>> {
    tx.one(FIND, &[alias.into()], |row| Ok((RoomSn(row.int(0)?), UserSn(row.int(1)?))))
}

/// The aliases of a room.
pub fn of_room(tx: &mut dyn Tx, room: RoomSn) -> Result<Vec<String>> {
    tx.all(OF_ROOM, &[room.into()], |row| Ok(row.text(0)?.to_owned()))
}

/// How many aliases a user has created.
pub fn count_of(tx: &mut dyn Tx, creator: UserSn) -> Result<u64> {
    Ok(tx.int(COUNT_OF, &[creator.into()])?.unwrap_or(0).unsigned_abs())
}

/// Adds an alias. The caller has checked in the same transaction that it is free.
pub fn insert(tx: &mut dyn Tx, alias: &str, room: RoomSn, creator: UserSn) -> Result<()> {
    tx.execute(INSERT, &[alias.into(), room.into(), creator.into()])?;
    Ok(())
}

/// Removes an alias. Returns whether it existed.
pub fn delete(tx: &mut dyn Tx, alias: &str) -> Result<bool> {
    Ok(tx.execute(DELETE, &[alias.into()])? > 0)
}

/// Moves all aliases of one room to another, for a room upgrade.
pub fn move_all(tx: &mut dyn Tx, from: RoomSn, to: RoomSn) -> Result<()> {
    tx.execute(MOVE, &[from.into(), to.into()])?;
    Ok(())
}
