//! The people of this server: names, password hashes, and what they may do. Their ids are in `users`, their names to show
//! in the profiles.

use hearth_base::{Millis, Result};

use crate::engine::{Row, Tx, Value};
use crate::ids::UserSn;

/// The account may administer the server.
pub const ADMIN: i64 = 1;
/// The account cannot be used, but stays logged in.
pub const LOCKED: i64 = 2;
/// The account may only read and leave.
pub const SUSPENDED: i64 = 4;
/// The account's owner asked to be forgotten when deactivating.
pub const ERASED: i64 = 8;

macro_rules! columns {
    ($rest:literal) => {
        concat!("SELECT sn, localpart, password, created_ms, kind, flags, deactivated_ms FROM accounts ", $rest)
    };
}

const BY_NAME: &str = columns!("WHERE localpart = ?1");
const BY_SN: &str = columns!("WHERE sn = ?1");
const PAGE: &str = columns!(
    "WHERE localpart > ?1 AND localpart LIKE ?2 ESCAPE '\\' AND (?3 = 1 OR deactivated_ms IS NULL) \
     AND (?4 = 1 OR kind <> 1) ORDER BY localpart LIMIT ?5"
);
const BY_PREFIX: &str =
    columns!("WHERE localpart >= ?1 AND localpart < ?2 AND deactivated_ms IS NULL ORDER BY localpart LIMIT ?3");
const INSERT: &str = "INSERT INTO accounts (sn, localpart, password, created_ms, kind, flags, deactivated_ms) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL) ON CONFLICT DO NOTHING";
const SET_PASSWORD: &str = "UPDATE accounts SET password = ?2 WHERE sn = ?1";
const REHASH: &str = "UPDATE accounts SET password = ?3 WHERE sn = ?1 AND password = ?2";
const SET_FLAGS: &str = "UPDATE accounts SET flags = ?2 WHERE sn = ?1";
const DEACTIVATE: &str = "UPDATE accounts SET deactivated_ms = ?2, password = NULL, flags = ?3 WHERE sn = ?1";
const REACTIVATE: &str = "UPDATE accounts SET deactivated_ms = NULL, flags = ?2 WHERE sn = ?1";
const ALL_ERASED: &str = "SELECT sn FROM accounts WHERE (flags & 8) <> 0";
const PEOPLE: &str = "SELECT sn FROM accounts WHERE kind = 0 AND deactivated_ms IS NULL AND (flags & 2) = 0";
const ANY_PERSON: &str = "SELECT 1 FROM accounts WHERE kind = 0 LIMIT 1";
const COUNTS: &str = "SELECT kind, CASE WHEN deactivated_ms IS NULL THEN 0 ELSE 1 END AS gone, flags, count(*) \
     FROM accounts GROUP BY kind, gone, flags";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[
    BY_NAME,
    BY_SN,
    PAGE,
    BY_PREFIX,
    INSERT,
    SET_PASSWORD,
    REHASH,
    SET_FLAGS,
    DEACTIVATE,
    REACTIVATE,
    ALL_ERASED,
    PEOPLE,
    ANY_PERSON,
    COUNTS,
];

/// What an account is for. The numbers are the database's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// A person or a bot of their own.
    Person = 0,
    /// Somebody who looks around without an account of their own.
    Guest = 1,
    /// A user of an application service.
    Appservice = 2,
}

impl AccountKind {
    fn from_int(value: i64) -> Self {
        match value {
            1 => Self::Guest,
            2 => Self::Appservice,
            _ => Self::Person,
        }
    }
}

/// An account.
#[derive(Debug, Clone)]
pub struct AccountRow {
    /// The user.
    pub user: UserSn,
    /// What stands between `@` and `:`.
    pub localpart: String,
    /// The password's hash as a PHC string; none for accounts without one.
    pub password: Option<String>,
    /// When it was made.
    pub created_ms: Millis,
    /// What it is for.
    pub kind: AccountKind,
    /// [`ADMIN`], [`LOCKED`], [`SUSPENDED`], [`ERASED`].
    pub flags: i64,
    /// When it was deactivated.
    pub deactivated_ms: Option<Millis>,
}

impl AccountRow {
    /// Whether a flag is set.
    #[must_use]
    pub fn is(&self, flag: i64) -> bool {
        self.flags & flag != 0
    }
}

fn read(row: &dyn Row) -> Result<AccountRow> {
    Ok(AccountRow {
        user: UserSn(row.int(0)?),
        localpart: row.text(1)?.to_owned(),
        password: row.opt_text(2)?.map(str::to_owned),
        created_ms: row.int(3)?.unsigned_abs(),
        kind: AccountKind::from_int(row.int(4)?),
        flags: row.int(5)?,
        deactivated_ms: row.opt_int(6)?.map(i64::unsigned_abs),
    })
}

/// The account of a name.
pub fn by_name(tx: &mut dyn Tx, localpart: &str) -> Result<Option<AccountRow>> {
    tx.one(BY_NAME, &[localpart.into()], read)
}

/// The account of a user.
pub fn get(tx: &mut dyn Tx, user: UserSn) -> Result<Option<AccountRow>> {
    tx.one(BY_SN, &[user.into()], read)
}

/// What a listing shows.
#[derive(Debug, Clone, Default)]
pub struct AccountsPage<'a> {
    /// The name after which it starts; empty for the first page.
    pub after: &'a str,
    /// Part of a name; empty for any.
    pub contains: &'a str,
    /// Whether deactivated accounts are shown.
    pub deactivated: bool,
    /// Whether guests are shown.
    pub guests: bool,
    /// The most that are shown.
    pub limit: u64,
}

/// A page of accounts in the order of their names.
pub fn page(tx: &mut dyn Tx, page: &AccountsPage<'_>) -> Result<Vec<AccountRow>> {
    let escaped = page.contains.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let pattern = format!("%{escaped}%");
    let args = [page.after.into(), (&pattern).into(), page.deactivated.into(), page.guests.into(), page.limit.into()];
    tx.all(PAGE, &args, read)
}

/// Accounts in use whose names start with `prefix`, at most `limit`.
pub fn by_prefix(tx: &mut dyn Tx, prefix: &str, limit: u64) -> Result<Vec<AccountRow>> {
    // Names are ASCII, so U+10FFFF comes after every one of them.
    let end = format!("{prefix}\u{10FFFF}");
    tx.all(BY_PREFIX, &[prefix.into(), (&end).into(), limit.into()], read)
}

/// Makes an account; says whether the name was free.
pub fn insert(tx: &mut dyn Tx, row: &AccountRow) -> Result<bool> {
    let args = [
        row.user.into(),
        (&row.localpart).into(),
        row.password.as_deref().into(),
        row.created_ms.into(),
        Value::Int(row.kind as i64),
        row.flags.into(),
    ];
    Ok(tx.execute(INSERT, &args)? > 0)
}

/// Sets or takes away the password's hash.
pub fn set_password(tx: &mut dyn Tx, user: UserSn, password: Option<&str>) -> Result<()> {
    tx.execute(SET_PASSWORD, &[user.into(), password.into()])?;
    Ok(())
}

/// Replaces a hash by another one of the same password, unless it has changed meanwhile.
pub fn rehash(tx: &mut dyn Tx, user: UserSn, before: &str, after: &str) -> Result<()> {
    tx.execute(REHASH, &[user.into(), before.into(), after.into()])?;
    Ok(())
}

/// Sets all flags.
pub fn set_flags(tx: &mut dyn Tx, user: UserSn, flags: i64) -> Result<()> {
    tx.execute(SET_FLAGS, &[user.into(), flags.into()])?;
    Ok(())
}

/// Marks an account as deactivated and takes away its password.
pub fn deactivate(tx: &mut dyn Tx, user: UserSn, now_ms: Millis, flags: i64) -> Result<()> {
    tx.execute(DEACTIVATE, &[user.into(), now_ms.into(), flags.into()])?;
    Ok(())
}

/// Makes a deactivated account usable again; it has no password yet.
pub fn reactivate(tx: &mut dyn Tx, user: UserSn, flags: i64) -> Result<()> {
    tx.execute(REACTIVATE, &[user.into(), flags.into()])?;
    Ok(())
}

/// The users with [`ERASED`].
pub fn erased(tx: &mut dyn Tx) -> Result<Vec<UserSn>> {
    tx.all(ALL_ERASED, &[], |row| Ok(UserSn(row.int(0)?)))
}

/// The people whose accounts are in use: no guests, no users of application services, no one who is locked.
pub fn people(tx: &mut dyn Tx) -> Result<Vec<UserSn>> {
    tx.all(PEOPLE, &[], |row| Ok(UserSn(row.int(0)?)))
}

/// Whether any person ever made an account here.
pub fn any_person(tx: &mut dyn Tx) -> Result<bool> {
    tx.exists(ANY_PERSON, &[])
}

/// How many accounts there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// People and bots whose accounts are in use.
    pub people: u64,
    /// Guests.
    pub guests: u64,
    /// Users of application services.
    pub appservice: u64,
    /// Deactivated accounts of any kind.
    pub deactivated: u64,
    /// Administrators among the people.
    pub admins: u64,
    /// Locked accounts among the people.
    pub locked: u64,
    /// Suspended accounts among the people.
    pub suspended: u64,
}

/// Counts accounts by what they are.
pub fn counts(tx: &mut dyn Tx) -> Result<Counts> {
    let mut counts = Counts::default();
    tx.query(COUNTS, &[], &mut |row| {
        let (kind, gone, flags, number) = (AccountKind::from_int(row.int(0)?), row.int(1)?, row.int(2)?, row.int(3)?);
        let number = number.unsigned_abs();
        match kind {
            _ if gone != 0 => counts.deactivated += number,
            AccountKind::Guest => counts.guests += number,
            AccountKind::Appservice => counts.appservice += number,
            AccountKind::Person => {
                counts.people += number;
                for (flag, count) in
                    [(ADMIN, &mut counts.admins), (LOCKED, &mut counts.locked), (SUSPENDED, &mut counts.suspended)]
                {
                    *count += if flags & flag == 0 { 0 } else { number };
                }
            }
        }
        Ok(true)
    })?;
    Ok(counts)
}
