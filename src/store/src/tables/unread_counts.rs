//! How far unread events are counted: kept where counting takes long, so that it need not be done again after a restart.

use hearth_base::Result;

use crate::engine::{Tx, Value};
use crate::ids::{RoomSn, UserSn};

const GET: &str = "SELECT tally FROM unread_counts WHERE user = ?1 AND room = ?2";
const SET: &str = "INSERT INTO unread_counts (user, room, tally) VALUES (?1, ?2, ?3) \
     ON CONFLICT (user, room) DO UPDATE SET tally = excluded.tally";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[GET, SET];

/// What is kept for a user in a room.
pub fn get(tx: &mut dyn Tx, user: UserSn, room: RoomSn) -> Result<Option<Vec<u8>>> {
    tx.one(GET, &[user.into(), room.into()], |row| Ok(row.blob(0)?.to_vec()))
}

/// Keeps it.
pub fn set(tx: &mut dyn Tx, user: UserSn, room: RoomSn, tally: &[u8]) -> Result<()> {
    tx.execute(SET, &[user.into(), room.into(), Value::Blob(tally)])?;
    Ok(())
}
