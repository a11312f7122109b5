//! One SQLite connection: prepared statements, transactions, savepoints.

use std::path::PathBuf;

use hearth_base::{Error, Result};

use super::error::{explain, trouble};
use super::row::{Argument, SqliteRow};
use crate::engine::{Connection, Dialect, EachRow, Interrupter, Trouble, Tx, Value};

/// Prepared statements cached by each connection: enough for all that are used regularly.
const STATEMENTS_CACHED: usize = 256;

/// Pages in the write-ahead log at which a checkpoint moves them into the database. A large number, so that a page that
/// changes in many commits is rewritten once: 16 MiB with pages of 4,096 bytes.
const CHECKPOINT_PAGES: i64 = 4_000;

/// A connection and its last failure.
pub(crate) struct SqliteConnection {
    inner: rusqlite::Connection,
    path: PathBuf,
    trouble: Option<Trouble>,
}

impl SqliteConnection {
    pub(super) fn new(inner: rusqlite::Connection, path: PathBuf) -> Self {
        inner.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
        Self { inner, path, trouble: None }
    }

    /// Records what `error` means for the connection, and converts it.
    fn failed(&mut self, sql: &str, error: rusqlite::Error) -> Error {
        // Keep the worse failure: a lost disk matters more than a full one.
        if self.trouble != Some(Trouble::Lost) {
            self.trouble = trouble(&error).or(self.trouble);
        }
        explain(format!("running `{}`", one_line(sql)), error, &self.path)
    }

    /// Shrinks the file by up to 1,000 pages if more than an eighth of it is free. A part at each checkpoint, because
    /// moving pages also writes.
    fn give_back_space(&mut self) -> Result<()> {
        let tx: &mut dyn Tx = self;
        let free = tx.int("PRAGMA freelist_count", &[])?.unwrap_or(0);
        let pages = tx.int("PRAGMA page_count", &[])?.unwrap_or(0);
        // Free pages up to an eighth are kept for new rows.
        if free > pages / 8 { tx.query("PRAGMA incremental_vacuum(1000)", &[], &mut |_| Ok(true)) } else { Ok(()) }
    }

    /// Runs a statement without arguments and ignores its rows.
    fn run(&mut self, sql: &'static str) -> Result<()> {
        self.execute(sql, &[]).map(drop)
    }
}

/// The SQL text on one line, for an error message.
fn one_line(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Binds `args`, runs `sql`, and passes rows to `each`. The outer error is SQLite's, the inner one is from `each`.
fn query(
    inner: &rusqlite::Connection,
    sql: &str,
    args: &[Value<'_>],
    each: &mut EachRow<'_>,
) -> Result<Result<()>, rusqlite::Error> {
    let mut statement = inner.prepare_cached(sql)?;
    bind(&mut statement, args)?;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        match each(&SqliteRow(row)) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(()))
}

fn bind(statement: &mut rusqlite::Statement<'_>, args: &[Value<'_>]) -> rusqlite::Result<()> {
    // SQLite treats a missing argument as null, without an error.
    if statement.parameter_count() != args.len() {
        return Err(rusqlite::Error::InvalidParameterCount(args.len(), statement.parameter_count()));
    }
    for (index, value) in args.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, Argument(value))?;
    }
    Ok(())
}

impl Tx for SqliteConnection {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn execute(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<u64> {
        let run = || {
            let mut statement = self.inner.prepare_cached(sql)?;
            bind(&mut statement, args)?;
            statement.raw_execute()
        };
        let changed = run();
        match changed {
            Ok(changed) => Ok(u64::try_from(changed).unwrap_or(u64::MAX)),
            Err(error) => Err(self.failed(sql, error)),
        }
    }

    fn query(&mut self, sql: &'static str, args: &[Value<'_>], each: &mut EachRow<'_>) -> Result<()> {
        match query(&self.inner, sql, args, each) {
            Ok(done) => done,
            Err(error) => Err(self.failed(sql, error)),
        }
    }
}

impl Connection for SqliteConnection {
    fn begin_read(&mut self) -> Result<()> {
        self.run("BEGIN")
    }

    // Deferred too: no other connection writes, so the lock cannot be lost to one, and a batch without changes takes no
    // lock.
    fn begin_write(&mut self) -> Result<()> {
        // With IMMEDIATE, SQLite waits (`busy_timeout`) while another program holds the lock, such as a backup script.
        // A plain BEGIN takes the lock at the first write, after the snapshot of the first read, and then fails at
        // once.
        self.run("BEGIN IMMEDIATE")
    }

    fn commit(&mut self) -> Result<()> {
        self.run("COMMIT")
    }

    fn rollback(&mut self) -> Result<()> {
        if self.inner.is_autocommit() { Ok(()) } else { self.run("ROLLBACK") }
    }

    fn savepoint(&mut self) -> Result<()> {
        self.run("SAVEPOINT part")
    }

    fn release(&mut self) -> Result<()> {
        self.run("RELEASE part")
    }

    fn rollback_to(&mut self) -> Result<()> {
        self.run("ROLLBACK TO part")?;
        self.run("RELEASE part")
    }

    fn in_transaction(&self) -> bool {
        !self.inner.is_autocommit()
    }

    fn interrupter(&self) -> Interrupter {
        let handle = self.inner.get_interrupt_handle();
        Box::new(move || handle.interrupt())
    }

    fn changes(&self) -> u64 {
        self.inner.total_changes()
    }

    fn script(&mut self, sql: &str) -> Result<()> {
        let done = self.inner.execute_batch(sql);
        done.map_err(|error| self.failed(sql, error))
    }

    fn has_table(&mut self, name: &str) -> Result<bool> {
        let tx: &mut dyn Tx = self;
        tx.exists("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1", &[Value::Text(name)])
    }

    #[cfg(test)]
    fn prepare(&mut self, sql: &'static str) -> Result<()> {
        let prepared = self.inner.prepare(sql).map(drop);
        prepared.map_err(|error| self.failed(sql, error))
    }

    fn trouble(&mut self) -> Option<Trouble> {
        self.trouble.take()
    }

    // SQLite's automatic checkpoint is off: it runs inside COMMIT, where callers wait for it, and hides a failed fsync
    // of the database. PASSIVE does not wait for readers.
    fn tidy(&mut self) -> Result<()> {
        let tx: &mut dyn Tx = self;
        let (logged, moved) =
            tx.one("PRAGMA wal_checkpoint(NOOP)", &[], |row| Ok((row.int(1)?, row.int(2)?)))?.unwrap_or_default();
        if logged - moved < CHECKPOINT_PAGES {
            return Ok(());
        }
        self.give_back_space()?;
        self.script("PRAGMA wal_checkpoint(PASSIVE)")
    }

    fn finish(&mut self) -> Result<()> {
        let tx: &mut dyn Tx = self;
        match tx.int("PRAGMA wal_checkpoint(TRUNCATE)", &[])? {
            Some(0) => Ok(()),
            _ => Err(Error::broken("the write-ahead log could not be emptied: a reader is still active")),
        }
    }
}
