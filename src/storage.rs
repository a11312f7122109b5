//! Opens the database that the configuration describes.

use std::path::Path;

use hearth_base::config::{Config, Engine, Synchronous};
use hearth_base::{Error, Result, Seams};
use hearth_store::{BallastOptions, EngineOptions, Options, SqliteOptions, Store};

const MIB: u64 = 1024 * 1024;

/// A message changes a handful of pages, and each goes to the write-ahead log whole. Pages of 2,048 bytes write 19 KiB
/// per message, SQLite's default of 4,096 bytes writes 28 KiB; reads cost the same.
const PAGE_BYTES: u32 = 2048;

/// Creates the data folder if necessary, and opens the database. Blocks the thread.
pub(crate) fn open(config: &Config, seams: &Seams) -> Result<Store> {
    make_folder(&config.server.data_dir)?;
    Store::open(options(config)?, seams.clone())
}

/// Creates the data folder with access for the server's own account only.
fn make_folder(path: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| {
        let path = path.display();
        Error::fault(format!("making the data folder {path} (`server.data_dir`; may this account write there?)"), error)
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
