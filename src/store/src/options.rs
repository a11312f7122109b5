//! Options of a store. The configuration file is in `hearth-base`; the composition root translates it to these.

use std::path::{Path, PathBuf};

/// Which engine holds the data, and where.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum EngineOptions {
    /// SQLite, in this process: one file, no other service.
    Sqlite(SqliteOptions),
    /// PostgreSQL, or a database with the same protocol and dialect. Needs the cargo feature `postgres`.
    Postgres {
        /// A connection URL (`postgres://user@host/database`) or a `key=value` string, as for libpq.
        url: String,
    },
}

/// SQLite's settings.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The database file; created when it does not exist.
    pub path: PathBuf,
    /// Whether every commit waits until it is on disk. If not, a power failure can lose acknowledged writes.
    pub synchronous_full: bool,
    /// Page cache of each connection, in KiB.
    pub cache_kib_per_connection: u32,
    /// Page size of a new database, in bytes: a power of two from 512 to 65,536.
    pub page_bytes: u32,
    /// Most pages of the file: lets tests simulate a full disk.
    pub pages_max: Option<u32>,
}

/// A file that only reserves space. It is deleted when the disk is full, because even a deletion needs space.
#[derive(Debug, Clone)]
pub struct BallastOptions {
    /// Its path, on the file system of the database.
    pub path: PathBuf,
    /// Its size in bytes, allocated on disk and not sparse.
    pub bytes: u64,
}

/// How to open a [`Store`](crate::Store).
#[derive(Debug, Clone)]
pub struct Options {
    /// The engine and its location.
    pub engine: EngineOptions,
    /// Reader threads, each with its own connection; at least one.
    pub readers: usize,
    /// Space reserved for a full disk; `None` for none.
    pub ballast: Option<BallastOptions>,
    /// Whether the database is copied before a migration (SQLite only; use `pg_dump` for PostgreSQL).
    pub snapshot_before_migration: bool,
    /// After the disk was full, writes are accepted again when this many bytes are free in addition to the ballast.
    pub free_bytes_min: u64,
}

/// Default size of the ballast, in bytes.
pub const BALLAST_BYTES_DEFAULT: u64 = 16 * 1024 * 1024;

impl Options {
    /// A SQLite database at `path` with defaults for a small machine; the ballast is in the same folder.
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
