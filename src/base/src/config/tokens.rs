//! `[tokens]`: how long tokens live.

use super::check::Checks;
use super::schema::section;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const YEAR_MS: u64 = 365 * DAY_MS;

section! {
    /// How long tokens live.
    pub struct Tokens {
        /// How long an access token lives, in milliseconds, for clients that can refresh it. Those of other clients
        /// live until the client logs out.
        access_token_lifetime_ms: u64 = 60 * 60 * 1_000,
        /// How long a refresh token that nobody uses lives, in milliseconds. Unset, it does not expire.
        refresh_token_lifetime_ms: Option<u64> = None => "7776000000",
        /// How long a login token lives, such as the one behind a QR code, in milliseconds.
        login_token_lifetime_ms: u64 = 2 * 60 * 1_000,
    }
}

impl Tokens {
    pub(super) fn check(&self, checks: &mut Checks) {
        checks.within("tokens.access_token_lifetime_ms", self.access_token_lifetime_ms, 60_000..=YEAR_MS);
        if let Some(lifetime) = self.refresh_token_lifetime_ms {
            checks.within("tokens.refresh_token_lifetime_ms", lifetime, 60_000..=10 * YEAR_MS);
            checks.require(
                lifetime > self.access_token_lifetime_ms,
                "tokens.refresh_token_lifetime_ms",
                "it must be longer than `tokens.access_token_lifetime_ms`, or nobody can refresh",
            );
        }
        checks.within("tokens.login_token_lifetime_ms", self.login_token_lifetime_ms, 1_000..=DAY_MS);
    }
}
