//! Handing out positions: from memory, and yet none twice, not even after a crash.
//!
//! The database holds a bound, `position_reserved`. No position above it is ever published: a batch that took one raises
//! the bound by a whole block in its own transaction. So a crash costs a gap, and a message costs no write of its own.

use hearth_base::{Position, Result};

use crate::engine::{Tx, Value};

/// How far the bound is raised at a time.
pub(crate) const BLOCK: u64 = 100_000;

const LOAD: &str = "SELECT value FROM meta WHERE key = 'position_reserved'";
const RESERVE: &str = "INSERT INTO meta (key, value) VALUES ('position_reserved', ?1)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value";

/// The statements of this file, for the test that prepares them all.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[LOAD, RESERVE];

/// The writer's supply of positions.
#[derive(Debug)]
pub(crate) struct Positions {
    last: u64,
    reserved: u64,
}

impl Positions {
    /// Continues after everything that an earlier run may have published.
    pub(crate) fn load(tx: &mut dyn Tx) -> Result<Self> {
        let reserved = Position::from_i64(tx.int(LOAD, &[])?.unwrap_or(0)).0;
        Ok(Self { last: reserved, reserved })
    }

    /// The newest position taken.
    pub(crate) fn last(&self) -> Position {
        Position(self.last)
    }

    /// Takes the next one.
    pub(crate) fn take(&mut self) -> Position {
        self.last += 1;
        Position(self.last)
    }

    /// Passes over the next `count`: nobody ever gets them. They are free to be places in a timeline.
    pub(crate) fn skip(&mut self, count: u64) {
        self.last += count;
    }

    /// Before a commit: raises the bound if this batch went above it. The answer goes to [`Self::reserved`] once committed.
    pub(crate) fn reserve(&self, tx: &mut dyn Tx) -> Result<Option<u64>> {
        if self.last <= self.reserved {
            return Ok(None);
        }
        let bound = self.last + BLOCK;
        tx.execute(RESERVE, &[Value::from(bound)])?;
        Ok(Some(bound))
    }

    /// Lowers the bound to right after the last position taken, at a clean end; says whether that wrote anything. The next run
    /// begins at a position that this one has told nobody, so that it knows the tokens of earlier runs from its own.
    pub(crate) fn settle(&self, tx: &mut dyn Tx) -> Result<bool> {
        let bound = self.last + 1;
        if bound == self.reserved {
            return Ok(false);
        }
        tx.execute(RESERVE, &[Value::from(bound)])?;
        Ok(true)
    }

    /// A raised bound is committed.
    pub(crate) fn reserved(&mut self, bound: u64) {
        self.reserved = bound;
    }
}
