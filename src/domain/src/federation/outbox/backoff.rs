//! How long a server that could not be reached is left alone. A pure function; chance is an argument.

use hearth_base::{Millis, limits};

/// After the first failure.
const FIRST_MS: Millis = 2_000;
/// A server that has been away for longer than this is tried less often.
const AWAY_MS: Millis = 3 * 24 * 60 * 60 * 1_000;

/// How long to wait after so many failures in a row, the first of which was `away_ms` ago, in milliseconds.
///
/// Doubles up to an hour, for servers long away up to a day. `chance` takes up to a quarter off, so that servers that went
/// away together are not tried together.
pub(super) fn wait_ms(failures: u32, away_ms: Millis, chance: u8) -> Millis {
    let max = if away_ms < AWAY_MS { limits::BACKOFF_MS_MAX } else { limits::BACKOFF_AWAY_MS_MAX };
    let doubled = FIRST_MS << failures.saturating_sub(1).min(20);
    let wait = doubled.min(max);
    wait - wait / 4 * u64::from(chance) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_doubles_up_to_an_hour_and_after_days_up_to_a_day() {
        assert_eq!([1, 2, 3].map(|failures| wait_ms(failures, 0, 0)), [2_000, 4_000, 8_000]);
        assert_eq!(wait_ms(30, AWAY_MS - 1, 0), limits::BACKOFF_MS_MAX);
        assert_eq!(wait_ms(30, AWAY_MS, 0), limits::BACKOFF_AWAY_MS_MAX);
        assert_eq!(wait_ms(u32::MAX, u64::MAX, 0), limits::BACKOFF_AWAY_MS_MAX);
    }

    #[test]
    fn chance_takes_at_most_a_quarter_off() {
        assert_eq!(wait_ms(1, 0, 255), 1_500);
        assert!((1_500..=2_000).contains(&wait_ms(1, 0, 77)));
    }
}
