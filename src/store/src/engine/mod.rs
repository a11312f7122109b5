//! The interface of a storage engine: transactions that run the same SQL text on either engine. No driver type appears
//! here or above. `sqlite` and `postgres` implement these traits; `dialect` translates the shared SQL; `writer` and
//! `readers` own the threads.

pub(crate) mod dialect;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
pub(crate) mod sqlite;

use std::path::Path;

use hearth_base::Result;

/// One argument of a statement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// SQL NULL of any type.
    Null,
    /// A 64-bit integer; booleans are 0 and 1.
    Int(i64),
    /// Text without NUL characters (PostgreSQL cannot store them; the edge refuses them).
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

/// One row of a result. Columns count from 0. Reading a column as the wrong type is a fault, never a panic.
pub trait Row {
    /// An integer that is not null.
    fn int(&self, column: usize) -> Result<i64>;
    /// An integer or null.
    fn opt_int(&self, column: usize) -> Result<Option<i64>>;
    /// Text that is not null.
    fn text(&self, column: usize) -> Result<&str>;
    /// Text or null.
    fn opt_text(&self, column: usize) -> Result<Option<&str>>;
    /// Bytes that are not null.
    fn blob(&self, column: usize) -> Result<&[u8]>;
    /// Bytes or null.
    fn opt_blob(&self, column: usize) -> Result<Option<&[u8]>>;
}

/// The SQL of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite's, which is the shared dialect.
    Sqlite,
    /// PostgreSQL's, to which the shared dialect is translated.
    Postgres,
}

/// A statement that the shared dialect cannot express: full-text search. Each engine has its own text, in the shared
/// dialect's notation for placeholders and types, with the same arguments and columns.
#[derive(Debug, Clone, Copy)]
pub struct PerEngine {
    /// For SQLite.
    pub sqlite: &'static str,
    /// For PostgreSQL.
    pub postgres: &'static str,
}

impl PerEngine {
    /// The text for an engine.
    #[must_use]
    pub fn text(&self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Sqlite => self.sqlite,
            Dialect::Postgres => self.postgres,
        }
    }
}

/// A transaction in progress. Object-safe, so that each table function is written once, for reads and writes and for
/// both engines. `sql` is a named constant in the shared dialect (see `dialect`), with placeholders `?1`, `?2`, ... It
/// is `'static` because connections cache prepared statements by it.
pub trait Tx {
    /// The engine's own SQL, for statements that are [`PerEngine`].
    fn dialect(&self) -> Dialect;

    /// Runs a statement and returns how many rows it changed.
    fn execute(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<u64>;

    /// Runs a query and passes each row to `each`, until it returns `false`.
    fn query(&mut self, sql: &'static str, args: &[Value<'_>], each: &mut EachRow<'_>) -> Result<()>;
}

/// A database. Holds the lock that keeps a second server out.
pub(crate) trait Engine: Send + Sync {
    /// A connection for the writer. `again` after a failed commit, when the earlier connection has been dropped: then
    /// the engine proves, as far as it can, that everything committed is on disk and intact.
    fn connect_writer(&self, again: bool) -> Result<Box<dyn Connection>>;

    /// A connection that refuses to write.
    fn connect_reader(&self) -> Result<Box<dyn Connection>>;

    /// Copies one snapshot of the database into a new file at `to`.
    fn snapshot(&self, to: &Path) -> Result<()>;

    /// The problems that a full check finds; empty if the database is intact. Slow.
    fn check(&self) -> Result<Vec<String>>;

    /// Releases the lock, so that another server can use the database. All connections must be closed.
    fn unlock(&self);

    /// Sizes in bytes.
    fn sizes(&self) -> Sizes;
}

/// Sizes on disk, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sizes {
    /// The database itself.
    pub(crate) database: u64,
    /// The write-ahead log; 0 if the engine has none of its own.
    pub(crate) log: u64,
}

/// A failure that concerns the whole connection, not one statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The disk is full.
    Full,
    /// The disk, the file or the connection failed; the database must be reopened before it can be trusted.
    Lost,
}

/// See [`Connection::interrupter`].
pub(crate) type Interrupter = Box<dyn Fn() + Send + Sync>;

/// One connection: [`Tx`] with transactions and savepoints.
pub(crate) trait Connection: Tx + Send {
    /// Begins a read transaction on one snapshot.
    fn begin_read(&mut self) -> Result<()>;
    /// Begins a transaction that may write.
    fn begin_write(&mut self) -> Result<()>;
    /// Commits. When it returns, the changes are on disk (unless configured otherwise).
    fn commit(&mut self) -> Result<()>;
    /// Rolls the transaction back. Does nothing outside a transaction.
    fn rollback(&mut self) -> Result<()>;
    /// Begins a savepoint. There is at most one at a time.
    fn savepoint(&mut self) -> Result<()>;
    /// Releases the savepoint; its changes become part of the transaction.
    fn release(&mut self) -> Result<()>;
    /// Rolls back to the savepoint and releases it.
    fn rollback_to(&mut self) -> Result<()>;
    /// Whether the transaction is still open. An engine may roll back all of it by itself, for example on a full disk.
    fn in_transaction(&self) -> bool;
    /// A function that makes the statement under way fail, if there is one. Callable from any thread, also after the
    /// connection is closed.
    fn interrupter(&self) -> Interrupter;
    /// A number that grows with each changed row, also with changes that are rolled back.
    fn changes(&self) -> u64;
    /// Runs statements in the shared dialect without caching them as prepared statements.
    fn script(&mut self, sql: &str) -> Result<()>;
    /// Whether a table exists.
    fn has_table(&mut self, name: &str) -> Result<bool>;
    /// Prepares a statement without running it.
    #[cfg(test)]
    fn prepare(&mut self, sql: &'static str) -> Result<()>;
    /// The failure since the last call; returned once.
    fn trouble(&mut self) -> Option<Trouble>;
    /// Maintenance between batches, after the callers have their answers. An error here counts as a failed commit.
    fn tidy(&mut self) -> Result<()>;
    /// Moves everything into the database file and empties the write-ahead log.
    fn finish(&mut self) -> Result<()>;
}

/// The function that [`Tx::query`] calls for each row: `Ok(true)` continues, `Ok(false)` stops.
pub type EachRow<'a> = dyn FnMut(&dyn Row) -> Result<bool> + 'a;

impl dyn Tx + '_ {
    /// The first row; `None` without rows.
    pub fn one<T>(
        &mut self,
        sql: &'static str,
        args: &[Value<'_>],
        read: impl FnOnce(&dyn Row) -> Result<T>,
    ) -> Result<Option<T>> {
        let (mut read, mut found) = (Some(read), None);
        self.query(sql, args, &mut |row| {
            if let Some(read) = read.take() {
                found = Some(read(row)?);
            }
            Ok(false)
        })?;
        Ok(found)
    }

    /// All rows.
    pub fn all<T>(
        &mut self,
        sql: &'static str,
        args: &[Value<'_>],
        mut read: impl FnMut(&dyn Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut found = Vec::new();
        self.query(sql, args, &mut |row| {
            found.push(read(row)?);
            Ok(true)
        })?;
        Ok(found)
    }

    /// Whether the query returns a row.
    pub fn exists(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<bool> {
        Ok(self.one(sql, args, |_| Ok(()))?.is_some())
    }

    /// The integer in the first column of the first row; `None` without rows or if it is null.
    pub fn int(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<Option<i64>> {
        Ok(self.one(sql, args, |row| row.opt_int(0))?.flatten())
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}

impl From<hearth_base::Position> for Value<'_> {
    fn from(value: hearth_base::Position) -> Self {
        Self::Int(value.as_i64())
    }
}

/// For times in milliseconds and sizes. Values from 2^63 on, which do not occur, become [`i64::MAX`].
impl From<u64> for Value<'_> {
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Blob(value)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
