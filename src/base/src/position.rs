//! One position for all streams.

use std::fmt;

/// A point in the one order that all streams of this server share. Taken inside a write transaction, so that commit
/// order is position order; a sync token is a position. Never reused, not even after a crash; may have gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(pub u64);

impl Position {
    /// Before everything.
    pub const ZERO: Self = Self(0);

    /// As the database stores it. Positions stay below 2^63: at a million a second that lasts 290,000 years.
    #[must_use]
    pub const fn as_i64(self) -> i64 {
        self.0.cast_signed()
    }

    /// From a database column; negative values, which nobody writes, read as zero.
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
