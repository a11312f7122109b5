//! `[database]`: the database of accounts, rooms and messages.

use std::path::PathBuf;

use super::Secret;
use super::check::Checks;
use super::schema::{choice, section};

section! {
    /// The database of accounts, rooms and messages.
    pub struct Database {
        /// `sqlite` is part of the binary. `postgres` needs a PostgreSQL server, and a Hearth built with the feature
        /// `postgres`.
        engine: Engine = Engine::Sqlite,
        /// The SQLite file. Unset, it is `hearth.db` in the data folder.
        path: Option<PathBuf> = None => "'/var/lib/hearth/hearth.db'",
        /// The PostgreSQL database.
        url: Option<Secret> = None => "'postgres://hearth:password@localhost/hearth'",
        /// A file that holds the value of `url`.
        url_file: Option<PathBuf> = None => "'/run/secrets/hearth-database'",
        /// `full`: acknowledged writes survive a power failure. `normal`: faster, but a power failure can lose the most
        /// recent writes, including acknowledged messages.
        synchronous: Synchronous = Synchronous::Full,
        /// Number of reader threads.
        readers: u32 = 3,
        /// Page cache in MiB, divided among the database's threads.
        cache_mib: u32 = 32,
        /// Size in MiB of a file that reserves disk space next to the database. It is deleted when the disk is full, so
        /// that deletions can succeed. 0: none.
        ballast_mib: u32 = 16,
        /// Whether to copy the database before a new version of Hearth migrates it.
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
            "with `normal`, a power failure can lose acknowledged messages",
        );
        checks.within("database.readers", self.readers, 1..=64);
        checks.within("database.cache_mib", self.cache_mib, 1..=65_536);
        checks.within("database.ballast_mib", self.ballast_mib, 0..=1_024);
    }
}

choice! {
    /// The database engine.
    pub enum Engine {
        /// SQLite, part of the binary.
        Sqlite = "sqlite",
        /// PostgreSQL, a separate server.
        Postgres = "postgres",
    }
}

choice! {
    /// When to wait until data is on disk.
    pub enum Synchronous {
        /// At every commit.
        Full = "full",
        /// At checkpoints only.
        Normal = "normal",
    }
}
