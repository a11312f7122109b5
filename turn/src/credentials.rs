//! Time-limited TURN credentials, as in the TURN REST API draft and coturn's `use-auth-secret`. The relay
//! derives the password from the user name and a shared secret, so no database is needed.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha1::Sha1;

/// A USERNAME with its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `expiry:user`, with the expiry in seconds since the Unix epoch.
    pub username: String,
    /// Base64 of HMAC-SHA1(secret, username).
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// What the relay needs from the program that embeds it. Called once per request that carries a USERNAME, never
/// per relayed datagram.
pub trait Authority: Send + Sync {
    /// The current time, in seconds since the Unix epoch.
    fn now_unix_s(&self) -> u64;
    /// The secrets under which credentials are valid, newest first. While a secret is being rotated there is
    /// more than one, so that calls in progress can still refresh.
    fn secrets(&self) -> Vec<Arc<[u8]>>;
    /// Whether `user` (as given to [`mint`]) has lost access to the relay. Overrides credentials that have not expired.
    fn is_revoked(&self, user: &str) -> bool;
}

/// Creates credentials for `user` that are valid until `expires_s`, in seconds since the Unix epoch.
#[must_use]
pub fn mint(secret: &[u8], user: &str, expires_s: u64) -> Credentials {
    let username = format!("{expires_s}:{user}");
    let password = password(secret, &username);
    Credentials { username, password }
}

/// The password for `username` under `secret`: base64 of the HMAC-SHA1.
#[must_use]
pub fn password(secret: &[u8], username: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(username.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Splits a USERNAME into its expiry, in seconds since the Unix epoch, and its user. Returns `None` for a name
/// that [`mint`] cannot have produced.
#[must_use]
pub fn read_username(username: &str) -> Option<(u64, &str)> {
    let (expires, user) = username.split_once(':')?;
    let digits = !expires.is_empty() && expires.bytes().all(|b| b.is_ascii_digit());
    (digits && !user.is_empty()).then_some(())?;
    Some((expires.parse().ok()?, user))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_matches_an_independent_implementation() {
        // The expected value comes from another HMAC implementation.
        let minted = mint(b"north", "@alice:example.org", 1_433_895_918);
        assert_eq!(minted.username, "1433895918:@alice:example.org");
        assert_eq!(minted.password, "U1hnS4Fn7mbCvacwlDvVjDlUr5M=");
    }

    #[test]
    fn parses_minted_user_names_only() {
        assert_eq!(read_username("1433895918:@alice:example.org"), Some((1_433_895_918, "@alice:example.org")));
        for bad in ["", ":", "1:", ":a", "a:b", "+1:b", "-1:b", " 1:b", "99999999999999999999:b", "12"] {
            assert_eq!(read_username(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn debug_output_omits_the_password() {
        let minted = mint(b"north", "@alice:example.org", 1);
        assert!(!format!("{minted:?}").contains(&minted.password));
    }
}
