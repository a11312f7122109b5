//! PostgreSQL, for those who outgrow one machine. The driver is synchronous, so the same threads and closures serve both
//! engines.
//!
//! Connections are not encrypted: use a Unix socket, a private network or a tunnel. Copies and repairs are PostgreSQL's own
//! (`pg_dump`, replication), not Hearth's.

mod connection;
mod row;

use std::path::Path;
use std::time::Duration;

use hearth_base::{Error, Result};
use postgres::{Client, Config, NoTls};

use self::connection::PostgresConnection;
use crate::engine::{Connection, Engine, Sizes, Tx};

/// Held by the server that writes to a database ("HEARTH"), so that a second one keeps out.
const TRY_LOCK: &str = "SELECT pg_try_advisory_lock(79340523574344)";
const LOCALE: &str = "SELECT CAST(datcollate AS TEXT), pg_encoding_to_char(encoding)
    FROM pg_database WHERE datname = current_database()";
/// How long a server may take to answer a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A PostgreSQL database.
pub(crate) struct Postgres {
    config: Config,
}

impl Postgres {
    /// Understands the URL and looks whether the database is fit for us.
    pub(crate) fn open(url: &str) -> Result<Self> {
        // The cause is left out where it could repeat the URL, which may hold a password.
        let mut config: Config =
            url.parse().map_err(|_| Error::broken("the configuration's URL of the PostgreSQL database is not one"))?;
        config.application_name("hearth");
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        let postgres = Self { config };
        postgres.check_locale()?;
        Ok(postgres)
    }

    fn connect(&self) -> Result<PostgresConnection> {
        let client: Client =
            self.config.connect(NoTls).map_err(|error| Error::fault("connecting to the PostgreSQL database", error))?;
        Ok(PostgresConnection::new(client))
    }

    /// Text must sort by its bytes, as it does in SQLite; a locale's order would change what statements find.
    fn check_locale(&self) -> Result<()> {
        let tx: &mut dyn Tx = &mut self.connect()?;
        let found = tx.one(LOCALE, &[], |row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned())))?;
        let (collate, encoding) = found.unwrap_or_default();
        let bytewise = ["C", "POSIX", "C.UTF-8", "C.utf8"].contains(&&*collate);
        if bytewise && encoding == "UTF8" {
            return Ok(());
        }
        Err(Error::broken(format!(
            "the PostgreSQL database has the locale {collate} and the encoding {encoding}; Hearth needs C and UTF8. Create it \
             with: CREATE DATABASE hearth TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"
        )))
    }
}

impl Engine for Postgres {
    fn connect_writer(&self, _again: bool) -> Result<Box<dyn Connection>> {
        let mut connection = self.connect()?;
        let tx: &mut dyn Tx = &mut connection;
        if tx.int(TRY_LOCK, &[])? == Some(1) {
            return Ok(Box::new(connection));
        }
        Err(Error::broken(
            "another Hearth is using the PostgreSQL database; stop it first. After a crash PostgreSQL may take a moment to notice \
             that it is gone: try again",
        ))
    }

    fn connect_reader(&self) -> Result<Box<dyn Connection>> {
        Ok(Box::new(self.connect()?))
    }

    fn snapshot(&self, _to: &Path) -> Result<()> {
        Err(Error::broken("copying a PostgreSQL database is its own tools' part: use `pg_dump`"))
    }

    fn check(&self) -> Result<Vec<String>> {
        Err(Error::broken("checking a PostgreSQL database is its own tools' part: use `pg_amcheck`"))
    }

    // The lock is the writer's connection's.
    fn unlock(&self) {}

    // Asking would block a thread that may belong to an asynchronous runtime.
    fn sizes(&self) -> Sizes {
        Sizes::default()
    }
}
