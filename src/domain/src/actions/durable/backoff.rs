//! Back-off of durable actions. A pure function; randomness is an argument.

use std::time::Duration;

/// Wait after the first try, in milliseconds.
const FIRST_MS: u64 = 2_000;
/// Upper bound of the wait, in milliseconds.
const LONGEST_MS: u64 = 60 * 60 * 1_000;

/// How long to wait after `tries` tries. Doubles from 2 seconds up to an hour; `chance` removes up to a quarter, so
/// that actions that failed together are not retried together.
pub(super) fn wait(tries: u32, chance: u8) -> Duration {
    let doubled = FIRST_MS << tries.saturating_sub(1).min(20);
    let wait = doubled.min(LONGEST_MS);
    Duration::from_millis(wait - wait / 4 * u64::from(chance) / 255)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_doubles_up_to_an_hour_and_chance_takes_a_quarter_off() {
        assert_eq!([1, 2, 3, 4].map(|tries| wait(tries, 0).as_secs()), [2, 4, 8, 16]);
        assert_eq!([12, 40, u32::MAX].map(|tries| wait(tries, 0).as_secs()), [3_600; 3]);
        assert_eq!(wait(1, 255), Duration::from_millis(1_500));
    }
}
