//! Registration tokens. Stored in plain text: they are invitations that users type, and administrators need to read
//! them again.

use hearth_base::{Millis, Result};

use crate::engine::{Row, Tx};

macro_rules! columns {
    ($rest:literal) => {
        concat!("SELECT token, uses_max, uses, expires_ms, created_ms, first_run FROM registration_tokens ", $rest)
    };
}

const GET: &str = columns!("WHERE token = ?1");
const ALL: &str = columns!("ORDER BY created_ms, token");
const FIRST_RUN: &str = columns!("WHERE first_run = 1 LIMIT 1");
const INSERT: &str = "INSERT INTO registration_tokens (token, uses_max, uses, expires_ms, created_ms, first_run) \
     VALUES (?1, ?2, 0, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
const USE: &str = "UPDATE registration_tokens SET uses = uses + 1 WHERE token = ?1";
const DELETE: &str = "DELETE FROM registration_tokens WHERE token = ?1";
const DELETE_FIRST_RUN: &str = "DELETE FROM registration_tokens WHERE first_run = 1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[GET, ALL, FIRST_RUN, INSERT, USE, DELETE, DELETE_FIRST_RUN];

/// A registration token.
#[derive(Debug, Clone, PartialEq, Eq)]
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
}

fn read(row: &dyn Row) -> Result<RegistrationTokenRow> {
    Ok(RegistrationTokenRow {
        token: row.text(0)?.to_owned(),
        uses_max: row.opt_int(1)?.map(i64::unsigned_abs),
        uses: row.int(2)?.unsigned_abs(),
        expires_ms: row.opt_int(3)?.map(i64::unsigned_abs),
        created_ms: row.int(4)?.unsigned_abs(),
        first_run: row.int(5)? != 0,
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
    let args =
        [(&row.token).into(), row.uses_max.into(), row.expires_ms.into(), row.created_ms.into(), row.first_run.into()];
    Ok(tx.execute(INSERT, &args)? > 0)
}

/// Counts a use.
pub fn count_use(tx: &mut dyn Tx, token: &str) -> Result<()> {
    tx.execute(USE, &[token.into()])?;
    Ok(())
}

/// Removes a token. Returns whether it existed.
pub fn delete(tx: &mut dyn Tx, token: &str) -> Result<bool> {
    Ok(tx.execute(DELETE, &[token.into()])? > 0)
}

/// Removes the token of the first start.
pub fn delete_first_run(tx: &mut dyn Tx) -> Result<()> {
    tx.execute(DELETE_FIRST_RUN, &[])?;
    Ok(())
}
