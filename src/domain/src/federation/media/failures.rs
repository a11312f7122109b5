//! Remembers for a while what could not be fetched: a picture that is gone stands in many a timeline, and every client would
//! make us ask for it again.

use std::fmt;

use hearth_base::{Backoff, Error, Millis, Reason, Result, error::refuse};
use quick_cache::sync::Cache;

use super::RemoteMediaId;

/// Failures that are remembered.
const FAILURES_MAX: usize = 10_000;
/// How long a server is believed that it has no such media.
const NOT_FOUND: Backoff = Backoff::new(60_000, 10 * 60 * 1_000);
/// How long media stays too large.
const TOO_LARGE: Backoff = Backoff::new(60 * 60 * 1_000, 60 * 60 * 1_000);
/// After any other failure.
const OTHER: Backoff = Backoff::new(20_000, 10 * 60 * 1_000);

#[derive(Clone)]
struct FetchFailure {
    /// Failures in a row, of whatever kind.
    failures: u32,
    until_ms: Millis,
    reason: Reason,
    message: String,
}

/// What could not be fetched lately, and why.
pub(super) struct FetchFailures(Cache<RemoteMediaId, FetchFailure>);

impl Default for FetchFailures {
    fn default() -> Self {
        Self(Cache::new(FAILURES_MAX))
    }
}

impl fmt::Debug for FetchFailures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failures({})", self.0.len())
    }
}

impl FetchFailures {
    /// Refuses what was refused a moment ago.
    pub(super) fn check(&self, address: &RemoteMediaId, now_ms: Millis) -> Result<()> {
        match self.0.get(address) {
            Some(failure) if failure.until_ms > now_ms => Err(refuse(failure.reason, failure.message)),
            _ => Ok(()),
        }
    }

    /// Remembers why something could not be fetched, unless that is our own doing or soon over.
    pub(super) fn note(&self, address: &RemoteMediaId, error: &Error, now_ms: Millis, chance: u8) {
        let Some(reason) = error.reason() else { return };
        let backoff = match reason {
            Reason::NotFound => NOT_FOUND,
            Reason::TooLarge => TOO_LARGE,
            Reason::NotYetUploaded | Reason::OutOfSpace => return,
            _ => OTHER,
        };
        let failures = self.0.get(address).map_or(0, |before| before.failures).saturating_add(1);
        let until_ms = now_ms.saturating_add(backoff.wait_ms(failures, chance));
        let failure = FetchFailure { failures, until_ms, reason, message: error.to_string() };
        self.0.insert(address.clone(), failure);
    }

    /// Forgets what went wrong before: it has been fetched.
    pub(super) fn forget(&self, address: &RemoteMediaId) {
        self.0.remove(address);
    }
}
