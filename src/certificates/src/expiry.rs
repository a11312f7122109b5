//! Warnings before a certificate ends: those are for people, because renewing it has not worked.

use hearth_base::Millis;
use hearth_base::limits::certificates::EXPIRY_WARNINGS;

use crate::Facts;

/// How near the end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nearness {
    /// Less than 20 days.
    Soon,
    /// Less than 10 days.
    Near,
    /// Less than 3 days, or it is over.
    Urgent,
}

const STEPS: [Nearness; 3] = [Nearness::Soon, Nearness::Near, Nearness::Urgent];

/// How near the end of a certificate is; `None` while there is time.
#[must_use]
pub fn nearness(facts: &Facts, now_ms: Millis) -> Option<Nearness> {
    let left_ms = facts.not_after_ms.saturating_sub(now_ms);
    let reached = EXPIRY_WARNINGS
        .iter()
        .zip(STEPS)
        .filter(|((limit_ms, divisor), _)| left_ms < (*limit_ms).min(facts.lifetime_ms() / divisor));
    reached.map(|(_, step)| step).next_back()
}

/// The time that is left, in words.
#[must_use]
pub fn left(facts: &Facts, now_ms: Millis) -> String {
    let Some(left_ms) = facts.not_after_ms.checked_sub(now_ms).filter(|left| *left > 0) else {
        return "has expired".to_owned();
    };
    let hours = left_ms / (60 * 60 * 1_000);
    match hours {
        48.. => format!("ends in {} days", hours / 24),
        2.. => format!("ends in {hours} hours"),
        _ => format!("ends in {} minutes", left_ms / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Millis = 24 * 60 * 60 * 1_000;

    fn of(days: Millis, left: Millis) -> Option<Nearness> {
        let facts = Facts { not_before_ms: 0, not_after_ms: days * DAY, ..Facts::default() };
        nearness(&facts, days * DAY - left)
    }

    #[test]
    fn three_steps_before_the_end() {
        let steps = [30, 20, 19, 10, 9, 3, 2, 0].map(|left| of(90, left * DAY));
        let (soon, near, urgent) = (Some(Nearness::Soon), Some(Nearness::Near), Some(Nearness::Urgent));
        assert_eq!(steps, [None, None, soon, soon, near, near, urgent, urgent]);
    }

    #[test]
    fn a_certificate_of_six_days_is_renewed_before_it_warns() {
        assert_eq!(of(6, 2 * DAY), None);
        assert_eq!(of(6, DAY), Some(Nearness::Soon));
    }

    #[test]
    fn the_rest_is_told_in_words() {
        let facts = Facts { not_before_ms: 0, not_after_ms: 90 * DAY, ..Facts::default() };
        let words = [0, 88 * DAY, 89 * DAY, 90 * DAY - 120_000, 90 * DAY].map(|now| left(&facts, now));
        let wanted = ["ends in 90 days", "ends in 2 days", "ends in 24 hours", "ends in 2 minutes", "has expired"];
        assert_eq!(words, wanted.map(str::to_owned));
    }
}
