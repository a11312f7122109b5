//! `[database]`: where accounts, rooms and messages are kept.

use std::path::PathBuf;

use super::Secret;
use super::check::Checks;
use super::schema::{choice, section};

section! {
    /// Where accounts, rooms and messages are kept.
    pub struct Database {
        /// `sqlite` is in the binary and needs nothing else. `postgres` needs a PostgreSQL server and a Hearth that was
        /// built with the feature `postgres`.
        engine: Engine = Engine::Sqlite,
        /// The SQLite file. Unset, it is `hearth.db` in the data folder.
        path: Option<PathBuf> = None => "'/var/lib/hearth/hearth.db'",
        /// The PostgreSQL database.
        url: Option<Secret> = None => "'postgres://hearth:password@localhost/hearth'",
        /// A file that holds the value of `url`.
        url_file: Option<PathBuf> = None => "'/run/secrets/hearth-database'",
        /// `full`: what was acknowledged survives a power cut. `normal`: faster, but the last moments before a power
        /// cut may be lost, including messages that were acknowledged.
        synchronous: Synchronous = Synchronous::Full,
        /// Threads that read at the same time.
        readers: u32 = 3,
        /// The database's cache in memory, in MiB, shared out among its threads.
        cache_mib: u32 = 32,
        /// A file of this size, in MiB, is kept beside the database and given up when the disk is full, so that there
        /// is room to clean up. 0 keeps none.
        ballast_mib: u32 = 16,
        /// Whether to copy the database before a new version of Hearth changes its tables.
        snapshot_before_migration: bool = true,
    }
}

impl Database {
    pub(super) fn check(&self, checks: &mut Checks) {
        let postgres = self.engine == Engine::Postgres;
        checks.require(
            !postgres || self.url.is_some(),
            "database.engine",
            "`postgres` needs `database.url` or `database.url_file`",
        );
        checks.warn_if(
            !postgres && self.url.is_some(),
            "database.url",
            "not used, because `database.engine` is `sqlite`",
        );
        checks.warn_if(
            self.synchronous == Synchronous::Normal,
            "database.synchronous",
            "with `normal`, a power cut may lose messages that were acknowledged",
        );
        checks.within("database.readers", self.readers, 1..=64);
        checks.within("database.cache_mib", self.cache_mib, 1..=65_536);
        checks.within("database.ballast_mib", self.ballast_mib, 0..=1_024);
    }
}

choice! {
    /// What keeps the database.
    pub enum Engine {
        /// In the binary.
        Sqlite = "sqlite",
        /// A server of its own.
        Postgres = "postgres",
    }
}

choice! {
    /// When the disk is waited for.
    pub enum Synchronous {
        /// At every commit.
        Full = "full",
        /// At checkpoints only.
        Normal = "normal",
    }
}
