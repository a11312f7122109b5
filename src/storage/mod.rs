//! Opens the database that the configuration describes.

mod folders;
mod remains;

pub(crate) use remains::without_database;

use hearth_base::config::{Config, Engine, Synchronous};
use hearth_base::{Error, Reason, Result, Seams, remedy};
use hearth_store::{BallastOptions, EngineOptions, Options, SqliteOptions, Store};

const MIB: u64 = 1024 * 1024;

/// A message changes a handful of pages, and each goes to the write-ahead log whole. Pages of 2,048 bytes write 19 KiB
/// per message, SQLite's default of 4,096 bytes writes 28 KiB; reads cost the same.
const PAGE_BYTES: u32 = 2048;

/// Creates the data folder if necessary, and opens the database. Blocks the thread.
///
/// Refuses a data folder whose database is missing although the other files of a server are there: a new database would
/// have another signing key and no accounts, and media without a database are lost.
pub(crate) fn open(config: &Config, seams: &Seams) -> Result<Store> {
    folders::prepare(config)?;
    if let Some(refusal) = remains::without_database(config) {
        return Err(Error::broken(refusal));
    }
    let opened = Store::open(options(config)?, seams.clone());
    opened.map_err(|error| match error.reason() {
        // The refusal is for clients of a running server.
        Some(Reason::OutOfSpace) => {
            let folder = config.database_path();
            let text = format!("the disk of {} is full. {}", folder.display(), remedy::full(&folder));
            Error::broken(text)
        }
        _ => error,
    })
}

fn options(config: &Config) -> Result<Options> {
    let database = &config.database;
    let readers = usize::try_from(database.readers).unwrap_or(1);
    if database.engine == Engine::Postgres {
        let url = database.url.as_ref().ok_or_else(|| Error::broken("`database.url` is not set"))?;
        return Ok(Options { readers, ..Options::postgres(url.reveal()) });
    }
    let path = config.database_path();
    let defaults = Options::sqlite(&path);
    let ballast_bytes = u64::from(database.ballast_mib) * MIB;
    Ok(Options {
        readers,
        engine: EngineOptions::Sqlite(SqliteOptions {
            synchronous_full: database.synchronous == Synchronous::Full,
            // The writer has a connection too, besides the readers.
            cache_kib_per_connection: database.cache_mib * 1024 / (database.readers + 1),
            path,
            page_bytes: PAGE_BYTES,
            pages_max: None,
        }),
        ballast: defaults.ballast.filter(|_| ballast_bytes > 0).map(|it| BallastOptions { bytes: ballast_bytes, ..it }),
        snapshot_before_migration: database.snapshot_before_migration,
        free_bytes_min: ballast_bytes,
    })
}
