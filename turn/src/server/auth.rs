//! Who asks? The long-term mechanism (RFC 8489 section 9.2.4) with credentials that the relay works out instead of looking
//! them up.

use super::Path;
use super::nonce::{COOKIE, NonceCheck};
use super::request::Failure;
use crate::credentials::{password, read_username};
use crate::limits::USERNAME_BYTES_MAX;
use crate::shared::{Refusal, Shared};
use crate::stun::integrity::Integrity;
use crate::stun::{Algorithm, Key, Message, attribute};

/// What PASSWORD-ALGORITHMS offers: SHA-256 and MD5, neither with parameters.
pub(super) const ALGORITHMS: [u8; 8] = [0, 2, 0, 0, 0, 1, 0, 0];

/// Somebody who has shown that they know a password.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// As given to [`crate::credentials::mint`].
    pub(super) user: String,
    /// What answers to them are protected with, and how.
    pub(super) key: Key,
    pub(super) integrity: Integrity,
}

/// The request lacks credentials; it may be the first one.
const CHALLENGE: Failure = Failure::challenge(401, Refusal::Credentials);
const STALE: Failure = Failure::challenge(438, Refusal::StaleNonce);

impl Shared {
    /// Finds out who made `message`.
    pub(super) fn authenticate(&self, now_ms: u64, path: &Path, message: &Message<'_>) -> Result<Caller, Failure> {
        let integrity = Integrity::of(message).ok_or(CHALLENGE)?;
        let text = |kind| message.get(kind).map(|found| found.value);
        let (Some(nonce), Some(realm)) = (text(attribute::NONCE), text(attribute::REALM)) else {
            return Err(Failure::bad("integrity needs NONCE and REALM"));
        };
        let algorithm = algorithm(message, nonce)?;
        let Some(username) = text(attribute::USERNAME) else {
            // We never offer that user names are hashed, so that we cannot know whose hash it is.
            let hashed = text(attribute::USERHASH).is_some();
            return Err(if hashed { CHALLENGE } else { Failure::bad("integrity needs USERNAME") });
        };
        let fresh = self.nonces.check(now_ms, path.client.ip(), nonce);
        let known = self.known(username, algorithm, integrity, message).filter(|_| realm == self.realm.as_bytes());
        match (known, fresh) {
            (Some(caller), NonceCheck::Good) => Ok(caller),
            (Some(_), NonceCheck::Stale) => Err(STALE),
            (None, _) => Err(CHALLENGE),
        }
    }

    /// The caller, if there is a secret under which their password made this message, and they may use the relay.
    fn known(
        &self,
        username: &[u8],
        algorithm: Algorithm,
        integrity: Integrity,
        message: &Message<'_>,
    ) -> Option<Caller> {
        let username = std::str::from_utf8(username).ok().filter(|name| name.len() <= USERNAME_BYTES_MAX)?;
        let (expires_s, user) = read_username(username)?;
        let in_time = expires_s > self.authority.now_unix_s();
        (in_time && !self.authority.is_revoked(user)).then_some(())?;
        let key = self.authority.secrets().iter().find_map(|secret| {
            let key = Key::long_term(algorithm, username, &self.realm, &password(secret, username));
            key.verifies(message, integrity).then_some(key)
        })?;
        Some(Caller { user: user.to_owned(), key, integrity })
    }
}

/// How the password became a key. Clients that were offered a choice must repeat the offer with their choice, so that
/// nobody in between could have taken the better one away.
fn algorithm(message: &Message<'_>, nonce: &[u8]) -> Result<Algorithm, Failure> {
    let offered = message.get(attribute::PASSWORD_ALGORITHMS).map(|found| found.value);
    let chosen = message.get(attribute::PASSWORD_ALGORITHM).map(|found| found.value);
    match (nonce.starts_with(COOKIE), offered, chosen) {
        (true, Some(offered), Some(chosen)) if offered == ALGORITHMS => match chosen {
            [0, 1, 0, 0] => Ok(Algorithm::Md5),
            [0, 2, 0, 0] => Ok(Algorithm::Sha256),
            _ => Err(Failure::bad("PASSWORD-ALGORITHM is not one of those offered")),
        },
        (true, None, None) | (false, _, _) => Ok(Algorithm::Md5),
        (true, _, _) => Err(Failure::bad("PASSWORD-ALGORITHMS is not what was offered")),
    }
}
