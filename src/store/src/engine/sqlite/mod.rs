//! SQLite, in this process. With the write-ahead log, readers continue while the writer commits.

mod connection;
mod error;
mod lock;
mod open;
mod peek;
mod row;

use std::path::Path;

use hearth_base::{Error, Result};
use parking_lot::Mutex;

use self::error::{corrupt, explain};
use self::lock::{Lock, with_suffix};
use crate::engine::{Connection, Engine, Sizes, Tx};
use crate::migrate::Migration;
use crate::options::SqliteOptions;

pub(crate) use self::error::OUT_OF_SPACE;
pub(crate) use self::peek::server_name;

/// A SQLite database, locked against a second server.
pub(crate) struct Sqlite {
    options: SqliteOptions,
    lock: Mutex<Option<Lock>>,
}

impl Sqlite {
    /// Locks the database, creates it with `migrations` if it is missing, and refuses one that is damaged or foreign.
    pub(crate) fn open(options: &SqliteOptions, migrations: &[Migration]) -> Result<Self> {
        let lock = Lock::take(&options.path)?;
        open::create_if_missing(options, migrations)?;
        open::inspect(&options.path)?;
        let sqlite = Self { options: options.clone(), lock: Mutex::new(Some(lock)) };
        let mut connection = open::connect_writer(options)?;
        if open::small(&options.path) {
            sqlite.refuse_damage(&mut *connection)?;
        }
        Ok(sqlite)
    }

    /// An error if `quick_check`, which reads every page, finds damage.
    fn refuse_damage(&self, connection: &mut dyn Connection) -> Result<()> {
        let found = problems(connection, "PRAGMA quick_check(3)")?;
        if found.is_empty() { Ok(()) } else { Err(corrupt(&self.options.path, found.join("; "))) }
    }
}

/// The problems that a checking pragma reports.
fn problems(connection: &mut dyn Connection, sql: &'static str) -> Result<Vec<String>> {
    let tx: &mut dyn Tx = connection;
    let mut found = tx.all(sql, &[], |row| Ok(row.text(0)?.to_owned()))?;
    found.retain(|line| line != "ok");
    Ok(found)
}

impl Engine for Sqlite {
    fn connect_writer(&self, again: bool) -> Result<Box<dyn Connection>> {
        let mut connection = open::connect_writer(&self.options)?;
        if again {
            // After a failed fsync the kernel may have dropped pages of the log that it had accepted. Moving the log
            // into the database writes every one of them again, and syncs the database.
            connection.finish()?;
            self.refuse_damage(&mut *connection)?;
        }
        Ok(connection)
    }

    fn connect_reader(&self) -> Result<Box<dyn Connection>> {
        open::connect_reader(&self.options)
    }

    fn snapshot(&self, to: &Path) -> Result<()> {
        let doing = || format!("copying the database to {}", to.display());
        let target = to.to_str().ok_or_else(|| Error::broken(format!("{}: the name is not UTF-8", doing())))?;
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let explained = |error| explain(doing(), error, &self.options.path);
        let source = rusqlite::Connection::open_with_flags(&self.options.path, flags).map_err(explained)?;
        source.execute("VACUUM INTO ?1", [target]).map_err(explained)?;
        let file = std::fs::File::open(to).and_then(|file| file.sync_all());
        file.map_err(|error| Error::fault(doing(), error))
    }

    fn check(&self) -> Result<Vec<String>> {
        let mut connection = open::connect_reader(&self.options)?;
        problems(&mut *connection, "PRAGMA integrity_check(100)")
    }

    fn unlock(&self) {
        self.lock.lock().take();
    }

    fn sizes(&self) -> Sizes {
        let size = |path: &Path| path.metadata().map_or(0, |file| file.len());
        let path = &self.options.path;
        Sizes { database: size(path), log: size(&with_suffix(path, "-wal")) }
    }
}
