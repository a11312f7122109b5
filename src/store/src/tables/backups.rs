//! Server-side key backups: versions, and the room keys in them (client-server API, "Server-side key backups").

use hearth_base::Result;

use crate::engine::{Row, Tx, Value};
use crate::ids::UserSn;

macro_rules! version {
    ($rest:literal) => {
        concat!(
            "SELECT version, algorithm, auth_data, etag, sessions, bytes FROM backup_versions WHERE owner = ?1 ",
            $rest
        )
    };
}

macro_rules! session {
    ($rest:literal) => {
        concat!(
            "SELECT room, session, first_index, forwarded, verified, json FROM backup_keys WHERE owner = ?1 AND \
             version = ?2 ",
            $rest
        )
    };
}

macro_rules! size {
    ($rest:literal) => {
        concat!("SELECT room, session, OCTET_LENGTH(json) FROM backup_keys WHERE owner = ?1 AND version = ?2 ", $rest)
    };
}

const NEWEST: &str = version!("AND deleted = 0 ORDER BY version DESC LIMIT 1");
const GET: &str = version!("AND version = ?2 AND deleted = 0");
const GREATEST: &str = "SELECT MAX(version) FROM backup_versions WHERE owner = ?1";
const USAGE: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(bytes), 0) AS INTEGER) FROM backup_versions \
     WHERE owner = ?1 AND deleted = 0";
const PURGE: &str = "DELETE FROM backup_versions WHERE owner = ?1 AND version < ?2 AND deleted = 1";
const CREATE: &str = "INSERT INTO backup_versions (owner, version, algorithm, auth_data, etag, sessions, deleted) \
     VALUES (?1, ?2, ?3, ?4, 0, 0, 0)";
const SET_AUTH_DATA: &str = "UPDATE backup_versions SET auth_data = ?3 WHERE owner = ?1 AND version = ?2";
const SET_COUNTS: &str =
    "UPDATE backup_versions SET etag = ?3, sessions = ?4, bytes = ?5 WHERE owner = ?1 AND version = ?2";
const DELETE_VERSION: &str = "UPDATE backup_versions SET deleted = 1, auth_data = '{}', bytes = 0 \
     WHERE owner = ?1 AND version = ?2 AND deleted = 0";
const FORGET_VERSIONS: &str =
    "UPDATE backup_versions SET deleted = 1, auth_data = '{}', bytes = 0 WHERE owner = ?1 AND deleted = 0";
const FORGET_KEYS: &str = "DELETE FROM backup_keys WHERE owner = ?1";
const ALL: &str = session!("ORDER BY room, session");
const OF_ROOM: &str = session!("AND room = ?3 ORDER BY session");
const ONE: &str = session!("AND room = ?3 AND session = ?4");
const SET: &str = "INSERT INTO backup_keys (owner, version, room, session, first_index, forwarded, verified, json) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (owner, version, room, session) DO UPDATE SET \
     first_index = excluded.first_index, forwarded = excluded.forwarded, verified = excluded.verified, json = \
     excluded.json";
const SIZES_ALL: &str = size!("ORDER BY room, session LIMIT ?3");
const SIZES_ROOM: &str = size!("AND room = ?4 ORDER BY session LIMIT ?3");
const SIZES_ONE: &str = size!("AND room = ?4 AND session = ?5 LIMIT ?3");
const DELETE_ALL: &str = "DELETE FROM backup_keys WHERE owner = ?1 AND version = ?2";
const DELETE_ONE: &str = "DELETE FROM backup_keys WHERE owner = ?1 AND version = ?2 AND room = ?3 AND session = ?4";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[
    NEWEST,
    GET,
    GREATEST,
    USAGE,
    PURGE,
    CREATE,
    SET_AUTH_DATA,
    SET_COUNTS,
    DELETE_VERSION,
    FORGET_VERSIONS,
    FORGET_KEYS,
    ALL,
    OF_ROOM,
    ONE,
    SET,
    SIZES_ALL,
    SIZES_ROOM,
    SIZES_ONE,
    DELETE_ALL,
    DELETE_ONE,
];

/// A backup version that has not been deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// Its number. Increases for each user and is never reused.
    pub version: i64,
    /// The algorithm it is encrypted with.
    pub algorithm: String,
    /// `auth_data`: a JSON object.
    pub auth_data: String,
    /// The etag: increases with each change of its keys.
    pub etag: i64,
    /// How many keys it contains.
    pub sessions: i64,
    /// The bytes of its keys.
    pub bytes: u64,
}

/// A room key in a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSessionRow {
    /// The room.
    pub room: String,
    /// The Megolm session.
    pub session: String,
    /// `first_message_index`.
    pub first_index: i64,
    /// `forwarded_count`.
    pub forwarded: i64,
    /// `is_verified`.
    pub verified: bool,
    /// The whole item as uploaded, as JSON.
    pub json: String,
}

/// Selection of keys in a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackupScope {
    /// All keys.
    All,
    /// The keys of a room.
    Room(String),
    /// The key of a session.
    Session(String, String),
}

fn read_version(row: &dyn Row) -> Result<VersionRow> {
    Ok(VersionRow {
        version: row.int(0)?,
        algorithm: row.text(1)?.to_owned(),
        auth_data: row.text(2)?.to_owned(),
        etag: row.int(3)?,
        sessions: row.int(4)?,
        bytes: row.int(5)?.unsigned_abs(),
    })
}

fn read_session(row: &dyn Row) -> Result<BackupSessionRow> {
    Ok(BackupSessionRow {
        room: row.text(0)?.to_owned(),
        session: row.text(1)?.to_owned(),
        first_index: row.int(2)?,
        forwarded: row.int(3)?,
        verified: row.int(4)? != 0,
        json: row.text(5)?.to_owned(),
    })
}

/// The newest version of a user's backup.
pub fn newest(tx: &mut dyn Tx, owner: UserSn) -> Result<Option<VersionRow>> {
    tx.one(NEWEST, &[owner.into()], read_version)
}

/// A version of a user's backup; `None` if it was deleted.
pub fn get(tx: &mut dyn Tx, owner: UserSn, version: i64) -> Result<Option<VersionRow>> {
    tx.one(GET, &[owner.into(), version.into()], read_version)
}

/// Number of a user's versions, and bytes of the keys in all of them.
pub fn usage(tx: &mut dyn Tx, owner: UserSn) -> Result<(u64, u64)> {
    let usage = tx.one(USAGE, &[owner.into()], |row| Ok((row.int(0)?.unsigned_abs(), row.int(1)?.unsigned_abs())))?;
    Ok(usage.unwrap_or_default())
}

/// Creates a version and returns its number: one more than any version the user ever had.
pub fn create(tx: &mut dyn Tx, owner: UserSn, algorithm: &str, auth_data: &str) -> Result<i64> {
    let version = tx.int(GREATEST, &[owner.into()])?.unwrap_or(0) + 1;
    tx.execute(CREATE, &[owner.into(), version.into(), algorithm.into(), auth_data.into()])?;
    // Deleted versions keep their row only so that their number is not used again, and this one is greater.
    tx.execute(PURGE, &[owner.into(), version.into()])?;
    Ok(version)
}

/// Replaces the `auth_data` of a version.
pub fn set_auth_data(tx: &mut dyn Tx, owner: UserSn, version: i64, auth_data: &str) -> Result<()> {
    tx.execute(SET_AUTH_DATA, &[owner.into(), version.into(), auth_data.into()])?;
    Ok(())
}

/// Stores the etag, the number of keys and their bytes of a version.
pub fn set_counts(tx: &mut dyn Tx, owner: UserSn, version: &VersionRow) -> Result<()> {
    let VersionRow { version, etag, sessions, bytes, .. } = version;
    tx.execute(SET_COUNTS, &[owner.into(), (*version).into(), (*etag).into(), (*sessions).into(), (*bytes).into()])?;
    Ok(())
}

/// Deletes a version and its keys. Returns whether it existed.
pub fn delete_version(tx: &mut dyn Tx, owner: UserSn, version: i64) -> Result<bool> {
    if tx.execute(DELETE_VERSION, &[owner.into(), version.into()])? == 0 {
        return Ok(false);
    }
    tx.execute(DELETE_ALL, &[owner.into(), version.into()])?;
    Ok(true)
}

/// Deletes all of a user's backups.
pub fn delete_all(tx: &mut dyn Tx, owner: UserSn) -> Result<()> {
    tx.execute(FORGET_VERSIONS, &[owner.into()])?;
    tx.execute(FORGET_KEYS, &[owner.into()])?;
    Ok(())
}

/// Keys of a version.
pub fn sessions(tx: &mut dyn Tx, owner: UserSn, version: i64, scope: &BackupScope) -> Result<Vec<BackupSessionRow>> {
    let (owner, version) = (owner.into(), version.into());
    match scope {
        BackupScope::All => tx.all(ALL, &[owner, version], read_session),
        BackupScope::Room(room) => tx.all(OF_ROOM, &[owner, version, room.into()], read_session),
        BackupScope::Session(room, session) => {
            tx.all(ONE, &[owner, version, room.into(), session.into()], read_session)
        }
    }
}

/// One key of a version.
pub fn session(
    tx: &mut dyn Tx,
    owner: UserSn,
    version: i64,
    room: &str,
    session: &str,
) -> Result<Option<BackupSessionRow>> {
    tx.one(ONE, &[owner.into(), version.into(), room.into(), session.into()], read_session)
}

/// Stores a key in a version, replacing the existing one of the session.
pub fn set_session(tx: &mut dyn Tx, owner: UserSn, version: i64, row: &BackupSessionRow) -> Result<()> {
    tx.execute(
        SET,
        &[
            owner.into(),
            version.into(),
            (&row.room).into(),
            (&row.session).into(),
            row.first_index.into(),
            row.forwarded.into(),
            row.verified.into(),
            (&row.json).into(),
        ],
    )?;
    Ok(())
}

/// Deletes at most `limit` keys of a version. Returns how many, and their bytes.
pub fn delete_sessions(
    tx: &mut dyn Tx,
    owner: UserSn,
    version: i64,
    scope: &BackupScope,
    limit: usize,
) -> Result<(u64, u64)> {
    let mut args: Vec<Value<'_>> = vec![owner.into(), version.into(), (limit as u64).into()];
    let sizes = match scope {
        BackupScope::All => SIZES_ALL,
        BackupScope::Room(room) => {
            args.push(room.into());
            SIZES_ROOM
        }
        BackupScope::Session(room, session) => {
            args.push(room.into());
            args.push(session.into());
            SIZES_ONE
        }
    };
    let found = tx.all(sizes, &args, |row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned(), row.int(2)?)))?;
    let (mut deleted, mut bytes) = (0, 0);
    for (room, session, size) in &found {
        deleted += tx.execute(DELETE_ONE, &[owner.into(), version.into(), room.into(), session.into()])?;
        bytes += size.unsigned_abs();
    }
    Ok((deleted, bytes))
}
