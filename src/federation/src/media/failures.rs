//! Caches failed fetches: many timelines may refer to a deleted file, and every client would make this server request
//! it again.

use std::fmt;

use hearth_base::limits::federation::MEDIA_FAILURES_MAX;
use hearth_base::{Backoff, Error, Millis, Reason, Result, error::refuse};
use quick_cache::sync::Cache;

use super::RemoteMediaId;

/// Back-off after `M_NOT_FOUND`.
const NOT_FOUND: Backoff = Backoff::new(60_000, 10 * 60 * 1_000);
/// Back-off for files above the size limit.
const TOO_LARGE: Backoff = Backoff::new(60 * 60 * 1_000, 60 * 60 * 1_000);
/// Back-off after any other failure.
const OTHER: Backoff = Backoff::new(20_000, 10 * 60 * 1_000);

#[derive(Clone)]
struct FetchFailure {
    /// Consecutive failures, of any kind.
    failures: u32,
    until_ms: Millis,
    reason: Reason,
    message: String,
}

/// Recent failures, by media id.
pub(super) struct FetchFailures(Cache<RemoteMediaId, FetchFailure>);

impl Default for FetchFailures {
    fn default() -> Self {
        Self(Cache::new(MEDIA_FAILURES_MAX))
    }
}

impl fmt::Debug for FetchFailures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failures({})", self.0.len())
    }
}

impl FetchFailures {
    /// Returns the cached failure during back-off.
    pub(super) fn check(&self, address: &RemoteMediaId, now_ms: Millis) -> Result<()> {
        match self.0.get(address) {
            Some(failure) if failure.until_ms > now_ms => Err(refuse(failure.reason, failure.message)),
            _ => Ok(()),
        }
    }

    /// Caches a failure, unless its cause is local or temporary.
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

    /// Clears the failures after a successful fetch.
    pub(super) fn forget(&self, address: &RemoteMediaId) {
        self.0.remove(address);
    }
}
