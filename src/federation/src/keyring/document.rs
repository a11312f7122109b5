//! Reads and checks another server's key document (server-server API, "Retrieving server keys").

use hearth_base::limits::federation::KEYS_VALID_MS_MAX;
use hearth_base::{Error, Millis, Reason, Result, error::refuse, limits};
use hearth_store::tables::server_keys::ServerKeyRow;
use ruma::serde::Base64;
use ruma::signatures::{PublicKeyMap, PublicKeySet, verify_json};
use ruma::{CanonicalJsonObject, CanonicalJsonValue, OwnedServerName, ServerName};

/// Length of an Ed25519 public key, in bytes.
const PUBLIC_BYTES: usize = 32;

/// A key document with a valid self-signature.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) server: OwnedServerName,
    pub(super) keys: Vec<ServerKeyRow>,
    /// Its `valid_until_ts`, in milliseconds.
    pub(super) valid_until_ms: Millis,
    /// The document in canonical JSON.
    pub(super) json: String,
}

/// Parses a key document and checks that one of its own current keys signed it. Skips keys of other algorithms than
/// Ed25519.
pub(super) fn check(object: CanonicalJsonObject, now_ms: Millis) -> Result<Document> {
    let server = match object.get("server_name") {
        Some(CanonicalJsonValue::String(name)) => ServerName::parse(name.as_str()).map_err(|_| bad("whose it is"))?,
        _ => return Err(bad("whose it is")),
    };
    let valid_until_ms = time(&object, "valid_until_ts").ok_or_else(|| bad("up to when it is valid"))?;
    let mut keys = Vec::new();
    for (key_id, public, _) in entries(&object, "verify_keys")? {
        let valid_until_ms = valid_until_ms.min(now_ms.saturating_add(KEYS_VALID_MS_MAX));
        keys.push(ServerKeyRow { key_id, public, valid_until_ms, expired_ms: None });
    }
    check_signature(&object, &server, &keys)?;
    for (key_id, public, entry) in entries(&object, "old_verify_keys")? {
        let expired_ms = Some(time(entry, "expired_ts").ok_or_else(|| bad("since when a key is out of use"))?);
        if keys.iter().all(|key| key.key_id != key_id) {
            keys.push(ServerKeyRow { key_id, public, valid_until_ms: 0, expired_ms });
        }
    }
    let json = serde_json::to_string(&object).map_err(|error| Error::fault("writing a list of keys", error))?;
    Ok(Document { server, keys, valid_until_ms, json })
}

/// The Ed25519 keys under `field`, with the other properties of each.
fn entries<'a>(
    object: &'a CanonicalJsonObject,
    field: &str,
) -> Result<Vec<(String, Vec<u8>, &'a CanonicalJsonObject)>> {
    let entries = match object.get(field) {
        Some(CanonicalJsonValue::Object(entries)) => entries,
        None => return Ok(Vec::new()),
        Some(_) => return Err(bad("keys under their ids")),
    };
    if entries.len() > limits::KEYS_PER_SERVER_MAX {
        return Err(refuse(Reason::TooLarge, format!("A list of keys has more than {}.", limits::KEYS_PER_SERVER_MAX)));
    }
    let known = entries.iter().filter(|(id, _)| id.starts_with("ed25519:") && id.len() <= limits::ID_BYTES_MAX);
    let read = known.map(|(id, entry)| {
        let CanonicalJsonValue::Object(entry) = entry else { return Err(bad("keys under their ids")) };
        let Some(CanonicalJsonValue::String(key)) = entry.get("key") else { return Err(bad("keys under their ids")) };
        let public = Base64::<ruma::serde::base64::Standard>::parse(key).map_err(|_| bad("keys in base64"))?;
        let public: Vec<u8> = public.into_inner();
        if public.len() != PUBLIC_BYTES {
            return Err(bad("keys of 32 bytes"));
        }
        Ok((id.clone(), public, entry))
    });
    read.collect()
}

/// At least one of its own keys must have signed the document, and no signature by an own key may be invalid.
fn check_signature(object: &CanonicalJsonObject, server: &ServerName, keys: &[ServerKeyRow]) -> Result<()> {
    let unsigned =
        || refuse(Reason::InvalidSignature, format!("The list of keys of {server} is not signed by itself."));
    let Some(CanonicalJsonValue::Object(all)) = object.get("signatures") else { return Err(unsigned()) };
    let Some(own) = all.get(server.as_str()) else { return Err(unsigned()) };
    let set: PublicKeySet = keys.iter().map(|key| (key.key_id.clone(), Base64::new(key.public.clone()))).collect();
    // Only the server's own signatures count here; those of notaries are removed.
    let mut signed = object.clone();
    let own = CanonicalJsonValue::Object([(server.to_string(), own.clone())].into());
    signed.insert("signatures".into(), own);
    verify_json(&PublicKeyMap::from([(server.to_string(), set)]), &signed).map_err(|_| unsigned())
}

fn time(object: &CanonicalJsonObject, field: &str) -> Option<Millis> {
    match object.get(field) {
        Some(CanonicalJsonValue::Integer(ms)) => Millis::try_from(i64::from(*ms)).ok(),
        _ => None,
    }
}

fn bad(what: &str) -> Error {
    Error::bad_json(format!("The server's list of keys does not say {what}."))
}
