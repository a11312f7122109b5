//! Whether an authority may be asked for a certificate: a pure function of what has happened, the time, and chance.
//!
//! Authorities lock out clients that try too often (Let's Encrypt: 5 failed validations an hour, 5 certificates for the same
//! names a week), and then the server has no certificate for days. So every order is entered here and written to
//! disk *before* it begins. One that has begun and not ended, because the server was killed, counts as failed.

use hearth_base::Millis;
use hearth_base::limits::certificates::{
    ACME_DUPLICATES_MAX, ACME_DUPLICATES_MS, ACME_FAILED_VALIDATIONS_MAX, ACME_ORDER_BACKOFF, ACME_RATE_LIMITED_MS_MIN,
    ACME_REACH_BACKOFF, ACME_REASON_CHARS_MAX, ACME_VALIDATIONS_MS, ACME_WAIT_MS_MAX,
};
use serde::{Deserialize, Serialize};

/// Why an order failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What that means for the next attempt.
    pub kind: FailureKind,
    /// The reason in words, which the operator reads.
    pub reason: String,
}

/// Kinds of failures, by what an authority counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The authority did not answer, or with an error of its own. No limit counts that.
    Unreachable,
    /// The order was refused, or a name could not be proven.
    Refused,
    /// There were too many orders; it names a time in milliseconds, or none.
    RateLimited(Option<Millis>),
    /// The certificate that was issued is unfit. It counts as issued.
    Unfit,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, reason: impl Into<String>) -> Self {
        let reason: String = reason.into();
        Self { kind, reason: reason.chars().take(ACME_REASON_CHARS_MAX).collect() }
    }

    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self::new(FailureKind::Refused, reason)
    }

    pub(crate) fn unreachable(reason: impl Into<String>) -> Self {
        Self::new(FailureKind::Unreachable, reason)
    }
}

/// Why there must be no order now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The first moment at which there may be one.
    pub until_ms: Millis,
    /// Whether a person may overrule it. A limit of the authority may not be.
    pub can_be_forced: bool,
}

/// The orders at one authority. On disk as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// Failures since the last success.
    pub failures: u32,
    /// Why the last attempt failed.
    pub failure: Option<String>,
    /// The beginning of the last attempt.
    pub attempt_ms: Option<Millis>,
    /// No further attempt by itself before this moment.
    pub next_ms: Millis,
    /// Whether that is a limit of the authority, which a person must not overrule.
    pub limited: bool,
    /// The beginning of an order that has not ended.
    open_ms: Option<Millis>,
    /// Orders that failed at a proof, within the last hour.
    refused_ms: Vec<Millis>,
    /// The names of the certificates below.
    names: Vec<String>,
    /// Certificates that were issued for these names, within the last week.
    issued: Vec<Issued>,
}

/// A certificate that an authority has issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Issued {
    at_ms: Millis,
    /// Whether it was put into service.
    used: bool,
}

impl History {
    /// Whether an order for `names` may begin. `is_due` tells that the certificate in service is of this authority and two thirds of
    /// its lifetime are over. `forced`: a person asks for it.
    ///
    /// # Errors
    /// How long to wait.
    pub fn may_begin(&self, names: &[String], now_ms: Millis, is_due: bool, forced: bool) -> Result<(), Wait> {
        let limit = |until_ms| Err(Wait { until_ms, can_be_forced: false });
        let refused = within(&self.refused_ms, now_ms, ACME_VALIDATIONS_MS);
        if let Some(oldest) = refused.len().checked_sub(ACME_FAILED_VALIDATIONS_MAX).map(|index| refused[index]) {
            return limit(oldest + ACME_VALIDATIONS_MS);
        }
        let issued = if self.names == names { &self.issued[..] } else { &[] };
        // Certificates of a few hours or days are renewed more often than the limit allows; their authorities know that.
        // Otherwise the certificate was lost, or unfit ones are issued.
        let renews = is_due && issued.last().is_none_or(|last| last.used);
        let times: Vec<Millis> = issued.iter().map(|issued| issued.at_ms).collect();
        let times = within(&times, now_ms, ACME_DUPLICATES_MS);
        if let (false, Some(index)) = (renews, times.len().checked_sub(ACME_DUPLICATES_MAX)) {
            return limit(times[index] + ACME_DUPLICATES_MS);
        }
        // A clock that was far ahead must not stop renewals for years.
        let next_ms = self.next_ms.min(now_ms.saturating_add(ACME_WAIT_MS_MAX));
        if now_ms < next_ms && (!forced || self.limited) {
            return Err(Wait { until_ms: next_ms, can_be_forced: !self.limited });
        }
        Ok(())
    }

    /// An order begins. To be on disk before the authority is asked.
    pub fn begin(&mut self, names: &[String], now_ms: Millis) {
        if self.names != names {
            self.names = names.to_vec();
            self.issued.clear();
        }
        self.refused_ms = within(&self.refused_ms, now_ms, ACME_VALIDATIONS_MS);
        self.issued.retain(|issued| issued.at_ms.min(now_ms) + ACME_DUPLICATES_MS > now_ms);
        (self.attempt_ms, self.open_ms) = (Some(now_ms), Some(now_ms));
    }

    /// What was read from disk may have an order that never ended: it counts as refused, and as issued, for it may have been
    /// either.
    pub fn reopened(&mut self) {
        let Some(at_ms) = self.open_ms else { return };
        self.issued.push(Issued { at_ms, used: false });
        let failure = Failure::refused("the server was stopped while the order was under way");
        self.failed(&failure, at_ms, 0);
    }

    /// The order failed. `chance` shortens the wait by up to a quarter.
    pub fn failed(&mut self, failure: &Failure, now_ms: Millis, chance: u8) {
        self.open_ms = None;
        self.failures = self.failures.saturating_add(1);
        self.failure = Some(failure.reason.clone());
        self.limited = matches!(failure.kind, FailureKind::RateLimited(_));
        let wait_ms = match failure.kind {
            FailureKind::Unreachable => ACME_REACH_BACKOFF.wait_ms(self.failures, chance),
            FailureKind::Refused | FailureKind::Unfit => ACME_ORDER_BACKOFF.wait_ms(self.failures, chance),
            FailureKind::RateLimited(named) => named.unwrap_or(0).clamp(ACME_RATE_LIMITED_MS_MIN, ACME_WAIT_MS_MAX),
        };
        self.next_ms = now_ms.saturating_add(wait_ms);
        match failure.kind {
            FailureKind::Refused => self.refused_ms.push(now_ms),
            FailureKind::Unfit => self.issued.push(Issued { at_ms: now_ms, used: false }),
            FailureKind::Unreachable | FailureKind::RateLimited(_) => {}
        }
    }

    /// The certificate was issued and is in service.
    pub fn succeeded(&mut self, now_ms: Millis) {
        self.issued.push(Issued { at_ms: now_ms, used: true });
        *self = Self {
            attempt_ms: self.attempt_ms,
            refused_ms: std::mem::take(&mut self.refused_ms),
            names: std::mem::take(&mut self.names),
            issued: std::mem::take(&mut self.issued),
            ..Self::default()
        };
    }
}

/// Those of `times` that are not older than `span_ms`, oldest first. A moment in the future, which a wrong clock has left, counts as
/// now.
fn within(times: &[Millis], now_ms: Millis, span_ms: Millis) -> Vec<Millis> {
    let mut recent: Vec<Millis> = times.iter().map(|at| (*at).min(now_ms)).filter(|at| at + span_ms > now_ms).collect();
    recent.sort_unstable();
    recent
}

#[cfg(test)]
mod tests {
    use hearth_base::Clock;
    use hearth_base::clock::ManualClock;

    use super::*;

    const MINUTE: Millis = 60_000;
    const HOUR: Millis = 60 * MINUTE;
    const DAY: Millis = 24 * HOUR;

    fn names() -> Vec<String> {
        vec!["a.b".to_owned()]
    }

    /// Makes an order whenever it is allowed, for `span`, with the shortest waits; returns the times.
    fn orders(history: &mut History, span: Millis, mut end: impl FnMut(&mut History, Millis)) -> Vec<Millis> {
        let clock = ManualClock::at(1_000 * DAY);
        let until = clock.now_ms() + span;
        let mut times = Vec::new();
        while clock.now_ms() < until {
            if history.may_begin(&names(), clock.now_ms(), true, false).is_ok() {
                history.begin(&names(), clock.now_ms());
                times.push(clock.now_ms());
                end(history, clock.now_ms());
            }
            clock.advance(10_000);
        }
        times
    }

    /// The most of them within any span.
    fn most(times: &[Millis], span: Millis) -> usize {
        times.iter().map(|from| times.iter().filter(|at| (*from..*from + span).contains(at)).count()).max().unwrap_or(0)
    }

    fn refused() -> Failure {
        Failure::refused("no such host")
    }

    #[test]
    fn failed_proofs_stay_below_the_limit_of_the_authority() {
        let mut history = History::default();
        let times = orders(&mut history, 3 * DAY, |history, now| history.failed(&refused(), now, 255));
        assert!(most(&times, HOUR) <= ACME_FAILED_VALIDATIONS_MAX && times.len() > 8, "{times:?}");
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 10 * MINUTE), "{times:?}");
        assert_eq!(history.failure.as_deref(), Some("no such host"));
        // A person who presses the button again and again reaches the limit, and not more.
        let mut history = History::default();
        let mut forced = Vec::new();
        for second in 0..7_200_u64 {
            let now = 1_000 * DAY + second * 1_000;
            if history.may_begin(&names(), now, true, true).is_ok() {
                history.begin(&names(), now);
                history.failed(&refused(), now, 0);
                forced.push(now);
            }
        }
        assert_eq!(most(&forced, HOUR), ACME_FAILED_VALIDATIONS_MAX);
    }

    #[test]
    fn a_server_that_is_killed_again_and_again_reaches_no_limit() {
        let mut history = History::default();
        let times = orders(&mut history, 30 * DAY, |history, _| {
            // As it would be read after a crash.
            let json = serde_json::to_string(history).unwrap();
            *history = serde_json::from_str(&json).unwrap();
            history.reopened();
        });
        assert!(most(&times, HOUR) <= ACME_FAILED_VALIDATIONS_MAX, "{times:?}");
        assert!(most(&times, 7 * DAY) <= ACME_DUPLICATES_MAX, "{times:?}");
    }

    #[test]
    fn unfit_certificates_are_not_ordered_without_end() {
        let mut history = History::default();
        let unfit = Failure::new(FailureKind::Unfit, "it has expired");
        let times = orders(&mut history, 30 * DAY, |history, now| history.failed(&unfit, now, 255));
        assert!(most(&times, 7 * DAY) <= ACME_DUPLICATES_MAX && times.len() > ACME_DUPLICATES_MAX, "{times:?}");
    }

    #[test]
    fn a_lost_certificate_is_replaced_five_times_a_week() {
        let mut history = History::default();
        let now = 1_000 * DAY;
        for _ in 0..ACME_DUPLICATES_MAX {
            history.may_begin(&names(), now, false, false).unwrap();
            history.begin(&names(), now);
            history.succeeded(now);
        }
        let wait = Wait { until_ms: now + 7 * DAY, can_be_forced: false };
        assert_eq!(history.may_begin(&names(), now + 1, false, true), Err(wait));
        assert_eq!(history.may_begin(&names(), now + 7 * DAY, false, false), Ok(()));
        // One that is due, since its authority gives it a short life, and other names, are no duplicates.
        assert_eq!(history.may_begin(&names(), now + 1, true, false), Ok(()));
        assert_eq!(history.may_begin(&["c.d".to_owned()], now + 1, false, false), Ok(()));
    }

    #[test]
    fn an_authority_that_is_away_is_asked_again_soon_and_then_rarely() {
        let mut history = History::default();
        let away = Failure::unreachable("connection refused");
        let times = orders(&mut history, DAY, |history, now| history.failed(&away, now, 0));
        assert!(times[1] - times[0] <= 2 * MINUTE, "{times:?}");
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] <= HOUR + 10_000), "{times:?}");
        assert!((24..40).contains(&times.len()), "{}", times.len());
    }

    #[test]
    fn what_the_authority_demands_is_not_overruled() {
        let mut history = History::default();
        let now = 1_000 * DAY;
        history.begin(&names(), now);
        history.failed(&Failure::new(FailureKind::RateLimited(Some(3 * HOUR)), "too many"), now, 255);
        for forced in [false, true] {
            let wait = history.may_begin(&names(), now + HOUR, true, forced).unwrap_err();
            assert_eq!(wait, Wait { until_ms: now + 3 * HOUR, can_be_forced: false });
        }
        history.begin(&names(), now + 3 * HOUR);
        history.failed(&Failure::unreachable("away"), now + 3 * HOUR, 0);
        assert!(history.may_begin(&names(), now + 3 * HOUR, true, false).unwrap_err().can_be_forced);
        assert_eq!(history.may_begin(&names(), now + 3 * HOUR, true, true), Ok(()));
        history.begin(&names(), now + 4 * HOUR);
        history.succeeded(now + 4 * HOUR);
        assert_eq!((history.failures, history.failure.as_deref(), history.next_ms), (0, None, 0));
    }

    #[test]
    fn a_clock_that_was_wrong_stops_nothing_for_long() {
        let mut history = History::default();
        let (future, now) = (40_000 * DAY, 1_000 * DAY);
        history.begin(&names(), future);
        history.failed(&refused(), future, 0);
        let wait = history.may_begin(&names(), now, true, false).unwrap_err();
        assert!(wait.until_ms <= now + 7 * DAY);
        assert_eq!(history.may_begin(&names(), now, true, true), Ok(()));
    }
}
