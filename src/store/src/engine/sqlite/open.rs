//! Opening a SQLite file: making a new one whole or not at all, and telling a damaged or foreign one before touching it.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hearth_base::{Error, Result};
use rusqlite::OpenFlags;
use rusqlite::config::DbConfig;

use super::connection::SqliteConnection;
use super::error::{corrupt, explain};
use super::lock::beside;
use crate::engine::Connection;
use crate::options::SqliteOptions;

/// Written into every database of ours ("HRTH"), so that no other program's file is mistaken for one.
const APPLICATION_ID: i32 = 0x4852_5448;
/// What the log's file is cut back to after a checkpoint.
const LOG_BYTES_KEPT: u32 = 16 * 1024 * 1024;
/// Up to this size a database is read through for damage at every start; larger ones are `hearth doctor`'s part.
const QUICK_CHECK_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// How long a statement waits for a lock: only a checkpoint or a copy can hold one.
const BUSY_MS: u32 = 5_000;

/// Makes a new database if there is none. It is built under another name: a crash leaves no half-made database behind.
pub(super) fn create_if_missing(options: &SqliteOptions) -> Result<()> {
    let path = &options.path;
    if path.exists() {
        return Ok(());
    }
    let log = beside(path, "-wal");
    if log.metadata().is_ok_and(|log| log.len() > 0) {
        let missing = format!("{} is missing though its log {} is there", path.display(), log.display());
        return Err(corrupt(path, missing));
    }
    let (new, doing) = (beside(path, "-new"), || format!("creating the database {}", path.display()));
    let io = |error: std::io::Error| Error::fault(doing(), error);
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
        _ => {}
    }
    let made = rusqlite::Connection::open(&new).and_then(|database| {
        database.execute_batch(&format!(
            "PRAGMA page_size = {}; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = {APPLICATION_ID};
             PRAGMA synchronous = FULL;
             CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
            options.page_bytes
        ))?;
        database.close().map_err(|(_, error)| error)
    });
    made.map_err(|error| explain(doing(), error, path))?;
    std::fs::rename(&new, path).map_err(io)?;
    sync_folder(path).map_err(io)
}

/// Makes a new name in the folder of `path` survive a power cut.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Looks at the file itself, before SQLite does: SQLite would call a foreign file a new database, or repair what should be
/// looked at first.
pub(super) fn inspect(path: &Path) -> Result<()> {
    let doing = || format!("reading the database {}", path.display());
    let mut file = File::open(path).map_err(|error| Error::fault(doing(), error))?;
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
    // A log that is not empty may still hold the missing pages.
    let log_empty = beside(path, "-wal").metadata().map_or(true, |log| log.len() == 0);
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
        .map_err(|error| Error::fault(doing(), error))?;
    let synchronous = if options.synchronous_full { "FULL" } else { "NORMAL" };
    let limit = options.pages_max.map_or(String::new(), |pages| format!("PRAGMA max_page_count = {pages};"));
    // Secure deletion overwrites what was removed, redacted contents for example, as far as that writes no page more.
    connection.script(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = {LOG_BYTES_KEPT}; PRAGMA secure_delete = FAST; {limit}"
    ))?;
    Ok(connection)
}

/// A connection that can only read.
pub(super) fn connect_reader(options: &SqliteOptions) -> Result<Box<dyn Connection>> {
    // Not opened read-only: such a connection could not take part in recovering the log.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = open(options, flags)?;
    connection.script("PRAGMA query_only = ON")?;
    Ok(connection)
}

fn open(options: &SqliteOptions, flags: OpenFlags) -> Result<Box<dyn Connection>> {
    let path = &options.path;
    let inner = rusqlite::Connection::open_with_flags(path, flags);
    let inner = inner.map_err(|error| explain(format!("opening the database {}", path.display()), error, path))?;
    // Plans that do not look at arguments. Otherwise SQLite compiles a statement anew whenever an argument changes that a
    // partial index or its statistics might care about: half of the time that a sync took.
    let stable = inner.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true);
    stable.map_err(|error| explain("settling how statements are planned".to_owned(), error, path))?;
    let mut connection = Box::new(SqliteConnection::new(inner, path.clone()));
    connection.script(&format!(
        "PRAGMA busy_timeout = {BUSY_MS}; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = OFF;
         PRAGMA trusted_schema = OFF; PRAGMA cache_size = -{};",
        options.cache_kib_per_connection
    ))?;
    Ok(connection)
}

/// Whether the database is small enough to be read through at every start.
pub(super) fn small(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.len() <= QUICK_CHECK_BYTES_MAX)
}
