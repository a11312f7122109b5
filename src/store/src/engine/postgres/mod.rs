//! PostgreSQL, for servers that outgrow one machine. The driver is synchronous, so the same threads and closures serve
//! both engines. Connections are not encrypted: use a Unix socket, a private network or a tunnel. Backup and repair are
//! up to PostgreSQL (`pg_dump`, replication).

mod connection;
mod row;

use std::path::Path;
use std::time::Duration;

use hearth_base::{Error, Result};
use postgres::{Client, Config, NoTls};

use self::connection::PostgresConnection;
use crate::engine::{Connection, Engine, Sizes, Tx};

/// An advisory lock ("HEARTH" in ASCII), held by the connection of the writer, that keeps a second server out.
const TRY_LOCK: &str = "SELECT pg_try_advisory_lock(79340523574344)";
const LOCALE: &str = "SELECT CAST(datcollate AS TEXT), pg_encoding_to_char(encoding)
    FROM pg_database WHERE datname = current_database()";
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A PostgreSQL database.
pub(crate) struct Postgres {
    config: Config,
}

impl Postgres {
    /// Parses the URL and checks that the database has a suitable locale.
    pub(crate) fn open(url: &str) -> Result<Self> {
        // Without the cause, which could contain the URL and with it a password.
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

    /// Text must sort by bytes, as in SQLite: with another collation, range queries return other rows.
    fn check_locale(&self) -> Result<()> {
        let tx: &mut dyn Tx = &mut self.connect()?;
        let found = tx.one(LOCALE, &[], |row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned())))?;
        let (collate, encoding) = found.unwrap_or_default();
        let bytewise = ["C", "POSIX", "C.UTF-8", "C.utf8"].contains(&&*collate);
        if bytewise && encoding == "UTF8" {
            return Ok(());
        }
        Err(Error::broken(format!(
            "the PostgreSQL database has the locale {collate} and the encoding {encoding}; Hearth needs C and UTF8. \
             Create it with: CREATE DATABASE hearth TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"
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
            "another Hearth is using the PostgreSQL database; stop it first. After a crash PostgreSQL may take a \
             moment \
             to release the lock: try again",
        ))
    }

    fn connect_reader(&self) -> Result<Box<dyn Connection>> {
        Ok(Box::new(self.connect()?))
    }

    fn snapshot(&self, _to: &Path) -> Result<()> {
        Err(Error::broken("Hearth does not copy PostgreSQL databases: use `pg_dump`"))
    }

    fn check(&self) -> Result<Vec<String>> {
        Err(Error::broken("Hearth does not check PostgreSQL databases: use `pg_amcheck`"))
    }

    // The writer's connection holds the lock; closing it releases it.
    fn unlock(&self) {}

    // A query would block the calling thread, which may belong to the asynchronous runtime.
    fn sizes(&self) -> Sizes {
        Sizes::default()
    }
}
