//! Registration with a shared secret, compatible with Synapse and its set-up scripts: a nonce, and an HMAC-SHA1 over
//! the request.
//!
//! Nonces are not stored: each has its expiry time and an HMAC under a key of this run. So no number of requests for a
//! nonce makes another client's unusable; only used ones are remembered.

use hearth_base::boxed;
use std::collections::HashMap;

use hearth_base::limits::users::{NONCE_MS_MAX, SHARED_SECRET_NONCES_MAX};
use hearth_base::{Error, Millis, Reason, Result, Seams, error::refuse};
use hmac::{Hmac, Mac};
use parking_lot::Mutex;
use sha1::Sha1;
use sha2::Sha256;

use super::{Accounts, Authority, DeviceRequest, LoggedIn, NewAccount};

/// Random characters of a nonce, and of the key.
const NONCE_CHARS: usize = 16;
const KEY_CHARS: usize = 43;

/// Issues and checks nonces.
pub(super) struct Nonces {
    key: String,
    /// The used ones with their expiry times.
    used: Mutex<HashMap<String, Millis>>,
}

impl std::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nonces").field("used", &self.used.lock().len()).finish_non_exhaustive()
    }
}

impl Nonces {
    /// With a new key: nonces of an earlier run are not valid.
    pub(super) fn new(seams: &Seams) -> Self {
        Self { key: seams.random.alphanumeric(KEY_CHARS), used: Mutex::default() }
    }

    fn issue(&self, seams: &Seams) -> String {
        let expires_ms = seams.clock.now_ms() + NONCE_MS_MAX;
        let body = format!("{expires_ms}-{}", seams.random.alphanumeric(NONCE_CHARS));
        format!("{body}-{}", self.seal(&body))
    }

    /// When a nonce of this run expires; `None` for any other text.
    fn expires_ms(&self, nonce: &str) -> Option<Millis> {
        let (body, seal) = nonce.rsplit_once('-')?;
        // Not in constant time: a nonce is not secret, and useless without the shared secret.
        (self.seal(body) == seal).then_some(body.split_once('-')?.0)?.parse().ok()
    }

    fn seal(&self, body: &str) -> String {
        // HMAC takes a key of any length.
        let mac = Hmac::<Sha256>::new_from_slice(self.key.as_bytes()).map(|mac| mac.chain_update(body));
        let seal = mac.map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default();
        seal.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Uses a nonce, once.
    fn take(&self, nonce: &str, expires_ms: Millis, now_ms: Millis) -> Result<()> {
        let mut used = self.used.lock();
        if used.contains_key(nonce) {
            return Err(unknown_nonce());
        }
        if used.len() >= SHARED_SECRET_NONCES_MAX {
            used.retain(|_, expires_ms| *expires_ms > now_ms);
        }
        if used.len() >= SHARED_SECRET_NONCES_MAX {
            let message = "Too many accounts were registered in the last minute: try again in a minute.";
            return Err(refuse(Reason::LimitExceeded { retry_after_ms: NONCE_MS_MAX }, message));
        }
        used.insert(nonce.to_owned(), expires_ms);
        Ok(())
    }
}

fn unknown_nonce() -> Error {
    Error::invalid("The nonce is unknown, used or too old: ask for a new one.")
}

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
        Ok(self.nonces.issue(&self.core.seams))
    }

    /// Creates an account for a program that knows the secret, and logs it in.
    #[boxed]
    pub async fn register_by_secret(&self, request: SharedSecretRequest) -> Result<LoggedIn> {
        let secret = self.registration_secret()?;
        let now_ms = self.core.now_ms();
        let expires_ms = self.nonces.expires_ms(&request.nonce).filter(|expires_ms| *expires_ms > now_ms);
        let expires_ms = expires_ms.ok_or_else(unknown_nonce)?;
        if !mac_is_right(secret, &request) {
            return Err(Error::forbidden("The HMAC is wrong: check the shared secret."));
        }
        // After the HMAC, so that only programs that know the secret use up nonces.
        self.nonces.take(&request.nonce, expires_ms, now_ms)?;
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

    #[test]
    fn a_nonce_is_of_this_run_and_used_once() {
        use std::sync::Arc;

        use hearth_base::clock::ManualClock;
        use hearth_base::random::SeededRandom;

        let seams = Seams { clock: Arc::new(ManualClock::at(1_000)), random: Arc::new(SeededRandom::new(7)) };
        let (nonces, other) = (Nonces::new(&seams), Nonces::new(&seams));
        let nonce = nonces.issue(&seams);
        let expires_ms = nonces.expires_ms(&nonce).expect("it is of this run");
        assert_eq!((expires_ms, other.expires_ms(&nonce)), (1_000 + NONCE_MS_MAX, None));
        for bad in ["", "-", "1-a", &nonce[1..], &format!("9{nonce}")] {
            assert_eq!(nonces.expires_ms(bad), None, "{bad}");
        }
        nonces.take(&nonce, expires_ms, 2_000).expect("it is new");
        nonces.take(&nonce, expires_ms, 2_000).expect_err("it is used");
        for n in 0..SHARED_SECRET_NONCES_MAX {
            let _ = nonces.take(&format!("{n}"), expires_ms, 2_000);
        }
        nonces.take("one more", expires_ms, 2_000).expect_err("too many are used");
        nonces.take("one more", expires_ms, expires_ms).expect("those have expired");
        assert_eq!(nonces.used.lock().len(), 1);
    }

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
