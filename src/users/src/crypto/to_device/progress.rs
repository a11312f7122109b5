//! How far a request for many devices has come.
//!
//! One write holds up all others, so such a request takes several. What is stored after each, with the transaction or
//! message ID, is the place where the next one begins: also after a crash, when the sender repeats the request, and when
//! two copies of it run at a time. So no device gets a message twice, and none is left out.

use std::fmt;
use std::str::FromStr;

use hearth_base::limits::users::TO_DEVICE_ROWS_PER_WRITE_MAX;
use hearth_store::ids::DeviceSn;

/// A place in the targets of a request, which always are in the same order.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::crypto) struct Progress {
    /// Targets that are done: users' devices, then other servers.
    pub(in crate::crypto) done: usize,
    /// Devices of the next target, which may be all of a user, that are done: those up to this one.
    pub(in crate::crypto) upto: DeviceSn,
    /// Messages that were stored.
    pub(in crate::crypto) stored: usize,
    /// Messages that did not fit.
    pub(in crate::crypto) refused: usize,
    /// Rows that this write may still take.
    pub(in crate::crypto) rows_left: usize,
}

impl Progress {
    /// Nothing is done.
    pub(in crate::crypto) fn new() -> Self {
        let rows_left = TO_DEVICE_ROWS_PER_WRITE_MAX;
        Self { done: 0, upto: DeviceSn(0), stored: 0, refused: 0, rows_left }
    }

    /// Where an earlier write stopped. Only this module writes the text; one that cannot be read means the beginning.
    pub(in crate::crypto) fn resumed(text: &str) -> Self {
        text.parse().unwrap_or_else(|()| Self::new())
    }

    /// Takes rows of this write's budget. False when it has not that many left: then they belong to the next write.
    pub(in crate::crypto) fn spend(&mut self, rows: usize) -> bool {
        // More than a whole budget would never fit.
        let left = self.rows_left.checked_sub(rows.min(TO_DEVICE_ROWS_PER_WRITE_MAX));
        self.rows_left = left.unwrap_or(self.rows_left);
        left.is_some()
    }

    /// Takes rows that have been read already; as many as are left, at most.
    pub(in crate::crypto) fn overspend(&mut self, rows: u64) {
        self.rows_left = self.rows_left.saturating_sub(usize::try_from(rows).unwrap_or(usize::MAX));
    }

    /// The next target is done.
    pub(in crate::crypto) fn next(&mut self) {
        self.done += 1;
        self.upto = DeviceSn(0);
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.done, self.upto.0, self.stored, self.refused)
    }
}

impl FromStr for Progress {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut numbers = text.split(' ').map(|number| number.parse::<i64>().map_err(drop));
        let mut next = || numbers.next().ok_or(())?;
        let (done, upto, stored, refused) = (next()?, next()?, next()?, next()?);
        let count = |number: i64| usize::try_from(number).map_err(drop);
        Ok(Self {
            done: count(done)?,
            upto: DeviceSn(upto),
            stored: count(stored)?,
            refused: count(refused)?,
            ..Self::new()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_again() {
        let place = Progress { done: 7, upto: DeviceSn(1_234_567), stored: 5, refused: 2, ..Progress::new() };
        assert_eq!(Progress::resumed(&place.to_string()), place);
        for text in ["", "1 2 3", "1 2 -3 4", "x 2 3 4"] {
            assert_eq!(Progress::resumed(text), Progress::new());
        }
    }

    #[test]
    fn a_budget_ends() {
        let mut place = Progress::new();
        assert!(place.spend(TO_DEVICE_ROWS_PER_WRITE_MAX + 1), "what never fits is not put off for ever");
        place = Progress::new();
        assert_eq!((0..).take_while(|_| place.spend(2)).count(), TO_DEVICE_ROWS_PER_WRITE_MAX / 2);
        place = Progress::new();
        place.overspend(u64::MAX);
        assert!(!place.spend(1));
    }
}
