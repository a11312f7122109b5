//! Untrusted signed JSON: parsing, and Ed25519 signatures of devices and users (appendices, "Signing JSON"). Pure
//! functions.

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_store::tables::device_keys::SignatureRow;
use ruma::UserId;
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use ruma::serde::{Base64, Raw, base64::Standard};
use ruma::signatures::{SigningKeyAlgorithm, to_canonical_json_string_for_signing, verify_canonical_json_bytes};

/// The signature algorithm with its colon; the key's name follows.
pub(super) const ED25519: &str = "ed25519:";
/// Length of an Ed25519 public key.
const PUBLIC_KEY_BYTES: usize = 32;
/// Length of an Ed25519 signature.
const SIGNATURE_BYTES: usize = 64;

/// Parses an object of at most `bytes_max`; `what` names it in errors.
///
/// Refuses with `M_TOO_LARGE`, or `M_BAD_JSON` when it is not an object or not canonical JSON.
pub(super) fn object(json: &str, bytes_max: usize, what: &str) -> Result<CanonicalJsonObject> {
    if json.len() > bytes_max {
        return Err(refuse(Reason::TooLarge, format!("The {what} is larger than {bytes_max} bytes.")));
    }
    serde_json::from_str(json).map_err(|error| Error::bad_json(format!("The {what} cannot be read: {error}")))
}

/// Whether a name can be in the database: names with a NUL character, or longer than the limit, cannot.
pub(super) fn may_exist(name: &str) -> bool {
    name.len() <= limits::ID_BYTES_MAX && !name.contains('\0')
}

/// A string field of an object.
pub(super) fn text<'a>(object: &'a CanonicalJsonObject, field: &str) -> Option<&'a str> {
    object.get(field).and_then(CanonicalJsonValue::as_str)
}

/// An object field of an object.
pub(super) fn nested<'a>(object: &'a CanonicalJsonObject, field: &str) -> Option<&'a CanonicalJsonObject> {
    object.get(field).and_then(CanonicalJsonValue::as_object)
}

/// Serialises an object as canonical JSON.
pub(super) fn write(object: &CanonicalJsonObject) -> Result<String> {
    serde_json::to_string(object).map_err(|error| Error::fault("writing a key", error))
}

/// The signed payload: canonical JSON without `signatures` and `unsigned`. Two uploads are the same key if their
/// payloads are equal.
pub(super) fn payload(object: &CanonicalJsonObject) -> Result<String> {
    to_canonical_json_string_for_signing(object).map_err(|error| Error::fault("writing a key for its signature", error))
}

/// Decodes an Ed25519 public key from unpadded base64; `None` when it is invalid.
pub(super) fn public_key(text: &str) -> Option<Vec<u8>> {
    let bytes = Base64::<Standard>::parse(text).ok()?.into_inner();
    (bytes.len() == PUBLIC_KEY_BYTES).then_some(bytes)
}

/// Whether texts are an Ed25519 public key and a signature, written as libraries write them: the unused bits of the last
/// character are zero. Placeholders rarely are.
pub(super) fn are_genuine(public: &str, signature: &str) -> bool {
    let is = |text: &str, length: usize| {
        let written = Base64::<Standard>::parse(text).ok().filter(|bytes| bytes.as_bytes().len() == length);
        written.is_some_and(|bytes| bytes.encode() == text.trim_end_matches('='))
    };
    is(public, PUBLIC_KEY_BYTES) && is(signature, SIGNATURE_BYTES)
}

/// The signature on an object by a user's key.
pub(super) fn signature<'a>(object: &'a CanonicalJsonObject, user: &UserId, key_id: &str) -> Option<&'a str> {
    text(nested(nested(object, "signatures")?, user.as_str())?, key_id)
}

/// Verifies the signature on `object` by the key `ed25519:<name>` of `user`, with public key `public`.
///
/// Refuses with `M_INVALID_SIGNATURE`.
pub(super) fn check(object: &CanonicalJsonObject, user: &UserId, name: &str, public: &str) -> Result<()> {
    let key_id = format!("{ED25519}{name}");
    let refused = |why: &str| refuse(Reason::InvalidSignature, format!("The signature of {user} with {key_id} {why}."));
    let signature = signature(object, user, &key_id).ok_or_else(|| refused("is missing"))?;
    let signature = Base64::<Standard>::parse(signature).map_err(|_| refused("is not base64"))?;
    let public = public_key(public).ok_or_else(|| refused("cannot be checked: the public key is malformed"))?;
    let payload = payload(object)?;
    verify_canonical_json_bytes(&SigningKeyAlgorithm::Ed25519, &public, signature.as_bytes(), payload.as_bytes())
        .map_err(|_| refused("does not fit what it signs"))
}

/// Removes all signatures but those of `user`. Other users upload their signatures themselves, and then the server
/// verifies them.
pub(super) fn keep_signatures_of(object: &mut CanonicalJsonObject, user: &UserId) {
    if let Some(CanonicalJsonValue::Object(signatures)) = object.get_mut("signatures") {
        signatures.retain(|signer, _| *signer == *user.as_str());
    }
}

/// Adds a signature to an object.
pub(super) fn add_signature(object: &mut CanonicalJsonObject, signer: &str, key_id: &str, signature: &str) {
    let empty = || CanonicalJsonValue::Object(CanonicalJsonObject::new());
    let signatures = object.entry("signatures".to_owned()).or_insert_with(empty);
    let CanonicalJsonValue::Object(signatures) = signatures else { return };
    let CanonicalJsonValue::Object(of_signer) = signatures.entry(signer.to_owned()).or_insert_with(empty) else {
        return;
    };
    of_signer.insert(key_id.to_owned(), CanonicalJsonValue::String(signature.to_owned()));
}

/// A stored key with the uploaded signatures on `item`.
pub(super) fn with_signatures(json: &str, item: &str, signatures: &[SignatureRow]) -> Result<CanonicalJsonObject> {
    let mut object = serde_json::from_str(json).map_err(|error| Error::fault("reading a stored key", error))?;
    for row in signatures.iter().filter(|row| row.item == item) {
        add_signature(&mut object, &row.signer, &row.key_id, &row.signature);
    }
    Ok(object)
}

/// An object as raw JSON of a ruma type.
pub(super) fn raw<T>(object: &CanonicalJsonObject) -> Result<Raw<T>> {
    Raw::from_json_string(write(object)?).map_err(|error| Error::fault("writing a key", error))
}
