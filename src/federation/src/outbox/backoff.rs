//! Back-off of unreachable servers.

use hearth_base::{Backoff, Millis, limits};

/// After the first failure, in milliseconds.
const FIRST_MS: Millis = 2_000;
/// A server that is unreachable for longer than this, in milliseconds, is tried less often.
const AWAY_MS: Millis = 3 * 24 * 60 * 60 * 1_000;

/// How long to wait after `failures` consecutive failures, the first of which was `away_ms` ago, in milliseconds.
/// Doubles up to an hour, or up to a day for servers that are unreachable for long.
pub(super) fn wait_ms(failures: u32, away_ms: Millis, chance: u8) -> Millis {
    let max_ms = if away_ms < AWAY_MS { limits::BACKOFF_MS_MAX } else { limits::BACKOFF_AWAY_MS_MAX };
    Backoff::new(FIRST_MS, max_ms).wait_ms(failures, chance)
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
}
