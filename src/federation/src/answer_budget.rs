//! The bytes that the responses of all servers to one request may have together.

use std::sync::atomic::{AtomicUsize, Ordering};

use hearth_base::limits;

/// The budget of one request, shared by the concurrent responses of several servers.
#[derive(Debug)]
pub struct AnswerBudget(AtomicUsize);

/// What one response holds of it. Given back when it is dropped, unless it was kept: a response that failed is in memory no
/// more.
#[derive(Debug)]
pub struct AnswerShare<'a> {
    budget: &'a AnswerBudget,
    bytes: usize,
}

impl AnswerBudget {
    /// The budget of a query or claim of keys: [`limits::REMOTE_KEYS_BYTES_MAX`].
    #[must_use]
    pub fn keys() -> Self {
        Self(AtomicUsize::new(limits::REMOTE_KEYS_BYTES_MAX))
    }

    /// The share of one response, which has nothing yet.
    pub fn share(&self) -> AnswerShare<'_> {
        AnswerShare { budget: self, bytes: 0 }
    }
}

impl AnswerShare<'_> {
    /// Takes what a response of `bytes` needs; false if there is not enough. A small response needs nothing.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let needs = if bytes <= limits::REMOTE_KEYS_SMALL_BYTES { 0 } else { bytes };
        let more = needs.saturating_sub(self.bytes);
        let taken = self.budget.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(more));
        if taken.is_ok() {
            self.bytes += more;
        }
        taken.is_ok()
    }

    /// Keeps the bytes until the request ends.
    pub fn keep(mut self) {
        self.bytes = 0;
    }
}

impl Drop for AnswerShare<'_> {
    fn drop(&mut self) {
        self.budget.0.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_responses_share_a_bound_and_small_ones_are_always_heard() {
        let budget = AnswerBudget::keys();
        let mut first = budget.share();
        assert!(first.grow(1_000) && first.grow(limits::REMOTE_KEYS_BYTES_MAX));
        let mut second = budget.share();
        assert!(second.grow(limits::REMOTE_KEYS_SMALL_BYTES) && !second.grow(limits::REMOTE_KEYS_SMALL_BYTES + 1));
        drop(first);
        assert!(second.grow(limits::REMOTE_KEYS_BYTES_MAX), "what failed is given back");
        second.keep();
        assert!(!budget.share().grow(limits::REMOTE_KEYS_SMALL_BYTES + 1), "what is kept is not");
    }
}
