//! Traffic rates from the counters of successive responses.

use std::collections::HashMap;

/// Shortest interval for computing a rate, in milliseconds. A shorter one gives no meaningful rate.
const RATE_INTERVAL_MS_MIN: u64 = 1_000;

/// Bytes per second by key.
#[derive(Debug, Default)]
pub(super) struct Rates {
    /// The server's clock at the last response; 0 before the first.
    at_ms: u64,
    bytes: HashMap<String, u64>,
    /// Bytes per second between the last two responses.
    rates: HashMap<String, u64>,
}

impl Rates {
    pub(super) fn update<'a>(&mut self, now_ms: u64, counters: impl Iterator<Item = (&'a str, u64)>) {
        let passed_ms = now_ms.checked_sub(self.at_ms);
        if passed_ms.is_some_and(|passed| passed < RATE_INTERVAL_MS_MIN) {
            return;
        }
        let then = std::mem::take(&mut self.bytes);
        self.rates.clear();
        for (key, bytes) in counters {
            // A counter that decreased was reset by a server restart.
            let more = then.get(key).and_then(|before| bytes.checked_sub(*before));
            if let (Some(more), Some(passed_ms)) = (more, passed_ms) {
                self.rates.insert(key.to_owned(), more.saturating_mul(1_000) / passed_ms.max(1));
            }
            self.bytes.insert(key.to_owned(), bytes);
        }
        self.at_ms = now_ms;
    }

    pub(super) fn of(&self, key: &str) -> Option<u64> {
        self.rates.get(key).copied()
    }

    pub(super) fn total(&self) -> Option<u64> {
        (!self.rates.is_empty()).then(|| self.rates.values().fold(0, |sum: u64, rate| sum.saturating_add(*rate)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_needs_two_responses_with_time_between_them() {
        let mut rates = Rates::default();
        rates.update(10_000, [("a", 500)].into_iter());
        assert_eq!((rates.of("a"), rates.total()), (None, None));
        rates.update(10_300, [("a", 900)].into_iter());
        assert_eq!(rates.of("a"), None, "too soon");
        rates.update(15_000, [("a", 10_500), ("b", 7)].into_iter());
        assert_eq!((rates.of("a"), rates.of("b"), rates.total()), (Some(2_000), None, Some(2_000)));
        rates.update(20_000, [("a", 0), ("b", 5_007)].into_iter());
        assert_eq!((rates.of("a"), rates.of("b")), (None, Some(1_000)), "a began anew");
        rates.update(5_000, [("b", 9_999)].into_iter());
        assert_eq!(rates.of("b"), None, "a clock that goes back gives no rate");
        rates.update(6_000, [("b", 10_999)].into_iter());
        assert_eq!(rates.of("b"), Some(1_000));
    }
}
