//! When fields of local users' profiles last changed.

use hearth_base::limits::users::PROFILE_CHANGES_PER_USER_MAX;
use hearth_base::{Position, Result};

use crate::engine::Tx;
use crate::ids::UserSn;

const SET: &str = "INSERT INTO profile_changes (user, name, position) VALUES (?1, ?2, ?3) \
     ON CONFLICT (user, name) DO UPDATE SET position = excluded.position";
const COUNT: &str = "SELECT count(*) FROM profile_changes WHERE user = ?1";
const OLDEST: &str = "SELECT name, position FROM profile_changes WHERE user = ?1 AND name <> '' \
     ORDER BY position LIMIT 1";
const DELETE: &str = "DELETE FROM profile_changes WHERE user = ?1 AND name = ?2";
const SEEN_BETWEEN: &str = "SELECT c.user, c.name FROM profile_changes c \
     WHERE c.position > ?1 AND c.position <= ?2 AND (c.user = ?3 OR EXISTS (SELECT 1 FROM memberships a \
     JOIN memberships b ON b.room = a.room \
     WHERE a.user = c.user AND b.user = ?3 AND a.membership = 1 AND b.membership = 1))";
const ERASE: &str = "DELETE FROM profile_changes WHERE user = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[SET, COUNT, OLDEST, DELETE, SEEN_BETWEEN, ERASE];

/// The name that stands for fields whose changes are no longer stored one by one. No field has it.
pub const SEVERAL: &str = "";

/// Records that a field of a user changed. Of a user with more than [`PROFILE_CHANGES_PER_USER_MAX`] fields, counting
/// those that were removed, the oldest change goes: [`SEVERAL`] stands for it from then on.
pub fn set(tx: &mut dyn Tx, user: UserSn, name: &str, at: Position) -> Result<()> {
    tx.execute(SET, &[user.into(), name.into(), at.into()])?;
    if tx.int(COUNT, &[user.into()])?.map_or(0, i64::unsigned_abs) <= PROFILE_CHANGES_PER_USER_MAX {
        return Ok(());
    }
    let oldest =
        tx.one(OLDEST, &[user.into()], |row| Ok((row.text(0)?.to_owned(), Position::from_i64(row.int(1)?))))?;
    if let Some((name, position)) = oldest {
        tx.execute(DELETE, &[user.into(), name.as_str().into()])?;
        tx.execute(SET, &[user.into(), SEVERAL.into(), position.into()])?;
    }
    Ok(())
}

/// The fields whose newest change is in `(after, upto]`, of `reader` and of all who share a room with `reader`.
pub fn seen_between(tx: &mut dyn Tx, reader: UserSn, after: Position, upto: Position) -> Result<Vec<(UserSn, String)>> {
    tx.all(SEEN_BETWEEN, &[after.into(), upto.into(), reader.into()], |row| {
        Ok((UserSn(row.int(0)?), row.text(1)?.to_owned()))
    })
}

/// Deletes all records of a user.
pub fn erase(tx: &mut dyn Tx, user: UserSn) -> Result<()> {
    tx.execute(ERASE, &[user.into()])?;
    Ok(())
}
