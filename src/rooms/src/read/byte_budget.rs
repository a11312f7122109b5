//! Bounds an answer in bytes, because a thousand events may have 60 kB each, and each may bundle others.
//!
//! A page ends at a number of events or at a number of bytes, whichever comes first, and its token leads to the first
//! event that did not fit.

use hearth_base::limits;

/// The bytes that the events of one answer may still take, as JSON.
#[derive(Debug, Clone, Copy)]
pub struct ByteBudget {
    left: usize,
    /// The next event fits, however large it is: a page without one would lead nowhere.
    owes_one: bool,
}

impl ByteBudget {
    /// The budget of a page: [`limits::PAGE_BYTES_MAX`], and at least one event.
    #[must_use]
    pub fn page() -> Self {
        Self::at_least_one(limits::PAGE_BYTES_MAX)
    }

    /// At least one event, and further ones within `bytes`.
    #[must_use]
    pub fn at_least_one(bytes: usize) -> Self {
        Self { left: bytes, owes_one: true }
    }

    /// Only events within `bytes`.
    #[must_use]
    pub fn within(bytes: usize) -> Self {
        Self { left: bytes, owes_one: false }
    }

    /// Takes `bytes`, or returns false and takes nothing if they do not fit.
    pub fn take(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.left || self.owes_one;
        if fits {
            self.spend(bytes);
        }
        fits
    }

    /// Takes `bytes`, which the answer must have in any case.
    pub fn spend(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
        self.owes_one = false;
    }

    /// The bytes that are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_one_event_and_then_what_fits() {
        let mut page = ByteBudget::at_least_one(10);
        assert!(page.take(25), "the first event fits always");
        assert!(!page.take(1));
        let mut page = ByteBudget::at_least_one(10);
        assert!(page.take(4) && page.take(6) && !page.take(1) && page.take(0));
        let mut rest = ByteBudget::within(10);
        assert!(!rest.take(11) && rest.take(10));
        assert_eq!(rest.left(), 0);
    }
}
