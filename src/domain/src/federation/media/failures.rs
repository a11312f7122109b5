//! Remembers for a while what could not be fetched: a picture that is gone stands in many a timeline, and every client would
//! make us ask for it again.

use std::fmt;

use hearth_base::{Error, Millis, Reason, Result, error::refuse};
use quick_cache::sync::Cache;

use super::RemoteMediaId;

/// Failures that are remembered.
const FAILURES_MAX: usize = 10_000;
/// How long a server is believed that it has no such media.
const NOT_FOUND_MS: Millis = 60_000;
/// How long media stays too large.
const TOO_LARGE_MS: Millis = 60 * 60 * 1_000;
/// After any other failure.
const OTHER_MS: Millis = 20_000;

#[derive(Clone)]
struct FetchFailure {
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
    pub(super) fn note(&self, address: &RemoteMediaId, error: &Error, now_ms: Millis) {
        let Some(reason) = error.reason() else { return };
        let last_ms = match reason {
            Reason::NotFound => NOT_FOUND_MS,
            Reason::TooLarge => TOO_LARGE_MS,
            Reason::NotYetUploaded | Reason::OutOfSpace => return,
            _ => OTHER_MS,
        };
        let failure = FetchFailure { until_ms: now_ms.saturating_add(last_ms), reason, message: error.to_string() };
        self.0.insert(address.clone(), failure);
    }
}
