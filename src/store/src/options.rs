//! How a store is opened. The configuration file's own words live in `hearth-base`; this is what they come down to.

use std::path::{Path, PathBuf};

/// Which engine holds the data, and where.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum EngineOptions {
    /// SQLite, inside this process: one file and nothing to install.
    Sqlite(SqliteOptions),
    /// PostgreSQL, or anything that speaks its protocol and dialect. Needs the cargo feature `postgres`.
    Postgres {
        /// A connection URL (`postgres://user@host/database`) or `key=value` string, as libpq knows them.
        url: String,
    },
}

/// SQLite's settings.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The database file; created when it does not exist.
    pub path: PathBuf,
    /// Whether every commit waits until it is on disk. Without it a power cut may take back acknowledged writes.
    pub synchronous_full: bool,
    /// Page cache of each connection, in KiB.
    pub cache_kib_per_connection: u32,
    /// Page size of a new database, in bytes: a power of two from 512 to 65,536.
    pub page_bytes: u32,
    /// The most pages the file may grow to; for trying out a full disk without filling one.
    pub pages_max: Option<u32>,
}

/// A file that does nothing but take room, to be given back when the disk is full: SQLite cannot even delete without it.
#[derive(Debug, Clone)]
pub struct BallastOptions {
    /// Where it lies: on the file system of the database.
    pub path: PathBuf,
    /// Its size, really allocated.
    pub bytes: u64,
}

/// How to open a [`Store`](crate::Store).
#[derive(Debug, Clone)]
pub struct Options {
    /// Which engine, and where.
    pub engine: EngineOptions,
    /// Reader threads, each with a connection of its own; at least one.
    pub readers: usize,
    /// Room kept for the day the disk is full; `None` for none.
    pub ballast: Option<BallastOptions>,
    /// Whether a database is copied aside before it is migrated (SQLite only; on PostgreSQL that is `pg_dump`'s part).
    pub snapshot_before_migration: bool,
    /// After a write found the disk full, writes are taken again once this many bytes are free beside the ballast.
    pub free_bytes_min: u64,
}

/// Room that is kept unless the configuration says otherwise.
pub const BALLAST_BYTES_DEFAULT: u64 = 16 * 1024 * 1024;

impl Options {
    /// A SQLite database in `path` with the defaults for a small machine; the ballast lies beside it.
    #[must_use]
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let ballast = path.parent().unwrap_or_else(|| Path::new(".")).join("ballast");
        Self {
            engine: EngineOptions::Sqlite(SqliteOptions {
                path,
                synchronous_full: true,
                cache_kib_per_connection: 4 * 1024,
                page_bytes: 4096,
                pages_max: None,
            }),
            readers: 4,
            ballast: Some(BallastOptions { path: ballast, bytes: BALLAST_BYTES_DEFAULT }),
            snapshot_before_migration: true,
            free_bytes_min: BALLAST_BYTES_DEFAULT,
        }
    }

    /// A PostgreSQL database at `url`.
    #[must_use]
    pub fn postgres(url: impl Into<String>) -> Self {
        Self {
            engine: EngineOptions::Postgres { url: url.into() },
            readers: 4,
            ballast: None,
            snapshot_before_migration: false,
            free_bytes_min: 0,
        }
    }
}
