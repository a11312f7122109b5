//! The position: one counter for all streams.

use std::fmt;

/// A point in the order of all changes, shared by all streams. Taken inside the write transaction, so that commit order
/// is position order; a sync token is a position. Never reused, not even after a crash; there may be gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(pub u64);

impl Position {
    /// Before all changes.
    pub const ZERO: Self = Self(0);

    /// The value for a database column. Positions stay below 2^63, which lasts 290,000 years at a million per second.
    #[must_use]
    pub const fn as_i64(self) -> i64 {
        self.0.cast_signed()
    }

    /// From a database column. Negative values, which are never written, read as zero.
    #[must_use]
    pub const fn from_i64(value: i64) -> Self {
        if value < 0 { Self::ZERO } else { Self(value.cast_unsigned()) }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
