//! Passwords for a relay that shares a secret with us (the TURN REST API draft, coturn's `use-auth-secret`): each works for
//! a while and needs no database, as the relay can work it out for itself.

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

/// Makes credentials for `user` that work until `expires_s`, in seconds since the Unix epoch.
#[must_use]
pub fn mint(secret: &[u8], user: &str, expires_s: u64) -> Credentials {
    let username = format!("{expires_s}:{user}");
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(username.as_bytes());
    let password = STANDARD.encode(mac.finalize().into_bytes());
    Credentials { username, password }
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
    fn passwords_stay_out_of_logs() {
        let minted = mint(b"north", "@alice:example.org", 1);
        assert!(!format!("{minted:?}").contains(&minted.password));
    }
}
