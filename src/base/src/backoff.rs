//! How long to wait before something that failed is tried again: a pure function, of which chance is an argument.

use std::time::Duration;

use crate::Millis;

/// The part of a wait that chance may take off: a quarter.
const JITTER_DIVISOR: u64 = 4;

/// Waits that double with each failure, up to a longest one.
///
/// Each is shortened by chance (`Random::chance`), so that what failed together, because one thing was away, is not
/// all tried again in the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first_ms: Millis,
    max_ms: Millis,
}

impl Backoff {
    /// `first_ms` after the first failure; never longer than `max_ms`.
    #[must_use]
    pub const fn new(first_ms: Millis, max_ms: Millis) -> Self {
        Self { first_ms, max_ms }
    }

    /// The wait after so many failures in a row, in milliseconds; none counts as one. `chance` takes between nothing (0) and a
    /// quarter (255) off.
    #[must_use]
    pub fn wait_ms(self, failures: impl Into<u64>, chance: u8) -> Millis {
        let doublings = u32::try_from(failures.into().saturating_sub(1)).unwrap_or(u32::MAX);
        let factor = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
        let wait = self.first_ms.saturating_mul(factor).min(self.max_ms);
        wait - wait / JITTER_DIVISOR * u64::from(chance) / u64::from(u8::MAX)
    }

    /// [`Self::wait_ms`] as a duration.
    #[must_use]
    pub fn wait(self, failures: impl Into<u64>, chance: u8) -> Duration {
        Duration::from_millis(self.wait_ms(failures, chance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff::new(2_000, 3_600_000);

    #[test]
    fn waits_double_up_to_the_longest() {
        assert_eq!([0_u32, 1, 2, 3].map(|failures| BACKOFF.wait_ms(failures, 0)), [2_000, 2_000, 4_000, 8_000]);
        assert_eq!(BACKOFF.wait_ms(11_u32, 0), 2_048_000);
        for failures in [12, 62, 63, 64, 65, 66, 1_000, u64::from(u32::MAX) + 2, u64::MAX] {
            assert_eq!(BACKOFF.wait_ms(failures, 0), 3_600_000, "{failures}");
        }
        assert_eq!(Backoff::new(u64::MAX / 2, u64::MAX).wait_ms(3_u32, 0), u64::MAX);
        assert_eq!(BACKOFF.wait(1_u32, 0), Duration::from_secs(2));
    }

    #[test]
    fn chance_takes_at_most_a_quarter_off() {
        assert_eq!([0, 255].map(|chance| BACKOFF.wait_ms(1_u32, chance)), [2_000, 1_500]);
        let waits: Vec<_> = (0..=255).map(|chance| BACKOFF.wait_ms(30_u32, chance)).collect();
        assert!(waits.is_sorted_by(|a, b| a > b), "every chance is a wait of its own");
        assert_eq!(waits.last(), Some(&2_700_000));
    }
}
