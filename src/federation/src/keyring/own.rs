//! This server's published key document (server-server API, "Publishing keys").

use std::sync::Arc;

use hearth_base::error::refuse;
use hearth_base::{Error, Millis, Reason, Result, limits};
use hearth_core::keys::SigningKey;
use hearth_store::tables::server_keys::ServerKeyRow;
use ruma::CanonicalJsonValue;
use ruma::serde::{Base64, base64::Standard};
use ruma::signatures::sign_json;
use serde_json::json;
use serde_json::value::RawValue;

use super::Keyring;
use super::known::ServerKeys;

/// Validity of the document, in milliseconds.
const VALID_MS: u64 = 24 * 60 * 60 * 1_000;
/// How long a signed document is reused, in milliseconds.
const FRESH_MS: u64 = 60 * 60 * 1_000;

/// The document as last signed.
#[derive(Debug)]
pub(super) struct PublishedKeys {
    key_id: String,
    made_ms: Millis,
    json: Arc<RawValue>,
}

impl Keyring {
    /// This server's signed key document.
    ///
    /// `Unavailable` while the clock shows a time before this version was released: other servers would find the
    /// document expired, and remember it.
    pub fn own_document(&self) -> Result<Arc<RawValue>> {
        let now_ms = self.core.now_ms();
        if now_ms < limits::CLOCK_MS_MIN {
            let message = "The clock of this server is wrong, so it does not publish its keys. Try again later.";
            return Err(refuse(Reason::Unavailable, message));
        }
        let key_id = self.core.key.id();
        let mut published = self.own.lock();
        if let Some(last) = &*published
            && last.key_id == key_id
            && (last.made_ms..last.made_ms + FRESH_MS).contains(&now_ms)
        {
            return Ok(Arc::clone(&last.json));
        }
        let json = self.sign_own(&key_id, now_ms)?;
        *published = Some(PublishedKeys { key_id, made_ms: now_ms, json: Arc::clone(&json) });
        Ok(json)
    }

    fn sign_own(&self, key_id: &str, now_ms: Millis) -> Result<Arc<RawValue>> {
        let pair = self.core.key.pair();
        let name = self.core.server_name.as_str();
        let key = |public: &[u8]| Base64::<Standard, &[u8]>::new(public).encode();
        let mut old = serde_json::Map::new();
        for retired in self.core.key.retired() {
            let entry = json!({ "key": key(&retired.public), "expired_ts": retired.expired_ms });
            old.insert(retired.id, entry);
        }
        let document = json!({
            "server_name": name,
            "verify_keys": { key_id: { "key": key(&pair.public_key()) } },
            "old_verify_keys": old,
            "valid_until_ts": now_ms + VALID_MS,
        });
        let writing = "writing this server's list of keys";
        let document = CanonicalJsonValue::try_from(document).map_err(|error| Error::fault(writing, error))?;
        let CanonicalJsonValue::Object(mut document) = document else { return Err(Error::broken(writing)) };
        sign_json(name, pair, &mut document).map_err(|error| Error::fault(writing, error))?;
        let raw = serde_json::value::to_raw_value(&document).map_err(|error| Error::fault(writing, error))?;
        Ok(raw.into())
    }
}

/// This server's keys in the form of a remote server's, for checking signatures by this server.
pub(super) fn as_others_see_it(key: &SigningKey) -> ServerKeys {
    let current = ServerKeyRow {
        key_id: key.id(),
        public: key.pair().public_key().to_vec(),
        valid_until_ms: Millis::MAX,
        expired_ms: None,
    };
    let retired = key.retired().into_iter().map(|retired| ServerKeyRow {
        key_id: retired.id,
        public: retired.public.to_vec(),
        valid_until_ms: 0,
        expired_ms: Some(retired.expired_ms),
    });
    ServerKeys::new(retired.chain([current]).collect())
}
