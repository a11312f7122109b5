//! What a storage engine is to the rest of the crate: transactions that run one SQL text on either engine.
//!
//! Nothing here or above names a driver. `sqlite` and `postgres` implement these traits; `dialect` turns the shared text
//! into each one's own; `writer` and `readers` own the threads.

pub(crate) mod dialect;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
pub(crate) mod sqlite;

use std::path::Path;

use hearth_base::Result;

/// One argument of a statement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// SQL NULL, of whatever type the place wants.
    Null,
    /// A 64-bit integer; booleans are 0 and 1.
    Int(i64),
    /// Text without NUL characters (PostgreSQL cannot store them; the edge refuses them).
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

/// One row of an answer. Columns count from 0; asking for the wrong type is a fault, never a panic.
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

/// A transaction in progress. Object-safe, so that table functions are written once for reading and writing, on both engines.
///
/// `sql` is a named constant in the shared dialect: `?1` placeholders, no engine's own words (see `dialect`).
pub trait Tx {
    /// Runs a statement; says how many rows it changed.
    fn execute(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<u64>;

    /// Runs a query, handing each row to `each`; stops early when it answers `false`.
    fn query(&mut self, sql: &'static str, args: &[Value<'_>], each: &mut EachRow<'_>) -> Result<()>;
}

/// A database that connections can be made to. Holds whatever keeps a second server out of it.
pub(crate) trait Engine: Send + Sync {
    /// A connection for the writer. Called again after a failed commit, when the earlier one is gone: then it proves, as far
    /// as the engine can, that what is committed is on disk and whole.
    fn connect_writer(&self, again: bool) -> Result<Box<dyn Connection>>;

    /// A connection that can only read.
    fn connect_reader(&self) -> Result<Box<dyn Connection>>;

    /// Copies the whole database, as of one moment, into a new file at `to`.
    fn snapshot(&self, to: &Path) -> Result<()>;

    /// Everything that a thorough check finds wrong; empty when all is well. Slow.
    fn check(&self) -> Result<Vec<String>>;

    /// Lets another server have the database: every connection is gone.
    fn unlock(&self);

    /// Sizes in bytes.
    fn sizes(&self) -> Sizes;
}

/// What a database takes up, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sizes {
    /// The database itself.
    pub(crate) database: u64,
    /// Its write-ahead log, where that is a file of ours.
    pub(crate) log: u64,
}

/// What went wrong with a connection beyond one statement's error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The disk is full.
    Full,
    /// The disk, the file or the connection is not to be trusted before it has been opened anew.
    Lost,
}

/// One connection: transactions and savepoints around [`Tx`].
pub(crate) trait Connection: Tx + Send {
    /// Begins a transaction that sees one snapshot.
    fn begin_read(&mut self) -> Result<()>;
    /// Begins a transaction that may write.
    fn begin_write(&mut self) -> Result<()>;
    /// Commits; when it returns, what was written is on disk (unless configured otherwise).
    fn commit(&mut self) -> Result<()>;
    /// Undoes the transaction. Harmless when there is none.
    fn rollback(&mut self) -> Result<()>;
    /// Begins a part that can be undone by itself.
    fn savepoint(&mut self) -> Result<()>;
    /// Keeps that part.
    fn release(&mut self) -> Result<()>;
    /// Undoes that part.
    fn rollback_to(&mut self) -> Result<()>;
    /// Whether the transaction still stands: an engine may give up a whole one when the disk is full.
    fn in_transaction(&self) -> bool;
    /// A number that grows with every change to the data, undone or not.
    fn changes(&self) -> u64;
    /// Runs statements in the shared dialect that are not worth keeping prepared.
    fn script(&mut self, sql: &str) -> Result<()>;
    /// Whether a table exists.
    fn has_table(&mut self, name: &str) -> Result<bool>;
    /// Prepares a statement, to find out whether it can be.
    #[cfg(test)]
    fn prepare(&mut self, sql: &'static str) -> Result<()>;
    /// What went wrong since this was last asked.
    fn trouble(&mut self) -> Option<Trouble>;
    /// Housekeeping between batches, when everybody has been answered. An error here is as bad as a failed commit.
    fn tidy(&mut self) -> Result<()>;
    /// A clean end: leaves everything in one file.
    fn finish(&mut self) -> Result<()>;
}

/// What [`Tx::query`] calls for every row: `Ok(true)` goes on, `Ok(false)` stops.
pub type EachRow<'a> = dyn FnMut(&dyn Row) -> Result<bool> + 'a;

impl dyn Tx + '_ {
    /// The first row, if there is one.
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

    /// Every row.
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

    /// Whether there is any row.
    pub fn exists(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<bool> {
        Ok(self.one(sql, args, |_| Ok(()))?.is_some())
    }

    /// The integer in the first row's first column; `None` without a row or when it is null.
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

/// Millisecond times and sizes; they stay below 2^63.
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
