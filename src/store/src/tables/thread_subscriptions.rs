//! Subscriptions of users to threads (MSC4306).

use hearth_base::{Position, Result};

use crate::engine::{Row, Tx, Value};
use crate::ids::{EventSn, RoomSn, UserSn};

const GET: &str = "SELECT room, root, kind, position FROM thread_subscriptions \
     WHERE user = ?1 AND room = ?2 AND root = ?3";
const SET: &str = "INSERT INTO thread_subscriptions (user, room, root, kind, position) VALUES (?1, ?2, ?3, ?4, ?5) \
     ON CONFLICT (user, room, root) DO UPDATE SET kind = excluded.kind, position = excluded.position";
const COUNT: &str = "SELECT count(*) FROM thread_subscriptions WHERE user = ?1";
const NEWEST: &str = "SELECT position FROM thread_subscriptions WHERE user = ?1 ORDER BY position DESC LIMIT 1";
const NEWEST_IN: &str = "SELECT max(position) FROM thread_subscriptions WHERE user = ?1 AND room = ?2";
const NEWEST_FIRST: &str = "SELECT room, root, kind, position FROM thread_subscriptions \
     WHERE user = ?1 AND position > ?2 AND position < ?3 ORDER BY position DESC LIMIT ?4";
const CHANGED_IN: &str = "SELECT 1 FROM thread_subscriptions WHERE user = ?1 AND room = ?2 AND position > ?3 LIMIT 1";
const FORGET: &str = "DELETE FROM thread_subscriptions WHERE user = ?1 AND room = ?2";
const ERASE: &str = "DELETE FROM thread_subscriptions WHERE user = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[GET, SET, COUNT, NEWEST, NEWEST_IN, NEWEST_FIRST, CHANGED_IN, FORGET, ERASE];

/// Whether, and how, a user is subscribed to a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscription {
    /// The user was subscribed and no longer is.
    Unsubscribed,
    /// Subscribed by the user.
    Manual,
    /// Subscribed by a client by itself, such as for a mention.
    Automatic,
}

impl Subscription {
    fn as_int(self) -> i64 {
        match self {
            Self::Unsubscribed => 0,
            Self::Manual => 1,
            Self::Automatic => 2,
        }
    }

    fn from_int(kind: i64) -> Self {
        match kind {
            1 => Self::Manual,
            2 => Self::Automatic,
            _ => Self::Unsubscribed,
        }
    }
}

/// A user's subscription to a thread.
#[derive(Debug, Clone, Copy)]
pub struct SubscriptionRow {
    /// The room.
    pub room: RoomSn,
    /// The thread's root.
    pub root: EventSn,
    /// What it is.
    pub kind: Subscription,
    /// When it changed last. No two of a user have the same.
    pub position: Position,
}

fn read(row: &dyn Row) -> Result<SubscriptionRow> {
    Ok(SubscriptionRow {
        room: RoomSn(row.int(0)?),
        root: EventSn(row.int(1)?),
        kind: Subscription::from_int(row.int(2)?),
        position: Position::from_i64(row.int(3)?),
    })
}

/// The subscription of a user to a thread; none if there never was one.
pub fn get(tx: &mut dyn Tx, user: UserSn, room: RoomSn, root: EventSn) -> Result<Option<SubscriptionRow>> {
    tx.one(GET, &[user.into(), room.into(), root.into()], read)
}

/// Stores a subscription.
pub fn set(tx: &mut dyn Tx, user: UserSn, row: &SubscriptionRow) -> Result<()> {
    let kind = Value::Int(row.kind.as_int());
    tx.execute(SET, &[user.into(), row.room.into(), row.root.into(), kind, row.position.into()])?;
    Ok(())
}

/// How many threads are stored for a user, including those that they have unsubscribed from.
pub fn count(tx: &mut dyn Tx, user: UserSn) -> Result<u64> {
    Ok(tx.int(COUNT, &[user.into()])?.map_or(0, i64::unsigned_abs))
}

/// Whether a user has ever subscribed to a thread of a room that they have not forgotten.
pub fn any(tx: &mut dyn Tx, user: UserSn) -> Result<bool> {
    tx.exists(NEWEST, &[user.into()])
}

/// When a subscription of a user in a room changed last.
pub fn newest_in(tx: &mut dyn Tx, user: UserSn, room: RoomSn) -> Result<Option<Position>> {
    Ok(tx.int(NEWEST_IN, &[user.into(), room.into()])?.map(Position::from_i64))
}

/// A user's subscriptions that changed last between two positions, without these: newest first, at most `limit`.
pub fn newest_first(
    tx: &mut dyn Tx,
    user: UserSn,
    (after, before): (Position, Position),
    limit: u64,
) -> Result<Vec<SubscriptionRow>> {
    tx.all(NEWEST_FIRST, &[user.into(), after.into(), before.into(), limit.into()], read)
}

/// Whether a subscription of a user in a room has changed after a position.
pub fn changed_in(tx: &mut dyn Tx, user: UserSn, room: RoomSn, after: Position) -> Result<bool> {
    tx.exists(CHANGED_IN, &[user.into(), room.into(), after.into()])
}

/// Deletes a user's subscriptions in a room.
pub fn forget(tx: &mut dyn Tx, user: UserSn, room: RoomSn) -> Result<()> {
    tx.execute(FORGET, &[user.into(), room.into()])?;
    Ok(())
}

/// Deletes all subscriptions of a user.
pub fn erase(tx: &mut dyn Tx, user: UserSn) -> Result<()> {
    tx.execute(ERASE, &[user.into()])?;
    Ok(())
}
