//! Passwords for a relay that shares a secret with us (the TURN REST API draft, coturn's `use-auth-secret`): each works for
//! a while and needs no database, as the relay can work it out for itself.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha1::Sha1;

/// A user name with its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// When they expire, in seconds since the Unix epoch, and whose they are: `expiry:user`.
    pub username: String,
    /// The user name's HMAC-SHA1 under the secret, in base64.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// What the relay asks the program that it is part of. Asked for each request that names a user, never for data.
pub trait Authority: Send + Sync {
    /// Seconds since the Unix epoch.
    fn now_unix_s(&self) -> u64;
    /// The secrets under which credentials are good now, the newest first. More than one while a new one is introduced.
    fn secrets(&self) -> Vec<Arc<[u8]>>;
    /// Whether `user`, as given to [`mint`], may no longer use the relay, whatever credentials they still have.
    fn is_revoked(&self, user: &str) -> bool;
}

/// Makes credentials for `user` that work until `expires_s`, in seconds since the Unix epoch.
#[must_use]
pub fn mint(secret: &[u8], user: &str, expires_s: u64) -> Credentials {
    let username = format!("{expires_s}:{user}");
    let password = password(secret, &username);
    Credentials { username, password }
}

/// The password that goes with `username` under `secret`.
#[must_use]
pub fn password(secret: &[u8], username: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(username.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// When the credentials with this user name expire, in seconds since the Unix epoch, and whose they are. `None` if we cannot
/// have minted them.
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
    fn a_relay_works_out_the_same_password() {
        // Worked out with another implementation of HMAC.
        let minted = mint(b"north", "@alice:example.org", 1_433_895_918);
        assert_eq!(minted.username, "1433895918:@alice:example.org");
        assert_eq!(minted.password, "U1hnS4Fn7mbCvacwlDvVjDlUr5M=");
    }

    #[test]
    fn user_names_are_read_as_they_are_minted() {
        assert_eq!(read_username("1433895918:@alice:example.org"), Some((1_433_895_918, "@alice:example.org")));
        for bad in ["", ":", "1:", ":a", "a:b", "+1:b", "-1:b", " 1:b", "99999999999999999999:b", "12"] {
            assert_eq!(read_username(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn passwords_stay_out_of_logs() {
        let minted = mint(b"north", "@alice:example.org", 1);
        assert!(!format!("{minted:?}").contains(&minted.password));
    }
}
