//! Accounts of local users: password hashes, flags, deactivation. User ids are in `users`, display names in `profiles`.

use hearth_base::{Millis, Result};

use crate::engine::{Row, Tx, Value};
use crate::ids::UserSn;

/// The account may administer the server.
pub const ADMIN: i64 = 1;
/// The account is locked: it cannot be used, but its sessions remain (client-server API, "Account locking").
pub const LOCKED: i64 = 2;
/// The account is suspended: it can read and leave, not write (client-server API, "Account suspension").
pub const SUSPENDED: i64 = 4;
/// The user asked for erasure when deactivating.
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

/// The kind of an account. The discriminants are stored in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// A person or an independent bot.
    Person = 0,
    /// A guest.
    Guest = 1,
    /// A user of an application service.
    Appservice = 2,
}

impl AccountKind {
    pub(super) fn from_int(value: i64) -> Self {
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
    /// The localpart: the part between `@` and `:`.
    pub localpart: String,
    /// The password hash as a PHC string; `None` without a password.
    pub password: Option<String>,
    /// When it was created, in milliseconds since the epoch.
    pub created_ms: Millis,
    /// Its kind.
    pub kind: AccountKind,
    /// [`ADMIN`], [`LOCKED`], [`SUSPENDED`], [`ERASED`].
    pub flags: i64,
    /// When it was deactivated, in milliseconds since the epoch.
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

/// The account with this localpart.
pub fn by_name(tx: &mut dyn Tx, localpart: &str) -> Result<Option<AccountRow>> {
    tx.one(BY_NAME, &[localpart.into()], read)
}

/// The account of a user.
pub fn get(tx: &mut dyn Tx, user: UserSn) -> Result<Option<AccountRow>> {
    tx.one(BY_SN, &[user.into()], read)
}

/// Filter and position of a listing.
#[derive(Debug, Clone, Default)]
pub struct AccountsPage<'a> {
    /// The localpart after which the page starts; empty for the first page.
    pub after: &'a str,
    /// A substring of the localpart; empty for all.
    pub contains: &'a str,
    /// Include deactivated accounts.
    pub deactivated: bool,
    /// Include guests.
    pub guests: bool,
    /// Most accounts of the page.
    pub limit: u64,
}

/// A page of accounts, sorted by localpart.
pub fn page(tx: &mut dyn Tx, page: &AccountsPage<'_>) -> Result<Vec<AccountRow>> {
    let escaped = page.contains.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let pattern = format!("%{escaped}%");
    let args = [page.after.into(), (&pattern).into(), page.deactivated.into(), page.guests.into(), page.limit.into()];
    tx.all(PAGE, &args, read)
}

/// Active accounts whose localpart starts with `prefix`, at most `limit`.
pub fn by_prefix(tx: &mut dyn Tx, prefix: &str, limit: u64) -> Result<Vec<AccountRow>> {
    // Localparts are ASCII, so U+10FFFF sorts after all of them.
    let end = format!("{prefix}\u{10FFFF}");
    tx.all(BY_PREFIX, &[prefix.into(), (&end).into(), limit.into()], read)
}

/// Creates an account. Returns false if the localpart is taken.
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

/// Sets or removes the password hash.
pub fn set_password(tx: &mut dyn Tx, user: UserSn, password: Option<&str>) -> Result<()> {
    tx.execute(SET_PASSWORD, &[user.into(), password.into()])?;
    Ok(())
}

/// Replaces a hash by a stronger one of the same password. Does nothing if the password has changed meanwhile.
pub fn rehash(tx: &mut dyn Tx, user: UserSn, before: &str, after: &str) -> Result<()> {
    tx.execute(REHASH, &[user.into(), before.into(), after.into()])?;
    Ok(())
}

/// Sets all flags.
pub fn set_flags(tx: &mut dyn Tx, user: UserSn, flags: i64) -> Result<()> {
    tx.execute(SET_FLAGS, &[user.into(), flags.into()])?;
    Ok(())
}

/// Marks an account as deactivated and removes its password.
pub fn deactivate(tx: &mut dyn Tx, user: UserSn, now_ms: Millis, flags: i64) -> Result<()> {
    tx.execute(DEACTIVATE, &[user.into(), now_ms.into(), flags.into()])?;
    Ok(())
}

/// Reactivates an account. It has no password afterwards.
pub fn reactivate(tx: &mut dyn Tx, user: UserSn, flags: i64) -> Result<()> {
    tx.execute(REACTIVATE, &[user.into(), flags.into()])?;
    Ok(())
}

/// The users with [`ERASED`].
pub fn erased(tx: &mut dyn Tx) -> Result<Vec<UserSn>> {
    tx.all(ALL_ERASED, &[], |row| Ok(UserSn(row.int(0)?)))
}

/// Active accounts of people: without guests, users of application services, and locked accounts.
pub fn people(tx: &mut dyn Tx) -> Result<Vec<UserSn>> {
    tx.all(PEOPLE, &[], |row| Ok(UserSn(row.int(0)?)))
}

/// Whether any person ever created an account here.
pub fn any_person(tx: &mut dyn Tx) -> Result<bool> {
    tx.exists(ANY_PERSON, &[])
}

/// Numbers of accounts by kind and status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Active accounts of people and bots.
    pub people: u64,
    /// Guests.
    pub guests: u64,
    /// Users of application services.
    pub appservice: u64,
    /// Deactivated accounts of any kind.
    pub deactivated: u64,
    /// Administrators among the active people.
    pub admins: u64,
    /// Locked accounts among the active people.
    pub locked: u64,
    /// Suspended accounts among the active people.
    pub suspended: u64,
}

/// Counts accounts by kind and status.
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
