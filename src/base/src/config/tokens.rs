//! `[tokens]`: lifetimes of tokens.

use super::check::Checks;
use super::schema::section;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const YEAR_MS: u64 = 365 * DAY_MS;

section! {
    /// Lifetimes of tokens.
    pub struct Tokens {
        /// Lifetime of an access token in milliseconds, for clients that support refresh tokens. Those of other clients
        /// are valid until logout.
        access_token_lifetime_ms: u64 = 60 * 60 * 1_000,
        /// Lifetime of an unused refresh token, in milliseconds. Unset: unlimited.
        refresh_token_lifetime_ms: Option<u64> = None => "7776000000",
        /// Lifetime of a login token, such as the one in a QR code, in milliseconds.
        login_token_lifetime_ms: u64 = 2 * 60 * 1_000,
        /// After how many days without use a device is logged out. 0: never. The device that a user used last stays, and a
        /// device with encryption keys as long as its user has no key backup, since it may hold the only keys to old
        /// messages.
        unused_device_days: u32 = 0,
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
                "it must be longer than `tokens.access_token_lifetime_ms`, otherwise clients cannot refresh",
            );
        }
        checks.within("tokens.login_token_lifetime_ms", self.login_token_lifetime_ms, 1_000..=DAY_MS);
        checks.within("tokens.unused_device_days", self.unused_device_days, 0..=36_500);
        // Holidays are no reason to log in anew.
        checks.warn_if(
            (1..30).contains(&self.unused_device_days),
            "tokens.unused_device_days",
            "devices are logged out after less than a month without use; more days spare people the new login",
        );
    }
}
