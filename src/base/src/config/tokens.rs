//! `[tokens]`: how long tokens live.

use super::schema::section;

section! {
    /// How long tokens live.
    pub struct Tokens {
        /// How long an access token lives, in milliseconds, for clients that can refresh it. Those of other clients live
        /// until the client logs out.
        access_token_lifetime_ms: u64 = 60 * 60 * 1_000,
        /// How long a refresh token that nobody uses lives, in milliseconds. Unset, it does not expire.
        refresh_token_lifetime_ms: Option<u64> = None => "7776000000",
        /// How long a login token lives, such as the one behind a QR code, in milliseconds.
        login_token_lifetime_ms: u64 = 2 * 60 * 1_000,
    }
}
