//! Keys of the long-term mechanism and the codes made with them (RFC 8489 sections 9.2, 14.5 and 14.6).

use hmac::{Hmac, Mac};
use md5::Digest as _;
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{Message, attribute};

/// How a password becomes a key: PASSWORD-ALGORITHM's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// As in RFC 5389, and what everybody uses.
    Md5 = 1,
    /// RFC 8489's.
    Sha256 = 2,
}

/// Which of the two attributes protects a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Integrity {
    /// MESSAGE-INTEGRITY.
    Sha1,
    /// MESSAGE-INTEGRITY-SHA256.
    Sha256,
}

/// A key of the long-term mechanism.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    bytes: [u8; 32],
    length: usize,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    /// The hash of `username:realm:password`. Passwords must be ASCII, as ours are: nothing is prepared as RFC 8265 says.
    #[must_use]
    pub fn long_term(algorithm: Algorithm, username: &str, realm: &str, password: &str) -> Self {
        let parts = [username.as_bytes(), b":", realm.as_bytes(), b":", password.as_bytes()];
        let mut bytes = [0; 32];
        let length = match algorithm {
            Algorithm::Md5 => {
                let mut hash = md5::Md5::new();
                parts.iter().for_each(|part| hash.update(part));
                bytes[..16].copy_from_slice(&hash.finalize());
                16
            }
            Algorithm::Sha256 => {
                let mut hash = Sha256::default();
                parts.iter().for_each(|part| sha2::Digest::update(&mut hash, part));
                bytes.copy_from_slice(&sha2::Digest::finalize(hash));
                32
            }
        };
        Self { bytes, length }
    }

    /// A key for the short-term mechanism: the password as it is, cut to 32 bytes.
    #[cfg(test)]
    pub(super) fn short_term(password: &str) -> Self {
        let mut bytes = [0; 32];
        bytes[..password.len()].copy_from_slice(password.as_bytes());
        Self { bytes, length: password.len() }
    }

    /// The code of a message that so far is `before`, into `out`; returns its length. `length` is what the header's length
    /// field shall say, as it must include the attribute itself.
    pub(super) fn code(&self, kind: Integrity, before: &[u8], length: u16, out: &mut [u8; 32]) -> usize {
        let key = &self.bytes[..self.length];
        let parts = [&before[..2], &length.to_be_bytes(), &before[4..]];
        match kind {
            Integrity::Sha1 => {
                let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes a key of any length");
                parts.iter().for_each(|part| mac.update(part));
                out[..20].copy_from_slice(&mac.finalize().into_bytes());
                20
            }
            Integrity::Sha256 => {
                let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
                parts.iter().for_each(|part| mac.update(part));
                out.copy_from_slice(&mac.finalize().into_bytes());
                32
            }
        }
    }

    /// Whether `message` was made by somebody with this key. Compares in constant time. A SHA-256 code may be cut to 16
    /// bytes or more (RFC 8489 section 14.6).
    #[must_use]
    pub fn verifies(&self, message: &Message<'_>, kind: Integrity) -> bool {
        let Some(found) = message.integrity(kind.attribute()) else { return false };
        let fits = match kind {
            Integrity::Sha1 => found.value.len() == 20,
            Integrity::Sha256 => (16..=32).contains(&found.value.len()) && found.value.len() % 4 == 0,
        };
        let length = found.at + 4 + found.value.len() - super::HEADER_BYTES;
        let Ok(length) = u16::try_from(length) else { return false };
        let mut code = [0; 32];
        self.code(kind, &message.bytes()[..found.at], length, &mut code);
        fits && bool::from(code[..found.value.len()].ct_eq(found.value))
    }
}

impl Integrity {
    /// The attribute's number.
    #[must_use]
    pub fn attribute(self) -> u16 {
        match self {
            Self::Sha1 => attribute::MESSAGE_INTEGRITY,
            Self::Sha256 => attribute::MESSAGE_INTEGRITY_SHA256,
        }
    }

    /// Which one protects `message`: the stronger, if both are there.
    #[must_use]
    pub fn of(message: &Message<'_>) -> Option<Self> {
        [Self::Sha256, Self::Sha1].into_iter().find(|kind| message.integrity(kind.attribute()).is_some())
    }
}
