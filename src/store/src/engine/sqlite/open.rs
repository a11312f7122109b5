//! Opening a SQLite file: creates a new one atomically, and recognises a damaged or foreign one before touching it.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use hearth_base::limits::store::QUICK_CHECK_BYTES_MAX;
use hearth_base::remedy::with_remedy;
use hearth_base::{Error, Result};
use rusqlite::OpenFlags;
use rusqlite::config::DbConfig;

use super::connection::SqliteConnection;
use super::error::{corrupt, explain};
use super::lock::with_suffix;
use crate::engine::Connection;
use crate::migrate::{self, Migration};
use crate::options::SqliteOptions;

/// The `application_id` of Hearth's databases ("HRTH"), to tell them from files of other programs.
const APPLICATION_ID: i32 = 0x4852_5448;
/// Size to which the file of the write-ahead log is truncated after a checkpoint, in bytes.
const LOG_BYTES_KEPT: u32 = 16 * 1024 * 1024;
/// How long a statement waits for a lock, in milliseconds: only a checkpoint or a copy holds one.
const BUSY_MS: u32 = 5_000;

/// Creates the database if it is missing, with its whole schema: under another name, then renamed, so that neither a
/// crash nor a full disk leaves a half-created database, which the next start would take for a server without accounts.
pub(super) fn create_if_missing(options: &SqliteOptions, migrations: &[Migration]) -> Result<()> {
    let path = &options.path;
    if path.exists() {
        return Ok(());
    }
    let log = with_suffix(path, "-wal");
    if log.metadata().is_ok_and(|log| log.len() > 0) {
        let missing = format!("{} is missing though its log {} is there", path.display(), log.display());
        return Err(corrupt(path, missing));
    }
    let new = with_suffix(path, "-new");
    let made = remove(&new).and_then(|()| create(&new, options, migrations));
    let made = made.and_then(|()| {
        let doing = || format!("creating the database {}", path.display());
        let io = |error: std::io::Error| Error::fault(doing(), with_remedy(path, error));
        std::fs::rename(&new, path).and_then(|()| sync_folder(path)).map_err(io)
    });
    if made.is_err() {
        // On a full disk every byte counts. The error that is returned is the one with the cause.
        drop(remove(&new));
    }
    made
}

/// Creates a database at `new` and applies all migrations.
fn create(new: &Path, options: &SqliteOptions, migrations: &[Migration]) -> Result<()> {
    let doing = || format!("creating the database {}", options.path.display());
    let explained = |error| explain(doing(), error, &options.path);
    // Made here, because SQLite's own error for a folder that it may not write does not tell the cause.
    let file = File::options().create_new(true).write(true).mode(0o600).open(new);
    file.map_err(|error| Error::fault(doing(), with_remedy(new, error)))?;
    let inner = rusqlite::Connection::open(new).map_err(explained)?;
    let limit = options.pages_max.map_or(String::new(), |pages| format!("PRAGMA max_page_count = {pages};"));
    let batch = inner.execute_batch(&format!(
        "PRAGMA page_size = {}; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = {APPLICATION_ID};
         PRAGMA synchronous = FULL; {limit}
         CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
        options.page_bytes
    ));
    batch.map_err(explained)?;
    let mut connection = SqliteConnection::new(inner, options.path.clone());
    migrate::run(&mut connection, migrations, |_| Ok(()))
}

/// Removes a database that was not finished, with its journal.
fn remove(new: &Path) -> Result<()> {
    for path in [with_suffix(new, "-journal"), new.to_owned()] {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let doing = format!("removing the unfinished database {}", path.display());
                return Err(Error::fault(doing, with_remedy(&path, error)));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Syncs the folder of `path`, so that a new name in it survives a power failure.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Checks the header before SQLite opens the file: SQLite would initialise an empty file as a new database, and recover
/// a damaged one, which destroys evidence.
pub(super) fn inspect(path: &Path) -> Result<()> {
    let doing = || format!("reading the database {}", path.display());
    let mut file = File::open(path).map_err(|error| Error::fault(doing(), with_remedy(path, error)))?;
    let size = file.metadata().map_err(|error| Error::fault(doing(), error))?.len();
    let mut header = [0_u8; 100];
    if size < 100 {
        return Err(corrupt(path, format!("the file has only {size} bytes")));
    }
    file.read_exact(&mut header).map_err(|error| Error::fault(doing(), error))?;
    if &header[..16] != b"SQLite format 3\0" {
        return Err(corrupt(path, "the file does not begin like a SQLite database"));
    }
    let number = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let page_bytes = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        other => u64::from(other),
    };
    if page_bytes < 512 || !page_bytes.is_power_of_two() {
        return Err(corrupt(path, format!("the file claims pages of {page_bytes} bytes")));
    }
    if number(68) != APPLICATION_ID.cast_unsigned() {
        return Err(Error::broken(format!(
            "{} is a SQLite database of another program; Hearth leaves it alone. Give another path for the database",
            path.display()
        )));
    }
    // A write-ahead log that is not empty may contain the missing pages.
    let log_empty = with_suffix(path, "-wal").metadata().map_or(true, |log| log.len() == 0);
    let expected = u64::from(number(28)) * page_bytes;
    if log_empty && size < expected {
        return Err(corrupt(path, format!("the file has {size} of its {expected} bytes")));
    }
    Ok(())
}

/// A connection that may write.
pub(super) fn connect_writer(options: &SqliteOptions) -> Result<Box<dyn Connection>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = open(options, flags)?;
    // The database holds the server's signing key. SQLite gives the log the permissions of the database.
    let doing = || format!("making {} readable by its owner only", options.path.display());
    std::fs::set_permissions(&options.path, std::fs::Permissions::from_mode(0o600))
        .map_err(|error| Error::fault(doing(), with_remedy(&options.path, error)))?;
    let synchronous = if options.synchronous_full { "FULL" } else { "NORMAL" };
    let limit = options.pages_max.map_or(String::new(), |pages| format!("PRAGMA max_page_count = {pages};"));
    // secure_delete = FAST overwrites deleted rows, for example redacted content, where that writes no additional page.
    connection.script(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = {LOG_BYTES_KEPT}; PRAGMA secure_delete = FAST; {limit}"
    ))?;
    Ok(connection)
}

/// A connection that can only read.
pub(super) fn connect_reader(options: &SqliteOptions) -> Result<Box<dyn Connection>> {
    // Not opened read-only: a read-only connection cannot take part in recovering the log after a crash.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = open(options, flags)?;
    connection.script("PRAGMA query_only = ON")?;
    Ok(connection)
}

fn open(options: &SqliteOptions, flags: OpenFlags) -> Result<Box<dyn Connection>> {
    let path = &options.path;
    let inner = rusqlite::Connection::open_with_flags(path, flags);
    let inner = inner.map_err(|error| explain(format!("opening the database {}", path.display()), error, path))?;
    // The query planner stability guarantee: plans do not depend on arguments. Without it, SQLite prepares a statement
    // again whenever an argument changes that a partial index or the statistics might depend on, which took half of the
    // time of a sync.
    let stable = inner.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true);
    stable.map_err(|error| explain("configuring the query planner".to_owned(), error, path))?;
    let mut connection = Box::new(SqliteConnection::new(inner, path.clone()));
    connection.script(&format!(
        "PRAGMA busy_timeout = {BUSY_MS}; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = OFF;
         PRAGMA trusted_schema = OFF; PRAGMA cache_size = -{};",
        options.cache_kib_per_connection
    ))?;
    Ok(connection)
}

/// Whether the database is small enough to be checked at every start.
pub(super) fn small(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.len() <= QUICK_CHECK_BYTES_MAX)
}
