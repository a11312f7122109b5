//! Transactions as closures see them: statements, positions, and effects after the commit.

use std::sync::atomic::{AtomicBool, Ordering};

use hearth_base::{Error, Position, Result};

use crate::engine::{Connection, Dialect, EachRow, Tx, Value};
use crate::positions::Positions;

/// A function that runs after a commit.
pub(crate) type Effect = Box<dyn FnOnce() + Send>;

/// A write transaction: one closure's part of a batch. If the closure returns an error, its part alone is rolled back.
///
/// For rows only. Schema changes belong into migrations; a batch that changed no row is not committed.
pub struct WriteTx<'a> {
    pub(crate) connection: &'a mut dyn Connection,
    pub(crate) positions: &'a mut Positions,
    pub(crate) effects: &'a mut Vec<Effect>,
}

impl WriteTx<'_> {
    /// Takes the next position. Neither it nor the rows written with it are visible before the commit.
    pub fn position(&mut self) -> Position {
        self.positions.take()
    }

    /// Skips the next `count` positions and returns the last position before them. No other write gets them, so a gap
    /// in a timeline can use them as places for events that are fetched later. They do not run out: 2^43 skips of a
    /// million each are possible.
    pub fn skip(&mut self, count: u64) -> Position {
        let before = self.positions.last();
        self.positions.skip(count);
        before
    }

    /// Runs `effect` after the commit, on the writer thread, before the position is published and the caller is
    /// answered: to update caches and to register wakes. It must be fast and must not block, because all writes wait
    /// for it. It is dropped without running if this closure or the commit fails.
    pub fn after_commit(&mut self, effect: impl FnOnce() + Send + 'static) {
        self.effects.push(Box::new(effect));
    }

    /// The transaction as table functions take it.
    pub fn tx(&mut self) -> &mut dyn Tx {
        &mut *self.connection
    }
}

impl Tx for WriteTx<'_> {
    fn dialect(&self) -> Dialect {
        self.connection.dialect()
    }

    fn execute(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<u64> {
        self.connection.execute(sql, args)
    }

    fn query(&mut self, sql: &'static str, args: &[Value<'_>], each: &mut EachRow<'_>) -> Result<()> {
        self.connection.query(sql, args, each)
    }
}

/// A read transaction: all its queries see one snapshot. They fail when the store stops.
pub struct ReadTx<'a> {
    pub(crate) connection: Stoppable<'a>,
    pub(crate) position: Position,
}

impl ReadTx<'_> {
    /// The newest position that was committed before the snapshot began. The snapshot contains everything up to it, and
    /// possibly more.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// The transaction as table functions take it.
    pub fn tx(&mut self) -> &mut dyn Tx {
        &mut self.connection
    }
}

impl Tx for ReadTx<'_> {
    fn dialect(&self) -> Dialect {
        self.connection.dialect()
    }

    fn execute(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<u64> {
        self.connection.execute(sql, args)
    }

    fn query(&mut self, sql: &'static str, args: &[Value<'_>], each: &mut EachRow<'_>) -> Result<()> {
        self.connection.query(sql, args, each)
    }
}

/// A connection whose statements, and queries between two rows, fail when the store stops.
pub(crate) struct Stoppable<'a> {
    connection: &'a mut dyn Connection,
    stopping: &'a AtomicBool,
}

impl<'a> Stoppable<'a> {
    pub(crate) fn new(connection: &'a mut dyn Connection, stopping: &'a AtomicBool) -> Self {
        Self { connection, stopping }
    }
}

/// An error when the store stops.
fn check(stopping: &AtomicBool) -> Result<()> {
    if stopping.load(Ordering::Relaxed) { Err(Error::broken("the database is being closed")) } else { Ok(()) }
}

impl Tx for Stoppable<'_> {
    fn dialect(&self) -> Dialect {
        self.connection.dialect()
    }

    fn execute(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<u64> {
        check(self.stopping)?;
        self.connection.execute(sql, args)
    }

    fn query(&mut self, sql: &'static str, args: &[Value<'_>], each: &mut EachRow<'_>) -> Result<()> {
        check(self.stopping)?;
        self.connection.query(sql, args, &mut |row| {
            check(self.stopping)?;
            each(row)
        })
    }
}
