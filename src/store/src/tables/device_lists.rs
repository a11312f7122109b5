//! Changes of devices and keys, signatures between users, and changes of membership: the data for `device_lists` of a
//! sync. All are indexed by position, so a sync without changes costs three index lookups.

use hearth_base::{Position, Result};

use crate::engine::{Tx, Value};
use crate::ids::{RoomSn, UserSn};
use crate::tables::memberships::{Membership, MembershipRow};

const SET: &str = "INSERT INTO device_list_changes (owner, position) VALUES (?1, ?2) \
     ON CONFLICT (owner) DO UPDATE SET position = excluded.position";
const NEWEST: &str = "SELECT position FROM device_list_changes WHERE owner = ?1";
const BETWEEN: &str = "SELECT owner FROM device_list_changes WHERE position > ?1 AND position <= ?2";
const SET_SIGNED: &str = "INSERT INTO signature_changes (signer, target, position) VALUES (?1, ?2, ?3) \
     ON CONFLICT (signer, target) DO UPDATE SET position = excluded.position";
const SIGNED_BETWEEN: &str =
    "SELECT target FROM signature_changes WHERE signer = ?1 AND position > ?2 AND position <= ?3";
const NOTE_MOVE: &str = "INSERT INTO membership_moves (position, room, member, was, now) VALUES (?1, ?2, ?3, ?4, ?5) \
     ON CONFLICT (position, room, member) DO UPDATE SET now = excluded.now";
const MOVES: &str = "SELECT m.room, m.member, m.was, m.now FROM membership_moves m \
     WHERE m.position > ?1 AND m.position <= ?2 AND EXISTS (SELECT 1 FROM memberships s \
     WHERE s.room = m.room AND s.user = ?3 AND (s.membership = 1 OR s.since > ?1)) ORDER BY m.position";
const JOINS: &str = "SELECT room, member FROM membership_moves WHERE position > ?1 AND position <= ?2 AND now = 1 \
     ORDER BY position";
const COUNT_MOVES: &str = "SELECT count(*) FROM membership_moves";
const NTH_MOVE: &str = "SELECT position FROM membership_moves ORDER BY position LIMIT 1 OFFSET ?1";
const PRUNE_MOVES: &str = "DELETE FROM membership_moves WHERE position <= ?1";
const MOVES_FLOOR: &str = "SELECT value FROM meta WHERE key = 'membership_moves_floor'";
const SET_MOVES_FLOOR: &str = "INSERT INTO meta (key, value) VALUES ('membership_moves_floor', ?1) \
     ON CONFLICT (key) DO UPDATE SET value = excluded.value";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[
    SET,
    NEWEST,
    BETWEEN,
    SET_SIGNED,
    SIGNED_BETWEEN,
    NOTE_MOVE,
    MOVES,
    JOINS,
    COUNT_MOVES,
    NTH_MOVE,
    PRUNE_MOVES,
    MOVES_FLOOR,
    SET_MOVES_FLOOR,
];

/// A change of membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// The room.
    pub room: RoomSn,
    /// The user.
    pub member: UserSn,
    /// The membership before.
    pub before: Membership,
    /// The membership after.
    pub now: Membership,
}

/// Records that a user's devices or keys changed. Only the newest change is stored, because clients fetch the whole
/// list.
pub fn set(tx: &mut dyn Tx, owner: UserSn, at: Position) -> Result<()> {
    tx.execute(SET, &[owner.into(), at.into()])?;
    Ok(())
}

/// When a user's devices or keys last changed; `None` if they never did.
pub fn newest(tx: &mut dyn Tx, owner: UserSn) -> Result<Option<Position>> {
    Ok(tx.int(NEWEST, &[owner.into()])?.map(Position::from_i64))
}

/// The users whose newest change is in `(after, upto]`.
pub fn changed_between(tx: &mut dyn Tx, after: Position, upto: Position) -> Result<Vec<UserSn>> {
    tx.all(BETWEEN, &[after.into(), upto.into()], |row| Ok(UserSn(row.int(0)?)))
}

/// Records that a user signed another user's key.
pub fn set_signed(tx: &mut dyn Tx, signer: UserSn, target: UserSn, at: Position) -> Result<()> {
    tx.execute(SET_SIGNED, &[signer.into(), target.into(), at.into()])?;
    Ok(())
}

/// The users whose keys `signer` last signed in `(after, upto]`.
pub fn signed_between(tx: &mut dyn Tx, signer: UserSn, after: Position, upto: Position) -> Result<Vec<UserSn>> {
    tx.all(SIGNED_BETWEEN, &[signer.into(), after.into(), upto.into()], |row| Ok(UserSn(row.int(0)?)))
}

/// Records that a membership was `before` and is now as in `row`; does nothing if it is the same.
pub(super) fn note_move(tx: &mut dyn Tx, row: &MembershipRow, before: Membership) -> Result<()> {
    if before == row.membership {
        return Ok(());
    }
    let (before, now) = (Value::Int(before as i64), Value::Int(row.membership as i64));
    tx.execute(NOTE_MOVE, &[row.position.into(), row.room.into(), row.user.into(), before, now])?;
    Ok(())
}

/// Membership changes in `(after, upto]` in rooms that `user` is in or was in since `after`, oldest first. Changes up
/// to [`moves_floor`] have been deleted.
pub fn moves_between(tx: &mut dyn Tx, user: UserSn, after: Position, upto: Position) -> Result<Vec<Move>> {
    tx.all(MOVES, &[after.into(), upto.into(), user.into()], |row| {
        Ok(Move {
            room: RoomSn(row.int(0)?),
            member: UserSn(row.int(1)?),
            before: Membership::from_int(row.int(2)?),
            now: Membership::from_int(row.int(3)?),
        })
    })
}

/// Who joined which room in `(after, upto]`, oldest first.
pub fn joins_between(tx: &mut dyn Tx, after: Position, upto: Position) -> Result<Vec<(RoomSn, UserSn)>> {
    tx.all(JOINS, &[after.into(), upto.into()], |row| Ok((RoomSn(row.int(0)?), UserSn(row.int(1)?))))
}

/// The position up to which membership changes have been deleted.
pub fn moves_floor(tx: &mut dyn Tx) -> Result<Position> {
    Ok(tx.int(MOVES_FLOOR, &[])?.map_or(Position::ZERO, Position::from_i64))
}

/// How many membership changes are stored.
pub fn count_moves(tx: &mut dyn Tx) -> Result<u64> {
    Ok(tx.int(COUNT_MOVES, &[])?.unwrap_or(0).unsigned_abs())
}

/// Deletes the `count` oldest membership changes, with others of the same position, and stores up to where.
pub fn prune_moves(tx: &mut dyn Tx, count: u64) -> Result<()> {
    let Some(last) = count.checked_sub(1) else { return Ok(()) };
    if let Some(floor) = tx.int(NTH_MOVE, &[last.into()])? {
        tx.execute(PRUNE_MOVES, &[floor.into()])?;
        tx.execute(SET_MOVES_FLOOR, &[floor.into()])?;
    }
    Ok(())
}
