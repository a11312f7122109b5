//! Memberships as of the current state. Separate from the state, because every request needs them.

use hearth_base::{Position, Result};

use crate::engine::{Row, Tx, Value};
use crate::ids::{EventSn, RoomSn, UserSn};
use crate::tables::device_lists;

macro_rules! columns {
    ($rest:literal) => {
        concat!("SELECT room, user, membership, local, event, position, since, forgotten ", $rest)
    };
}

const ONE: &str = columns!("FROM memberships WHERE room = ?1 AND user = ?2");
const OF_USER: &str = columns!("FROM memberships WHERE user = ?1 AND forgotten = 0");
const OF_USER_SINCE: &str = columns!("FROM memberships WHERE user = ?1 AND (forgotten = 0 OR position > ?2)");
const OF_ROOM: &str = columns!("FROM memberships WHERE room = ?1");
const LOCAL_JOINED: &str = "SELECT user FROM memberships WHERE room = ?1 AND membership = 1 AND local = 1";
const REMOTE_JOINED: &str = "SELECT u.id FROM memberships m JOIN users u ON u.sn = m.user \
     WHERE m.room = ?1 AND m.membership = 1 AND m.local = 0";
const JOINED_ROOMS: &str = "SELECT room FROM memberships WHERE user = ?1 AND membership = 1";
const STRIPPED: &str = "SELECT stripped FROM memberships WHERE room = ?1 AND user = ?2";
const OPEN_INVITES: &str = "SELECT u.id, OCTET_LENGTH(m.stripped) FROM memberships m \
     JOIN events e ON e.sn = m.event JOIN users u ON u.sn = e.sender \
     WHERE m.user = ?1 AND m.membership = 2 AND m.room <> ?2 AND m.stripped IS NOT NULL";
const OPEN_INVITES_USAGE: &str = "SELECT count(*), CAST(COALESCE(SUM(OCTET_LENGTH(stripped)), 0) AS INTEGER) \
     FROM memberships WHERE user = ?1 AND membership = 2 AND stripped IS NOT NULL";
const NAMES: &str =
    "SELECT m.user, u.id, m.membership FROM memberships m JOIN users u ON u.sn = m.user WHERE m.room = ?1";
const EVENTS: &str =
    "SELECT m.event, u.id, m.membership FROM memberships m JOIN users u ON u.sn = m.user WHERE m.room = ?1";
const COUNTS: &str = "SELECT membership, count(*) FROM memberships WHERE room = ?1 GROUP BY membership";
const FIRST_THERE: &str = "SELECT user FROM memberships WHERE room = ?1 AND user <> ?2 AND membership IN (1, 2) \
     ORDER BY event LIMIT ?3";
const FIRST_GONE: &str = "SELECT user FROM memberships WHERE room = ?1 AND user <> ?2 AND membership NOT IN (1, 2) \
     ORDER BY event LIMIT ?3";
const SET: &str = "INSERT INTO memberships (room, user, membership, local, event, position, since, forgotten, \
     stripped) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, 0, ?7) \
     ON CONFLICT (room, user) DO UPDATE SET membership = excluded.membership, \
     since = CASE WHEN memberships.membership = excluded.membership THEN memberships.since ELSE excluded.since END, \
     event = excluded.event, position = excluded.position, forgotten = 0, stripped = excluded.stripped";
const FORGET: &str = "UPDATE memberships SET forgotten = 1 WHERE room = ?1 AND user = ?2";
const SHARE: &str = "SELECT a.room FROM memberships a JOIN memberships b ON b.room = a.room \
     WHERE a.user = ?1 AND b.user = ?2 AND a.membership = 1 AND b.membership = 1 ORDER BY a.room LIMIT ?3";
const NEIGHBOURS: &str = "SELECT DISTINCT b.user FROM memberships a JOIN memberships b ON b.room = a.room \
     WHERE a.user = ?1 AND a.membership = 1 AND b.membership = 1";
const JOINED_EVENTS: &str = "SELECT m.user, u.id, m.local, e.json FROM memberships m \
     JOIN users u ON u.sn = m.user JOIN events e ON e.sn = m.event WHERE m.room = ?1 AND m.membership = 1";
const LOCAL_NEIGHBOURS: &str = "SELECT DISTINCT b.user FROM memberships a JOIN memberships b ON b.room = a.room \
     WHERE a.user = ?1 AND a.membership = 1 AND b.membership = 1 AND b.local = 1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[
    ONE,
    OF_USER,
    OF_USER_SINCE,
    OF_ROOM,
    LOCAL_JOINED,
    REMOTE_JOINED,
    JOINED_ROOMS,
    STRIPPED,
    OPEN_INVITES,
    OPEN_INVITES_USAGE,
    NAMES,
    EVENTS,
    COUNTS,
    FIRST_THERE,
    FIRST_GONE,
    SET,
    FORGET,
    SHARE,
    NEIGHBOURS,
    JOINED_EVENTS,
    LOCAL_NEIGHBOURS,
];

/// A membership (`m.room.member`). The discriminants are stored in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Membership {
    /// Left, kicked, rejected, or never joined.
    Leave = 0,
    /// Joined.
    Join = 1,
    /// Invited.
    Invite = 2,
    /// Knocked.
    Knock = 3,
    /// Banned.
    Ban = 4,
}

impl Membership {
    pub(super) fn from_int(value: i64) -> Self {
        match value {
            1 => Self::Join,
            2 => Self::Invite,
            3 => Self::Knock,
            4 => Self::Ban,
            _ => Self::Leave,
        }
    }

    /// Parses `membership` of an event's content.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "leave" => Self::Leave,
            "join" => Self::Join,
            "invite" => Self::Invite,
            "knock" => Self::Knock,
            "ban" => Self::Ban,
            _ => return None,
        })
    }

    /// The value of `membership` in an event's content.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Leave => "leave",
            Self::Join => "join",
            Self::Invite => "invite",
            Self::Knock => "knock",
            Self::Ban => "ban",
        }
    }
}

/// The membership of a user in a room.
#[derive(Debug, Clone, Copy)]
pub struct MembershipRow {
    /// The room.
    pub room: RoomSn,
    /// The user.
    pub user: UserSn,
    /// The membership.
    pub membership: Membership,
    /// Whether the user is local.
    pub local: bool,
    /// The member event.
    pub event: EventSn,
    /// When the member event last changed, for example its display name.
    pub position: Position,
    /// When `membership` last changed. [`set`] maintains it.
    pub since: Position,
    /// Whether the user has forgotten the room.
    pub forgotten: bool,
}

fn read(row: &dyn Row) -> Result<MembershipRow> {
    Ok(MembershipRow {
        room: RoomSn(row.int(0)?),
        user: UserSn(row.int(1)?),
        membership: Membership::from_int(row.int(2)?),
        local: row.int(3)? != 0,
        event: EventSn(row.int(4)?),
        position: Position::from_i64(row.int(5)?),
        since: Position::from_i64(row.int(6)?),
        forgotten: row.int(7)? != 0,
    })
}

/// The membership of a user in a room; `None` without a member event.
pub fn get(tx: &mut dyn Tx, room: RoomSn, user: UserSn) -> Result<Option<MembershipRow>> {
    tx.one(ONE, &[room.into(), user.into()], read)
}

/// All rooms in which a user has a membership and that they have not forgotten.
pub fn of_user(tx: &mut dyn Tx, user: UserSn) -> Result<Vec<MembershipRow>> {
    tx.all(OF_USER, &[user.into()], read)
}

/// As [`of_user`], and also the rooms that the user left since `after` and forgot: some of their clients have not
/// synced the leave yet.
pub fn of_user_since(tx: &mut dyn Tx, user: UserSn, after: Position) -> Result<Vec<MembershipRow>> {
    tx.all(OF_USER_SINCE, &[user.into(), after.into()], read)
}

/// All memberships of a room.
pub fn of_room(tx: &mut dyn Tx, room: RoomSn) -> Result<Vec<MembershipRow>> {
    tx.all(OF_ROOM, &[room.into()], read)
}

/// The joined local users.
pub fn local_joined(tx: &mut dyn Tx, room: RoomSn) -> Result<Vec<UserSn>> {
    tx.all(LOCAL_JOINED, &[room.into()], |row| Ok(UserSn(row.int(0)?)))
}

/// Visits the user ids of joined remote users one by one, because there may be many.
pub fn remote_joined(tx: &mut dyn Tx, room: RoomSn, each: &mut dyn FnMut(&str)) -> Result<()> {
    tx.query(REMOTE_JOINED, &[room.into()], &mut |row| {
        each(row.text(0)?);
        Ok(true)
    })
}

/// The rooms a user is joined to.
pub fn joined_rooms(tx: &mut dyn Tx, user: UserSn) -> Result<Vec<RoomSn>> {
    tx.all(JOINED_ROOMS, &[user.into()], |row| Ok(RoomSn(row.int(0)?)))
}

/// The stripped state of an invite or a knock: a JSON array.
pub fn stripped(tx: &mut dyn Tx, room: RoomSn, user: UserSn) -> Result<Option<Vec<u8>>> {
    Ok(tx.one(STRIPPED, &[room.into(), user.into()], |row| Ok(row.opt_blob(0)?.map(<[u8]>::to_vec)))?.flatten())
}

/// Visits the open invites of a user into rooms that this server is not in, but for one room: who sent each, and the
/// bytes of its stripped state. Does not read the stripped state itself.
pub fn open_invites(tx: &mut dyn Tx, user: UserSn, except: RoomSn, each: &mut dyn FnMut(&str, u64)) -> Result<()> {
    tx.query(OPEN_INVITES, &[user.into(), except.into()], &mut |row| {
        each(row.text(0)?, row.int(1)?.unsigned_abs());
        Ok(true)
    })
}

/// Number of those invites into all rooms, and the bytes of their stripped state.
pub fn open_invites_usage(tx: &mut dyn Tx, user: UserSn) -> Result<(u64, u64)> {
    let usage = tx.one(OPEN_INVITES_USAGE, &[user.into()], |row| Ok((row.int(0)?, row.int(1)?)))?;
    Ok(usage.map_or((0, 0), |(count, bytes)| (count.unsigned_abs(), bytes.unsigned_abs())))
}

/// Visits all memberships of a room by serial number, user id and membership, until `each` returns false.
pub fn names(
    tx: &mut dyn Tx,
    room: RoomSn,
    each: &mut dyn FnMut(UserSn, &str, Membership) -> Result<bool>,
) -> Result<()> {
    tx.query(NAMES, &[room.into()], &mut |row| {
        each(UserSn(row.int(0)?), row.text(1)?, Membership::from_int(row.int(2)?))
    })
}

/// Visits all memberships of a room by member event, user id and membership.
pub fn by_event(tx: &mut dyn Tx, room: RoomSn, each: &mut dyn FnMut(EventSn, &str, Membership)) -> Result<()> {
    tx.query(EVENTS, &[room.into()], &mut |row| {
        each(EventSn(row.int(0)?), row.text(1)?, Membership::from_int(row.int(2)?));
        Ok(true)
    })
}

/// A joined member with their member event.
#[derive(Debug)]
pub struct JoinedMember<'a> {
    /// Serial number.
    pub user: UserSn,
    /// User id.
    pub id: &'a str,
    /// Whether the user is local.
    pub local: bool,
    /// The member event as JSON.
    pub json: Vec<u8>,
}

/// Visits the joined members of a room with their member events, until `each` returns false.
pub fn joined_with_events(
    tx: &mut dyn Tx,
    room: RoomSn,
    each: &mut dyn FnMut(JoinedMember<'_>) -> Result<bool>,
) -> Result<()> {
    tx.query(JOINED_EVENTS, &[room.into()], &mut |row| {
        each(JoinedMember {
            user: UserSn(row.int(0)?),
            id: row.text(1)?,
            local: row.int(2)? != 0,
            json: row.blob(3)?.to_vec(),
        })
    })
}

/// Number of members of a room by membership; a room summary shows those joined and invited.
pub fn counts(tx: &mut dyn Tx, room: RoomSn) -> Result<Vec<(Membership, u64)>> {
    tx.all(COUNTS, &[room.into()], |row| Ok((Membership::from_int(row.int(0)?), row.int(1)?.unsigned_abs())))
}

/// The heroes of a room: other users in the order of their member events, at most `limit`. Joined or invited ones; if
/// there are none, those who left.
pub fn first_others(tx: &mut dyn Tx, room: RoomSn, user: UserSn, limit: u64) -> Result<Vec<UserSn>> {
    let args = [room.into(), user.into(), limit.into()];
    let there = tx.all(FIRST_THERE, &args, |row| Ok(UserSn(row.int(0)?)))?;
    if there.is_empty() { tx.all(FIRST_GONE, &args, |row| Ok(UserSn(row.int(0)?))) } else { Ok(there) }
}

/// Sets a membership and records the change. Clears the mark that the user forgot the room.
pub fn set(tx: &mut dyn Tx, row: &MembershipRow, stripped: Option<&[u8]>) -> Result<()> {
    let before = get(tx, row.room, row.user)?.map_or(Membership::Leave, |row| row.membership);
    device_lists::note_move(tx, row, before)?;
    write(tx, row, stripped)
}

/// [`set`] for the remote members of a room that becomes known. Records no change: they joined earlier, and there may
/// be thousands.
pub fn adopt(tx: &mut dyn Tx, row: &MembershipRow) -> Result<()> {
    write(tx, row, None)
}

fn write(tx: &mut dyn Tx, row: &MembershipRow, stripped: Option<&[u8]>) -> Result<()> {
    tx.execute(
        SET,
        &[
            row.room.into(),
            row.user.into(),
            Value::Int(row.membership as i64),
            row.local.into(),
            row.event.into(),
            row.position.into(),
            stripped.into(),
        ],
    )?;
    Ok(())
}

/// Marks a room as forgotten by a user.
pub fn forget(tx: &mut dyn Tx, room: RoomSn, user: UserSn) -> Result<()> {
    tx.execute(FORGET, &[room.into(), user.into()])?;
    Ok(())
}

/// Rooms that both users are joined to, at most `limit`.
pub fn shared_rooms(tx: &mut dyn Tx, one: UserSn, other: UserSn, limit: u64) -> Result<Vec<RoomSn>> {
    tx.all(SHARE, &[one.into(), other.into(), limit.into()], |row| Ok(RoomSn(row.int(0)?)))
}

/// All users who share a room with a user, including the user if they are in a room.
pub fn neighbours(tx: &mut dyn Tx, user: UserSn) -> Result<Vec<UserSn>> {
    tx.all(NEIGHBOURS, &[user.into()], |row| Ok(UserSn(row.int(0)?)))
}

/// [`neighbours`], local users only: the users to wake when the user's profile or presence changes.
pub fn local_neighbours(tx: &mut dyn Tx, user: UserSn) -> Result<Vec<UserSn>> {
    tx.all(LOCAL_NEIGHBOURS, &[user.into()], |row| Ok(UserSn(row.int(0)?)))
}
