//! When users' devices and keys last changed, and who came to or left a room in a window: what `device_lists` is made of.

use hearth_base::{Position, Result};

use crate::engine::Tx;
use crate::ids::{EventSn, KeySn, RoomSn, UserSn};

const SET: &str = "INSERT INTO device_list_changes (owner, position) VALUES (?1, ?2) \
     ON CONFLICT (owner) DO UPDATE SET position = excluded.position";
const BETWEEN: &str = "SELECT owner FROM device_list_changes WHERE position > ?1 AND position <= ?2";
const MEMBERS: &str = "SELECT k.sn, k.key, c.event FROM state_changes c JOIN state_keys k ON k.sn = c.key \
     WHERE c.room = ?1 AND c.position > ?2 AND c.position <= ?3 AND k.type = 'm.room.member' ORDER BY c.position";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[SET, BETWEEN, MEMBERS];

/// One change of one member in a room's current state.
#[derive(Debug, Clone)]
pub struct MemberChange {
    /// The part of the state that changed.
    pub key: KeySn,
    /// The member: a state key, so not necessarily a user id.
    pub member: String,
    /// The member event; none when the state lost it.
    pub event: Option<EventSn>,
}

/// Notes that a user's devices or keys changed. Only the newest change is kept: who reads the list anew has all of them.
pub fn set(tx: &mut dyn Tx, owner: UserSn, at: Position) -> Result<()> {
    tx.execute(SET, &[owner.into(), at.into()])?;
    Ok(())
}

/// The users whose newest change lies in `(after, upto]`.
pub fn changed_between(tx: &mut dyn Tx, after: Position, upto: Position) -> Result<Vec<UserSn>> {
    tx.all(BETWEEN, &[after.into(), upto.into()], |row| Ok(UserSn(row.int(0)?)))
}

/// How the members of a room changed in `(after, upto]`, oldest first.
pub fn member_changes(tx: &mut dyn Tx, room: RoomSn, after: Position, upto: Position) -> Result<Vec<MemberChange>> {
    tx.all(MEMBERS, &[room.into(), after.into(), upto.into()], |row| {
        Ok(MemberChange {
            key: KeySn(row.int(0)?),
            member: row.text(1)?.to_owned(),
            event: row.opt_int(2)?.map(EventSn),
        })
    })
}
