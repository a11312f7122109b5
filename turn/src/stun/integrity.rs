//! Keys of the long-term credential mechanism and message integrity (RFC 8489 sections 9.2, 14.5 and 14.6).

use hmac::{Hmac, Mac};
use md5::Digest as _;
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{Message, attribute};

/// The hash that turns a password into a key. The discriminants are the numbers of PASSWORD-ALGORITHM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// As in RFC 5389. Nearly all clients use it.
    Md5 = 1,
    /// New in RFC 8489.
    Sha256 = 2,
}

/// The attribute that protects a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Integrity {
    /// MESSAGE-INTEGRITY.
    Sha1,
    /// MESSAGE-INTEGRITY-SHA256.
    Sha256,
}

/// A key of the long-term credential mechanism.
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
    /// The hash of `username:realm:password`. The password must be ASCII, as minted ones are: OpaqueString
    /// processing (RFC 8265) is not implemented.
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

    /// A key of the short-term mechanism: the password, at most 32 bytes.
    #[cfg(test)]
    pub(super) fn short_term(password: &str) -> Self {
        let mut bytes = [0; 32];
        bytes[..password.len()].copy_from_slice(password.as_bytes());
        Self { bytes, length: password.len() }
    }

    /// Writes the HMAC of the message `before` into `out` and returns its length. `length` replaces the
    /// header's length field, which must cover the integrity attribute itself (RFC 8489 section 14.5).
    pub(super) fn compute_hmac(&self, kind: Integrity, before: &[u8], length: u16, out: &mut [u8; 32]) -> usize {
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

    /// Whether the integrity attribute of `message` was made with this key. Compares in constant time. A
    /// SHA-256 HMAC may be truncated to 16 bytes or more (RFC 8489 section 14.6).
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
        self.compute_hmac(kind, &message.bytes()[..found.at], length, &mut code);
        fits && bool::from(code[..found.value.len()].ct_eq(found.value))
    }
}

impl Integrity {
    /// The attribute type.
    #[must_use]
    pub fn attribute(self) -> u16 {
        match self {
            Self::Sha1 => attribute::MESSAGE_INTEGRITY,
            Self::Sha256 => attribute::MESSAGE_INTEGRITY_SHA256,
        }
    }

    /// The attribute that protects `message`; the stronger one if both are present.
    #[must_use]
    pub fn of(message: &Message<'_>) -> Option<Self> {
        [Self::Sha256, Self::Sha1].into_iter().find(|kind| message.integrity(kind.attribute()).is_some())
    }
}
