//! Back-off of key fetches: never again at once, and less often while a server does not answer.

use hearth_base::limits::federation::{KEYS_RETRY_PAUSE_MS_MAX, KEYS_RETRY_SERVERS_MAX};
use hearth_base::{Backoff, Error, Millis, Reason, Result, error::refuse};
use quick_cache::sync::Cache;
use ruma::{OwnedServerName, ServerName};

/// After a success, and after the first failure, in milliseconds.
const PAUSE_MS_MIN: u64 = 10_000;
/// After many failures, when the server itself has sent a request, in milliseconds.
const PAUSE_MS_MAX_PRESENT: u64 = 30_000;

/// Urgency of a key fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// A third party relays something that is signed with the server's key.
    Absent,
    /// The server itself has sent a request, so it is likely to answer.
    Present,
    /// A notary query requires a newer document than the stored one (`minimum_valid_until_ts`): fetches at once,
    /// unless another query has just done so.
    Notary,
}

#[derive(Debug, Clone)]
struct Attempt {
    failures: u32,
    at_ms: Millis,
    /// Drawn once for each attempt: a new value for each check would move the end of the pause.
    chance: u8,
    /// `None` after a success.
    why: Option<String>,
    /// Whether the fetch was for a notary query.
    for_others: bool,
}

/// Recent attempts to fetch keys.
#[derive(Debug)]
pub(super) struct Attempts(Cache<OwnedServerName, Attempt>);

impl Default for Attempts {
    fn default() -> Self {
        Self(Cache::new(KEYS_RETRY_SERVERS_MAX))
    }
}

impl Attempts {
    /// `M_CONNECTION_FAILED` during back-off.
    pub(super) fn check(&self, server: &ServerName, urgency: Urgency, now_ms: Millis) -> Result<()> {
        let Some(Attempt { failures, at_ms, chance, why, for_others }) = self.0.get(server) else { return Ok(()) };
        if urgency == Urgency::Notary && failures == 0 && !for_others {
            return Ok(());
        }
        let most = if urgency == Urgency::Present { PAUSE_MS_MAX_PRESENT } else { KEYS_RETRY_PAUSE_MS_MAX };
        let pause_ms = Backoff::new(PAUSE_MS_MIN, most).wait_ms(failures, chance);
        // After a clock is set back the pause ends, because it must not grow.
        if now_ms < at_ms || now_ms - at_ms >= pause_ms {
            return Ok(());
        }
        let ago_s = (now_ms - at_ms) / 1_000;
        Err(match why {
            Some(why) => refuse(Reason::ConnectionFailed, format!("{why} (That was {ago_s} s ago.)")),
            None => refuse(Reason::InvalidSignature, format!("{server} listed no such key {ago_s} s ago.")),
        })
    }

    pub(super) fn went_well(&self, server: &ServerName, urgency: Urgency, now_ms: Millis) {
        let for_others = urgency == Urgency::Notary;
        self.0.insert(server.to_owned(), Attempt { failures: 0, at_ms: now_ms, chance: 0, why: None, for_others });
    }

    pub(super) fn failed(&self, server: &ServerName, why: &Error, now_ms: Millis, chance: u8) {
        let failures = self.0.get(server).map_or(0, |attempt| attempt.failures).saturating_add(1);
        let why = Some(why.to_string());
        self.0.insert(server.to_owned(), Attempt { failures, at_ms: now_ms, chance, why, for_others: false });
    }

    pub(super) fn forget(&self, server: &ServerName) {
        self.0.remove(server);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let (attempts, server) = (Attempts::default(), ServerName::parse("a.example").expect("a name"));
        let may = |urgency, now_ms| attempts.check(&server, urgency, now_ms).is_ok();
        assert!(may(Urgency::Absent, 0));
        attempts.failed(&server, &Error::not_found("Nobody answers."), 1_000, 0);
        assert!(!may(Urgency::Absent, 10_999));
        assert!(may(Urgency::Absent, 11_000));
        for _ in 0..50 {
            attempts.failed(&server, &Error::not_found("Nobody answers."), 1_000, 0);
        }
        assert!(!may(Urgency::Absent, 3_600_999));
        assert!(may(Urgency::Present, 31_000), "whoever is here need not wait for an hour");
        assert!(may(Urgency::Absent, 3_601_000));
        assert!(may(Urgency::Absent, 999), "the clock was set back");
        attempts.went_well(&server, Urgency::Absent, 5_000_000);
        let refused = attempts.check(&server, Urgency::Present, 5_001_000).expect_err("it was just asked");
        assert_eq!(refused.reason(), Some(Reason::InvalidSignature));
    }
}
