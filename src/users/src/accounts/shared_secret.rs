//! Registration with a shared secret, compatible with Synapse and its set-up scripts: a nonce, and an HMAC-SHA1 over
//! the request.

use std::collections::HashMap;

use hearth_base::limits::users::{NONCE_MS_MAX, SHARED_SECRET_NONCES_MAX};
use hearth_base::{Error, Millis, Reason, Result, error::refuse};
use hmac::{Hmac, Mac};
use parking_lot::Mutex;
use sha1::Sha1;

use super::{Accounts, Authority, DeviceRequest, LoggedIn, NewAccount};

/// Issued nonces with their expiry times.
#[derive(Debug, Default)]
pub(super) struct Nonces(Mutex<HashMap<String, Millis>>);

/// A registration request.
#[derive(Clone)]
pub struct SharedSecretRequest {
    /// The nonce from [`Accounts::registration_nonce`].
    pub nonce: String,
    /// The user name.
    pub username: String,
    /// The display name; not part of the HMAC.
    pub displayname: Option<String>,
    /// The password.
    pub password: String,
    /// Whether the account is an administrator.
    pub admin: bool,
    /// Synapse's `user_type`; used only in the HMAC.
    pub user_type: Option<String>,
    /// The HMAC in hexadecimal.
    pub mac: String,
}

impl std::fmt::Debug for SharedSecretRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedSecretRequest").field("username", &self.username).finish_non_exhaustive()
    }
}

impl Accounts {
    fn registration_secret(&self) -> Result<&str> {
        let secret = self.core.config.registration.shared_secret.as_ref();
        secret.map(|secret| secret.reveal()).ok_or_else(|| {
            refuse(Reason::Unrecognized, "Shared-secret registration is off: set registration.shared_secret first.")
        })
    }

    /// Issues a nonce for one request. Refuses when no secret is configured.
    pub fn registration_nonce(&self) -> Result<String> {
        self.registration_secret()?;
        let (nonce, now_ms) = (self.core.seams.random.alphanumeric(32), self.core.now_ms());
        let mut open = self.nonces.0.lock();
        if open.len() >= SHARED_SECRET_NONCES_MAX {
            // Remove expired nonces only when the table is full; until then they do no harm.
            open.retain(|_, expires_ms| *expires_ms > now_ms);
        }
        if open.len() >= SHARED_SECRET_NONCES_MAX {
            let message = "Too many nonces are open: try again in a minute.";
            return Err(refuse(Reason::LimitExceeded { retry_after_ms: NONCE_MS_MAX }, message));
        }
        open.insert(nonce.clone(), now_ms + NONCE_MS_MAX);
        Ok(nonce)
    }

    /// Creates an account for a program that knows the secret, and logs it in.
    pub async fn register_by_secret(&self, request: SharedSecretRequest) -> Result<LoggedIn> {
        let secret = self.registration_secret()?;
        // A nonce works once, even if the HMAC turns out to be wrong.
        let expires_ms = self.nonces.0.lock().remove(&request.nonce);
        if expires_ms.is_none_or(|expires_ms| expires_ms <= self.core.now_ms()) {
            return Err(Error::invalid("The nonce is unknown or too old: ask for a new one."));
        }
        if !mac_is_right(secret, &request) {
            return Err(Error::forbidden("The HMAC is wrong: check the shared secret."));
        }
        let new = NewAccount {
            localpart: Some(request.username.to_lowercase()),
            displayname: request.displayname,
            password: Some(request.password),
            admin: request.admin,
            authority: Authority::Admin,
        };
        let (_, logged_in) = self.register(new, Some(DeviceRequest::default())).await?;
        logged_in.ok_or_else(|| Error::broken("a new account was not logged in"))
    }
}

fn mac_is_right(secret: &str, request: &SharedSecretRequest) -> bool {
    let Some(given) = unhex(&request.mac) else { return false };
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret.as_bytes()) else { return false };
    let admin = if request.admin { "admin" } else { "notadmin" };
    let parts = [request.nonce.as_str(), &request.username, &request.password, admin];
    for (index, part) in parts.into_iter().chain(request.user_type.as_deref()).enumerate() {
        if index > 0 {
            mac.update(b"\0");
        }
        mac.update(part.as_bytes());
    }
    // Compares in constant time.
    mac.verify_slice(&given).is_ok()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 40 || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(mac: &str, user_type: Option<&str>) -> SharedSecretRequest {
        SharedSecretRequest {
            nonce: "abc".to_owned(),
            username: "alice".to_owned(),
            displayname: None,
            password: "wonderland".to_owned(),
            admin: true,
            user_type: user_type.map(str::to_owned),
            mac: mac.to_owned(),
        }
    }

    #[test]
    fn the_mac_covers_everything_that_is_asked_for() {
        let mut mac = Hmac::<Sha1>::new_from_slice(b"secret").unwrap();
        mac.update(b"abc\0alice\0wonderland\0admin");
        let right: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(mac_is_right("secret", &request(&right, None)));
        assert!(mac_is_right("secret", &request(&right.to_uppercase(), None)));
        assert!(!mac_is_right("secret", &request(&right, Some("bot"))));
        assert!(!mac_is_right("other", &request(&right, None)));
        assert!(!mac_is_right("secret", &SharedSecretRequest { admin: false, ..request(&right, None) }));
        for bad in ["", "zz", &"é".repeat(20), &right[1..]] {
            assert!(!mac_is_right("secret", &request(bad, None)), "{bad}");
        }
    }
}
