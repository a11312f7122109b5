//! Account data of users, per account or per room (client-server API, "Client Config").

use hearth_base::{Position, Result};

use crate::engine::{Row, Tx, Value};
use crate::ids::{RoomSn, UserSn};

/// Value of `room` for account data of the whole account.
pub const WHOLE_ACCOUNT: RoomSn = RoomSn(0);

const GET: &str = "SELECT content FROM account_data WHERE user = ?1 AND room = ?2 AND type = ?3";
const CHANGED_AT: &str = "SELECT position FROM account_data WHERE user = ?1 AND room = ?2 AND type = ?3";
const SET: &str = "INSERT INTO account_data (user, room, type, content, position) VALUES (?1, ?2, ?3, ?4, ?5) \
     ON CONFLICT (user, room, type) DO UPDATE SET content = excluded.content, position = excluded.position";
const OF_ROOM: &str =
    "SELECT room, type, content FROM account_data WHERE user = ?1 AND room = ?2 AND content IS NOT NULL";
const ALL: &str = "SELECT room, type, content FROM account_data WHERE user = ?1 AND content IS NOT NULL";
const CHANGED: &str =
    "SELECT room, type, content FROM account_data WHERE user = ?1 AND position > ?2 AND position <= ?3";
// OCTET_LENGTH, because SQLite knows it without reading what overflows to other pages.
const USAGE: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(OCTET_LENGTH(content)), 0) AS INTEGER) \
     FROM account_data WHERE user = ?1 AND content IS NOT NULL";
const ERASE: &str = "DELETE FROM account_data WHERE user = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[GET, CHANGED_AT, SET, OF_ROOM, ALL, CHANGED, USAGE, ERASE];

/// One item of account data.
#[derive(Debug, Clone)]
pub struct AccountDataRow {
    /// The room, or [`WHOLE_ACCOUNT`].
    pub room: RoomSn,
    /// Its type, such as `m.direct`.
    pub kind: String,
    /// Its content as JSON; `None` if it was deleted.
    pub content: Option<String>,
}

fn read(row: &dyn Row) -> Result<AccountDataRow> {
    Ok(AccountDataRow {
        room: RoomSn(row.int(0)?),
        kind: row.text(1)?.to_owned(),
        content: row.opt_text(2)?.map(str::to_owned),
    })
}

/// The content of one item.
pub fn get(tx: &mut dyn Tx, user: UserSn, room: RoomSn, kind: &str) -> Result<Option<String>> {
    Ok(tx.one(GET, &[user.into(), room.into(), kind.into()], |row| Ok(row.opt_text(0)?.map(str::to_owned)))?.flatten())
}

/// When one item was set or deleted last; `None` if it never was. Differs for different contents.
pub fn changed_at(tx: &mut dyn Tx, user: UserSn, room: RoomSn, kind: &str) -> Result<Option<Position>> {
    Ok(tx.int(CHANGED_AT, &[user.into(), room.into(), kind.into()])?.map(Position::from_i64))
}

/// Sets one item, or deletes it.
pub fn set(tx: &mut dyn Tx, user: UserSn, room: RoomSn, kind: &str, content: Option<&str>, at: Position) -> Result<()> {
    let content = content.map_or(Value::Null, Value::Text);
    tx.execute(SET, &[user.into(), room.into(), kind.into(), content, at.into()])?;
    Ok(())
}

/// How many items a user has, of the account and of all rooms together, and their length in bytes.
pub fn usage(tx: &mut dyn Tx, user: UserSn) -> Result<(u64, u64)> {
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    let usage = tx.one(USAGE, &[user.into()], |row| Ok((number(row.int(0)?), number(row.int(1)?))))?;
    Ok(usage.unwrap_or_default())
}

/// All items of one room, or of the whole account.
pub fn of_room(tx: &mut dyn Tx, user: UserSn, room: RoomSn) -> Result<Vec<AccountDataRow>> {
    tx.all(OF_ROOM, &[user.into(), room.into()], read)
}

/// All items of a user.
pub fn all(tx: &mut dyn Tx, user: UserSn) -> Result<Vec<AccountDataRow>> {
    tx.all(ALL, &[user.into()], read)
}

/// Items changed in `(after, upto]`, including deleted ones.
pub fn changed(tx: &mut dyn Tx, user: UserSn, after: Position, upto: Position) -> Result<Vec<AccountDataRow>> {
    tx.all(CHANGED, &[user.into(), after.into(), upto.into()], read)
}

/// Deletes all account data of a user.
pub fn erase(tx: &mut dyn Tx, user: UserSn) -> Result<()> {
    tx.execute(ERASE, &[user.into()])?;
    Ok(())
}
