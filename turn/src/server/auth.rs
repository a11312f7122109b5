//! The long-term credential mechanism (RFC 8489 section 9.2.4). The server derives passwords from the user name
//! instead of storing them.

use super::FiveTuple;
use super::nonce::{COOKIE, NonceCheck};
use super::request::RequestError;
use crate::credentials::{password, read_username};
use crate::limits::USERNAME_BYTES_MAX;
use crate::shared::{Refusal, Shared};
use crate::stun::integrity::Integrity;
use crate::stun::{Algorithm, Key, Message, attribute};

/// Value of PASSWORD-ALGORITHMS: SHA-256 and MD5, neither with parameters.
pub(super) const ALGORITHMS: [u8; 8] = [0, 2, 0, 0, 0, 1, 0, 0];

/// A client that has proved knowledge of a password.
#[derive(Debug, Clone)]
pub(super) struct AuthenticatedUser {
    /// The user, as given to [`crate::credentials::mint`].
    pub(super) user: String,
    /// Key and attribute that protect the response.
    pub(super) key: Key,
    pub(super) integrity: Integrity,
}

/// The request has no valid credentials. Every client's first request ends here, to learn realm and nonce.
const CHALLENGE: RequestError = RequestError::challenge(401, Refusal::Credentials);
const STALE: RequestError = RequestError::challenge(438, Refusal::StaleNonce);

impl Shared {
    /// Authenticates a request. A stale nonce is only reported to a client with
    /// the right password; all others get 401.
    pub(super) fn authenticate(
        &self,
        now_ms: u64,
        five_tuple: &FiveTuple,
        message: &Message<'_>,
    ) -> Result<AuthenticatedUser, RequestError> {
        let integrity = Integrity::of(message).ok_or(CHALLENGE)?;
        let text = |kind| message.get(kind).map(|found| found.value);
        let (Some(nonce), Some(realm)) = (text(attribute::NONCE), text(attribute::REALM)) else {
            return Err(RequestError::bad_request("NONCE or REALM is missing"));
        };
        let algorithm = algorithm(message, nonce)?;
        let Some(username) = text(attribute::USERNAME) else {
            // USERHASH cannot be resolved without a user database, so the server does not offer it.
            let hashed = text(attribute::USERHASH).is_some();
            return Err(if hashed { CHALLENGE } else { RequestError::bad_request("USERNAME is missing") });
        };
        let fresh = self.nonces.check(now_ms, five_tuple.client.ip(), nonce);
        let known = self.find_user(username, algorithm, integrity, message).filter(|_| realm == self.realm.as_bytes());
        match (known, fresh) {
            (Some(auth), NonceCheck::Good) => Ok(auth),
            (Some(_), NonceCheck::Stale) => Err(STALE),
            (None, _) => Err(CHALLENGE),
        }
    }

    /// The authenticated client, if one of the secrets yields a password that verifies the message, and the
    /// user is neither expired nor revoked.
    fn find_user(
        &self,
        username: &[u8],
        algorithm: Algorithm,
        integrity: Integrity,
        message: &Message<'_>,
    ) -> Option<AuthenticatedUser> {
        let username = std::str::from_utf8(username).ok().filter(|name| name.len() <= USERNAME_BYTES_MAX)?;
        let (expires_s, user) = read_username(username)?;
        let in_time = expires_s > self.authority.now_unix_s();
        (in_time && !self.authority.is_revoked(user)).then_some(())?;
        let key = self.authority.secrets().iter().find_map(|secret| {
            let key = Key::long_term(algorithm, username, &self.realm, &password(secret, username));
            key.verifies(message, integrity).then_some(key)
        })?;
        Some(AuthenticatedUser { user: user.to_owned(), key, integrity })
    }
}

/// The algorithm that turned the password into a key. A client that was offered a choice must echo the offer: a
/// man in the middle could otherwise remove the stronger algorithm (RFC 8489 section 9.2.1).
fn algorithm(message: &Message<'_>, nonce: &[u8]) -> Result<Algorithm, RequestError> {
    let offered = message.get(attribute::PASSWORD_ALGORITHMS).map(|found| found.value);
    let chosen = message.get(attribute::PASSWORD_ALGORITHM).map(|found| found.value);
    match (nonce.starts_with(COOKIE), offered, chosen) {
        (true, Some(offered), Some(chosen)) if offered == ALGORITHMS => match chosen {
            [0, 1, 0, 0] => Ok(Algorithm::Md5),
            [0, 2, 0, 0] => Ok(Algorithm::Sha256),
            _ => Err(RequestError::bad_request("PASSWORD-ALGORITHM is not one of those offered")),
        },
        (true, None, None) | (false, _, _) => Ok(Algorithm::Md5),
        (true, _, _) => Err(RequestError::bad_request("PASSWORD-ALGORITHMS is not what was offered")),
    }
}
