//! The SFU's access tokens (JSON Web Tokens, RFC 7519, signed with HMAC-SHA256, RFC 7518 section 3.2). No other
//! algorithm is supported, so a token cannot downgrade it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hearth_base::{Reason, Result, error::refuse, limits};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// `{"alg":"HS256","typ":"JWT"}`.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
/// Tolerated clock difference between this server and the SFU, in seconds; the SFU tolerates the same.
const SKEW_S: u64 = 60;

/// The key shared with the SFU.
#[derive(Clone)]
pub struct SfuKey {
    /// Its name, the issuer in tokens.
    pub name: String,
    secret: Vec<u8>,
}

/// The claims of a token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenClaims {
    /// The name of the key.
    pub iss: String,
    /// The participant's identity; empty for requests of this server.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sub: String,
    /// Start of validity, in seconds since the Unix epoch.
    #[serde(default)]
    pub nbf: u64,
    /// Expiry, in seconds since the Unix epoch.
    pub exp: u64,
    /// The permissions.
    #[serde(default)]
    pub video: Grants,
    /// In webhooks of the SFU: base64 of the SHA-256 of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// The permissions of a token at the SFU.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Grants {
    /// The room for which the token is valid.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub room: String,
    /// Permission to create and end any room: never for clients.
    pub room_create: bool,
    /// Permission to list rooms.
    #[serde(skip_serializing_if = "is_false")]
    pub room_list: bool,
    /// Permission to list and remove participants of the room.
    #[serde(skip_serializing_if = "is_false")]
    pub room_admin: bool,
    /// Permission to join the room.
    pub room_join: bool,
    /// Permission to publish audio and video.
    pub can_publish: bool,
    /// Permission to subscribe to audio and video.
    pub can_subscribe: bool,
    /// Permission to change one's own name at the SFU, which no call needs.
    pub can_update_own_metadata: bool,
}

fn is_false(it: &bool) -> bool {
    !it
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

impl SfuKey {
    /// Creates a key.
    #[must_use]
    pub fn new(name: &str, secret: &str) -> Self {
        Self { name: name.to_owned(), secret: secret.as_bytes().to_vec() }
    }

    fn mac(&self, signed: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes keys of any length");
        mac.update(signed.as_bytes());
        mac
    }

    /// Signs a token.
    #[must_use]
    pub fn mint(&self, claims: &TokenClaims) -> String {
        let claims = serde_json::to_vec(claims).expect("texts and numbers are JSON");
        let signed = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.mac(&signed).finalize().into_bytes());
        format!("{signed}.{signature}")
    }

    /// Returns the claims of a token, if it is signed with this key and valid at `now_s`, seconds since the Unix
    /// epoch.
    ///
    /// Refuses with `M_UNAUTHORIZED`; the message names the error, but reveals nothing about a valid token.
    pub fn verify(&self, token: &str, now_s: u64) -> Result<TokenClaims> {
        if token.len() > limits::RTC_TOKEN_BYTES_MAX {
            return Err(bad("it is too long"));
        }
        let (signed, signature) = token.rsplit_once('.').ok_or_else(|| bad("it has no signature"))?;
        let (header, claims) = signed.split_once('.').ok_or_else(|| bad("it has no claims"))?;
        let signature = decode(signature).ok_or_else(|| bad("its signature cannot be read"))?;
        // Compares in constant time, so that timing does not reveal the signature.
        self.mac(signed).verify_slice(&signature).map_err(|_| bad("it is not signed with the key of this server"))?;
        let header: Header = read(header).ok_or_else(|| bad("its header cannot be read"))?;
        if header.alg != "HS256" {
            return Err(bad("it is signed in another way than HS256"));
        }
        let claims: TokenClaims = read(claims).ok_or_else(|| bad("its claims cannot be read"))?;
        if claims.iss != self.name {
            return Err(bad("it is of another key"));
        }
        if now_s >= claims.exp.saturating_add(SKEW_S) {
            return Err(bad("its time is over"));
        }
        if now_s.saturating_add(SKEW_S) < claims.nbf {
            return Err(bad("its time has not come; is the clock right, here and at the SFU?"));
        }
        Ok(claims)
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn read<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&decode(part)?).ok()
}

fn bad(why: &str) -> hearth_base::Error {
    refuse(Reason::Unauthorized, format!("The token is not good: {why}."))
}

impl fmt::Debug for SfuKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: u64 = 1_700_000_000;

    fn key() -> SfuKey {
        SfuKey::new("devkey", "a secret that is quite long enough")
    }

    fn claims() -> TokenClaims {
        let video = Grants { room: "room".to_owned(), room_join: true, ..Grants::default() };
        let iss = "devkey".to_owned();
        TokenClaims { iss, sub: "@a:b.c:DEV".to_owned(), nbf: NOW_S, exp: NOW_S + 600, video, sha256: None }
    }

    /// RFC 7515, appendix A.1: its key, input and signature.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let signed = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtc\
                      GxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let key = SfuKey { name: "joe".to_owned(), secret: decode(secret).expect("base64") };
        assert_eq!(URL_SAFE_NO_PAD.encode(key.mac(signed).finalize().into_bytes()), signature);
        let claims = key.verify(&format!("{signed}.{signature}"), 1_300_819_000).expect("its time is not over");
        assert_eq!((claims.iss.as_str(), claims.exp), ("joe", 1_300_819_380));
    }

    #[test]
    fn what_is_minted_counts_for_its_time() {
        let token = key().mint(&claims());
        assert_eq!(key().verify(&token, NOW_S).expect("a good token"), claims());
        for (now_s, why) in [(NOW_S + 660, "is over"), (NOW_S - 61, "has not come"), (u64::MAX, "is over")] {
            let error = key().verify(&token, now_s).expect_err(why).to_string();
            assert!(error.contains(why), "{error}");
        }
        assert!(key().verify(&token, NOW_S + 659).is_ok() && key().verify(&token, NOW_S - 60).is_ok(), "clocks differ");
    }

    #[test]
    fn no_client_may_make_rooms() {
        let json = serde_json::to_value(claims().video).expect("JSON");
        let wanted = serde_json::json!({
            "room": "room", "roomJoin": true, "roomCreate": false, "canPublish": false, "canSubscribe": false,
            "canUpdateOwnMetadata": false,
        });
        assert_eq!(json, wanted);
    }

    #[test]
    fn what_is_not_signed_so_is_refused() {
        let token = key().mint(&claims());
        let [header, body, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
        let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
        let signed = |header: &str| {
            let signed = format!("{}.{body}", part(header));
            let signature = URL_SAFE_NO_PAD.encode(key().mac(&signed).finalize().into_bytes());
            format!("{signed}.{signature}")
        };
        let other = SfuKey::new("devkey", "another secret that is long enough").mint(&claims());
        let renamed =
            SfuKey { name: "other".to_owned(), ..key() }.mint(&TokenClaims { iss: "other".to_owned(), ..claims() });
        let none = part(r#"{"alg":"none"}"#);
        let more = part(&serde_json::to_string(&claims()).expect("JSON").replace("false", "true"));
        for (bad, why) in [
            (String::new(), "no signature"),
            ("a.b".to_owned(), "no claims"),
            (format!("{none}.{body}."), "not signed"),
            (format!("{none}.{body}.{signature}"), "not signed"),
            (format!("{header}.{more}.{signature}"), "not signed"),
            (format!("{header}.{body}.{}", &signature[..20]), "not signed"),
            (format!("{header}.{body}.!!!"), "cannot be read"),
            (other, "not signed"),
            (renamed, "another key"),
            (signed(r#"{"alg":"none"}"#), "HS256"),
            (signed(r#"{"alg":"HS512"}"#), "HS256"),
            (signed("[]"), "header"),
            ("x".repeat(limits::RTC_TOKEN_BYTES_MAX + 1), "too long"),
        ] {
            let error = key().verify(&bad, NOW_S).expect_err(&bad);
            assert_eq!(error.reason(), Some(Reason::Unauthorized));
            assert!(error.to_string().contains(why), "{bad}: {error}");
        }
    }

    #[test]
    fn a_key_does_not_show_its_secret() {
        assert!(!format!("{:?}", key()).contains("secret that"));
    }
}
