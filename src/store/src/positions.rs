//! Positions are assigned in memory, but none is used twice, even after a crash.
//!
//! The database stores an upper bound, `position_reserved`. No position above it is published: a batch that goes above
//! it raises the bound by a block in the same transaction. A crash skips the rest of the block; a message costs no
//! extra write.

use hearth_base::{Position, Result};

use crate::engine::{Tx, Value};

/// By how much the bound is raised. Larger blocks mean fewer writes and larger jumps after a crash; 2^63 positions
/// suffice for either.
pub(crate) const BLOCK: u64 = 100_000;

const LOAD: &str = "SELECT value FROM meta WHERE key = 'position_reserved'";
const RESERVE: &str = "INSERT INTO meta (key, value) VALUES ('position_reserved', ?1)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value";

/// The statements of this file, for the test that prepares them all.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[LOAD, RESERVE];

/// The writer's counter.
#[derive(Debug)]
pub(crate) struct Positions {
    last: u64,
    reserved: u64,
}

impl Positions {
    /// Continues after everything that an earlier process may have published, which is at most the bound.
    pub(crate) fn load(tx: &mut dyn Tx) -> Result<Self> {
        let reserved = Position::from_i64(tx.int(LOAD, &[])?.unwrap_or(0)).0;
        Ok(Self { last: reserved, reserved })
    }

    /// The newest position taken.
    pub(crate) fn last(&self) -> Position {
        Position(self.last)
    }

    /// Takes the next position.
    pub(crate) fn take(&mut self) -> Position {
        self.last += 1;
        Position(self.last)
    }

    /// Skips the next `count` positions. [`Self::take`] never returns them; the caller may use them as places in a
    /// timeline.
    pub(crate) fn skip(&mut self, count: u64) {
        self.last += count;
    }

    /// Before a commit: raises the bound if this batch went above it. Pass the result to [`Self::reserved`] after the
    /// commit, and not before: if the commit fails, the bound on disk is still the old one.
    pub(crate) fn reserve(&self, tx: &mut dyn Tx) -> Result<Option<u64>> {
        if self.last <= self.reserved {
            return Ok(None);
        }
        let bound = self.last + BLOCK;
        tx.execute(RESERVE, &[Value::from(bound)])?;
        Ok(Some(bound))
    }

    /// At a clean shutdown, lowers the bound to right after the last position taken; returns whether that wrote
    /// anything. The next run starts at a position that this one never published, so that it can tell the tokens of
    /// earlier runs from its own.
    pub(crate) fn settle(&self, tx: &mut dyn Tx) -> Result<bool> {
        let bound = self.last + 1;
        if bound == self.reserved {
            return Ok(false);
        }
        tx.execute(RESERVE, &[Value::from(bound)])?;
        Ok(true)
    }

    /// Updates the bound in memory after the commit that raised it.
    pub(crate) fn reserved(&mut self, bound: u64) {
        self.reserved = bound;
    }
}
