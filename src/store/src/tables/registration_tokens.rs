//! Registration tokens. Stored in plain text: they are invitations that users type, and administrators need to read
//! them again.

use hearth_base::{Millis, Result};

use crate::engine::{Row, Tx};
use crate::ids::UserSn;

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT token, uses_max, uses, expires_ms, created_ms, first_run, creator, contact, rooms, note \
             FROM registration_tokens ",
            $rest
        )
    };
}

const GET: &str = columns!("WHERE token = ?1");
const ALL: &str = columns!("ORDER BY created_ms, token");
const FIRST_RUN: &str = columns!("WHERE first_run = 1 LIMIT 1");
const INSERT: &str = "INSERT INTO registration_tokens \
     (token, uses_max, uses, expires_ms, created_ms, first_run, creator, contact, rooms, note) \
     VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING";
const USE: &str = "UPDATE registration_tokens SET uses = uses + 1 WHERE token = ?1";
const NOTE_USE: &str =
    "INSERT INTO registration_token_uses (token, user, used_ms) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
const USES: &str = "SELECT u.id, t.used_ms FROM registration_token_uses t JOIN users u ON u.sn = t.user \
     WHERE t.token = ?1 ORDER BY t.used_ms DESC, t.user DESC LIMIT ?2";
const DELETE: &str = "DELETE FROM registration_tokens WHERE token = ?1";
const DELETE_USES: &str = "DELETE FROM registration_token_uses WHERE token = ?1";
const DELETE_FIRST_RUN: &str = "DELETE FROM registration_tokens WHERE first_run = 1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] =
    &[GET, ALL, FIRST_RUN, INSERT, USE, NOTE_USE, USES, DELETE, DELETE_USES, DELETE_FIRST_RUN];

/// A registration token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistrationTokenRow {
    /// The token.
    pub token: String,
    /// How many accounts it allows; `None` for any number.
    pub uses_max: Option<u64>,
    /// How many accounts were created with it.
    pub uses: u64,
    /// When it expires, in milliseconds since the epoch; `None` for never.
    pub expires_ms: Option<Millis>,
    /// When it was created, in milliseconds since the epoch.
    pub created_ms: Millis,
    /// Whether it is the token of the first start, for the first account.
    pub first_run: bool,
    /// Who created it, as in the audit log.
    pub creator: Option<String>,
    /// The id of the local user whom the new user can ask, and who lets them into `rooms`.
    pub contact: Option<String>,
    /// The rooms that the new user joins, as a JSON array of room ids; `None` for no rooms.
    pub rooms: Option<String>,
    /// A note for administrators.
    pub note: Option<String>,
}

/// A use of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationTokenUse {
    /// The id of the user whose account it created.
    pub user_id: String,
    /// When, in milliseconds since the epoch.
    pub used_ms: Millis,
}

fn read(row: &dyn Row) -> Result<RegistrationTokenRow> {
    Ok(RegistrationTokenRow {
        token: row.text(0)?.to_owned(),
        uses_max: row.opt_int(1)?.map(i64::unsigned_abs),
        uses: row.int(2)?.unsigned_abs(),
        expires_ms: row.opt_int(3)?.map(i64::unsigned_abs),
        created_ms: row.int(4)?.unsigned_abs(),
        first_run: row.int(5)? != 0,
        creator: row.opt_text(6)?.map(str::to_owned),
        contact: row.opt_text(7)?.map(str::to_owned),
        rooms: row.opt_text(8)?.map(str::to_owned),
        note: row.opt_text(9)?.map(str::to_owned),
    })
}

/// One token.
pub fn get(tx: &mut dyn Tx, token: &str) -> Result<Option<RegistrationTokenRow>> {
    tx.one(GET, &[token.into()], read)
}

/// All tokens, oldest first.
pub fn all(tx: &mut dyn Tx) -> Result<Vec<RegistrationTokenRow>> {
    tx.all(ALL, &[], read)
}

/// The token of the first start; `None` after its use.
pub fn first_run(tx: &mut dyn Tx) -> Result<Option<RegistrationTokenRow>> {
    tx.one(FIRST_RUN, &[], read)
}

/// Adds a token. Returns false if it exists.
pub fn insert(tx: &mut dyn Tx, row: &RegistrationTokenRow) -> Result<bool> {
    let args = [
        (&row.token).into(),
        row.uses_max.into(),
        row.expires_ms.into(),
        row.created_ms.into(),
        row.first_run.into(),
        row.creator.as_deref().into(),
        row.contact.as_deref().into(),
        row.rooms.as_deref().into(),
        row.note.as_deref().into(),
    ];
    Ok(tx.execute(INSERT, &args)? > 0)
}

/// Counts a use.
pub fn count_use(tx: &mut dyn Tx, token: &str) -> Result<()> {
    tx.execute(USE, &[token.into()])?;
    Ok(())
}

/// Notes which account a use has created.
pub fn note_use(tx: &mut dyn Tx, token: &str, user: UserSn, now_ms: Millis) -> Result<()> {
    tx.execute(NOTE_USE, &[token.into(), user.into(), now_ms.into()])?;
    Ok(())
}

/// The newest uses of a token, newest first.
pub fn uses(tx: &mut dyn Tx, token: &str, limit: u64) -> Result<Vec<RegistrationTokenUse>> {
    tx.all(USES, &[token.into(), limit.into()], |row| {
        Ok(RegistrationTokenUse { user_id: row.text(0)?.to_owned(), used_ms: row.int(1)?.unsigned_abs() })
    })
}

/// Removes a token with the list of its uses. Returns whether it existed.
pub fn delete(tx: &mut dyn Tx, token: &str) -> Result<bool> {
    tx.execute(DELETE_USES, &[token.into()])?;
    Ok(tx.execute(DELETE, &[token.into()])? > 0)
}

/// Removes the token of the first start.
pub fn delete_first_run(tx: &mut dyn Tx) -> Result<()> {
    tx.execute(DELETE_FIRST_RUN, &[])?;
    Ok(())
}
