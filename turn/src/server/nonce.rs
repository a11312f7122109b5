//! Stateless nonces: an expiry time and a MAC over it and the client's IP address. The server stores nothing
//! per nonce, so unauthenticated requests cannot fill its memory. The MAC does not cover the port, because a
//! browser uses one nonce from several sockets.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::limits::NONCE_S;

/// Prefix of a nonce from a server with RFC 8489 security features: the nonce cookie with the "password
/// algorithms" bit set (section 9.2).
pub(super) const COOKIE: &[u8] = b"obMatJos2AAAB";
const EXPIRY_BYTES: usize = 4;
/// Bytes of the MAC. Long enough against guessing within a nonce's lifetime, short enough for
/// `AMPLIFICATION_MAX`.
const MAC_BYTES: usize = 8;

/// Issues and checks nonces.
pub(crate) struct Nonces {
    key: [u8; 32],
}

/// Result of checking a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NonceCheck {
    /// Issued by this server for this source, and not expired.
    Good,
    /// Expired, for another source, or not from this server. The client gets a new nonce in all three cases.
    Stale,
}

impl Nonces {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    fn mac(&self, expires_s: u32, source: IpAddr, features: bool) -> [u8; MAC_BYTES] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.update(&expires_s.to_be_bytes());
        mac.update(&[u8::from(features)]);
        match source {
            IpAddr::V4(ip) => mac.update(&ip.octets()),
            IpAddr::V6(ip) => mac.update(&ip.octets()),
        }
        let mut code = [0; MAC_BYTES];
        code.copy_from_slice(&mac.finalize().into_bytes()[..MAC_BYTES]);
        code
    }

    /// Issues a nonce for `source`, valid for [`NONCE_S`] from `now_ms`. `features` selects the RFC 8489
    /// prefix.
    pub(super) fn issue(&self, now_ms: u64, source: IpAddr, features: bool) -> Vec<u8> {
        let expires_s = seconds(now_ms).wrapping_add(NONCE_S);
        let mac = self.mac(expires_s, source, features);
        let text = STANDARD_NO_PAD.encode([&expires_s.to_be_bytes()[..], &mac].concat());
        [if features { COOKIE } else { b"" }, text.as_bytes()].concat()
    }

    pub(super) fn check(&self, now_ms: u64, source: IpAddr, nonce: &[u8]) -> NonceCheck {
        let (features, text) = nonce.strip_prefix(COOKIE).map_or((false, nonce), |rest| (true, rest));
        let mut raw = [0; EXPIRY_BYTES + MAC_BYTES];
        if STANDARD_NO_PAD.decode_slice(text, &mut raw) != Ok(raw.len()) {
            return NonceCheck::Stale;
        }
        let (expiry, mac) = raw.split_at(EXPIRY_BYTES);
        let expires_s = u32::from_be_bytes([expiry[0], expiry[1], expiry[2], expiry[3]]);
        let ours = bool::from(self.mac(expires_s, source, features).ct_eq(mac));
        // Compare the difference, so that the check also works when the 32-bit clock wraps.
        let left_s = expires_s.wrapping_sub(seconds(now_ms));
        if ours && left_s > 0 && left_s <= NONCE_S { NonceCheck::Good } else { NonceCheck::Stale }
    }
}

/// Whole seconds. Only differences of them are meaningful.
#[expect(clippy::cast_possible_truncation, reason = "wraps after 136 years, and the difference is right even then")]
fn seconds(now_ms: u64) -> u32 {
    (now_ms / 1_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_are_valid_for_one_source_and_one_hour() {
        let (nonces, other) = (Nonces::new([1; 32]), Nonces::new([2; 32]));
        let (here, there) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let end_ms = 5_000 + u64::from(NONCE_S) * 1_000;
        for features in [false, true] {
            let nonce = nonces.issue(5_000, here, features);
            assert_eq!(nonces.check(5_000, here, &nonce), NonceCheck::Good);
            assert_eq!(nonces.check(end_ms - 1, here, &nonce), NonceCheck::Good);
            assert_eq!(nonces.check(end_ms, here, &nonce), NonceCheck::Stale);
            assert_eq!(nonces.check(5_000, there, &nonce), NonceCheck::Stale);
            assert_eq!(other.check(5_000, here, &nonce), NonceCheck::Stale);
        }
    }

    #[test]
    fn the_feature_prefix_is_authenticated() {
        let (nonces, here) = (Nonces::new([1; 32]), "192.0.2.1".parse().unwrap());
        let with = nonces.issue(0, here, true);
        let without = nonces.issue(0, here, false);
        assert_eq!(nonces.check(0, here, &with[COOKIE.len()..]), NonceCheck::Stale);
        assert_eq!(nonces.check(0, here, &[COOKIE, &without].concat()), NonceCheck::Stale);
        for bad in [&b""[..], b"a", b"obMatJos2", b"obMatJos2AAAB", &[0xFF; 16], &[b'A'; 500]] {
            assert_eq!(nonces.check(0, here, bad), NonceCheck::Stale);
        }
    }
}
