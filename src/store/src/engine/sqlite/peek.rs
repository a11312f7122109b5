//! A look into a database without opening it for work: takes no lock, migrates nothing, writes nothing.

use std::path::Path;

use hearth_base::Result;
use rusqlite::OpenFlags;

use super::connection::SqliteConnection;
use super::error::explain;
use super::lock::with_suffix;
use super::open;
use crate::engine::Connection;
use crate::tables::server_name::{self, ServerNameRow};

/// The name of the server that the database at `path` belongs to; `None` if there is no database, or none with a name.
pub(crate) fn server_name(path: &Path) -> Result<Option<ServerNameRow>> {
    if !path.exists() {
        return Ok(None);
    }
    open::inspect(path)?;
    let explained = |error| explain(format!("reading the database {}", path.display()), error, path);
    // Without a write-ahead log nothing can change the file underfoot, and SQLite must not create one: it would belong
    // to this account, which may not be that of the server.
    let quiet = with_suffix(path, "-wal").metadata().map_or(true, |log| log.len() == 0);
    let inner = if quiet {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        rusqlite::Connection::open_with_flags(immutable(path), flags)
    } else {
        rusqlite::Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
    };
    let mut connection = SqliteConnection::new(inner.map_err(explained)?, path.to_owned());
    if connection.has_table("server_name")? {
        return server_name::get(&mut connection);
    }
    if connection.has_table("accounts")? { server_name::derived(&mut connection) } else { Ok(None) }
}

/// The URI of a file that SQLite reads without any lock (SQLite, "URI Filenames").
fn immutable(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let encoded = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{encoded}?immutable=1")
}
