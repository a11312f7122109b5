//! Cached unread counts, for rooms where counting takes long, so that a restart need not repeat it.

use hearth_base::Result;

use crate::engine::{Tx, Value};
use crate::ids::{RoomSn, UserSn};

const GET: &str = "SELECT tally FROM unread_counts WHERE user = ?1 AND room = ?2";
const SET: &str = "INSERT INTO unread_counts (user, room, tally) VALUES (?1, ?2, ?3) \
     ON CONFLICT (user, room) DO UPDATE SET tally = excluded.tally";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[GET, SET];

/// The cached counts of a user in a room, in the domain's encoding.
pub fn get(tx: &mut dyn Tx, user: UserSn, room: RoomSn) -> Result<Option<Vec<u8>>> {
    tx.one(GET, &[user.into(), room.into()], |row| Ok(row.blob(0)?.to_vec()))
}

/// Stores the counts of a user in a room.
pub fn set(tx: &mut dyn Tx, user: UserSn, room: RoomSn, tally: &[u8]) -> Result<()> {
    tx.execute(SET, &[user.into(), room.into(), Value::Blob(tally)])?;
    Ok(())
}
