//! What a closure given to the store works with: a transaction, its position, and what to do once it is committed.

use hearth_base::{Position, Result};

use crate::engine::{Connection, EachRow, Tx, Value};
use crate::positions::Positions;

/// Something to do after a commit.
pub(crate) type Effect = Box<dyn FnOnce() + Send>;

/// A write transaction: one closure's part of a batch. An error undoes it, and it alone.
///
/// It is for rows; the schema is the migrations' alone (a batch is only committed when it changed a row).
pub struct WriteTx<'a> {
    pub(crate) connection: &'a mut dyn Connection,
    pub(crate) positions: &'a mut Positions,
    pub(crate) effects: &'a mut Vec<Effect>,
}

impl WriteTx<'_> {
    /// Takes the next position. Nobody sees it, nor what was written with it, before the commit.
    pub fn position(&mut self) -> Position {
        self.positions.take()
    }

    /// Passes over the next `count` positions, so that nothing is ever written at them but by whoever skipped them: places of
    /// a timeline for what has yet to be fetched. Gives the last position before them; the next one taken lies after them.
    /// There are enough: after 2^43 skips of a million each they would be used up.
    pub fn skip(&mut self, count: u64) -> Position {
        let before = self.positions.last();
        self.positions.skip(count);
        before
    }

    /// Runs `effect` after the commit, on the writer's thread, before the commit's position is published and the caller is
    /// answered: for what belongs to the change but lives in memory, and for wakes. It must be quick and must not wait.
    /// Dropped without running when this closure or the commit fails.
    pub fn after_commit(&mut self, effect: impl FnOnce() + Send + 'static) {
        self.effects.push(Box::new(effect));
    }

    /// As table functions want it.
    pub fn tx(&mut self) -> &mut dyn Tx {
        &mut *self.connection
    }
}

impl Tx for WriteTx<'_> {
    fn execute(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<u64> {
        self.connection.execute(sql, args)
    }

    fn query(&mut self, sql: &'static str, args: &[Value<'_>], each: &mut EachRow<'_>) -> Result<()> {
        self.connection.query(sql, args, each)
    }
}

/// A read transaction: one snapshot, however many queries.
pub struct ReadTx<'a> {
    pub(crate) connection: &'a mut dyn Connection,
    pub(crate) position: Position,
}

impl ReadTx<'_> {
    /// The newest committed position as of before the snapshot began: the snapshot holds everything up to it, perhaps more.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// As table functions want it.
    pub fn tx(&mut self) -> &mut dyn Tx {
        &mut *self.connection
    }
}

impl Tx for ReadTx<'_> {
    fn execute(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<u64> {
        self.connection.execute(sql, args)
    }

    fn query(&mut self, sql: &'static str, args: &[Value<'_>], each: &mut EachRow<'_>) -> Result<()> {
        self.connection.query(sql, args, each)
    }
}
