//! Signed JSON from strangers: reading it, and checking Ed25519 signatures of devices and users on it (appendices, "Signing
//! JSON"). Pure functions.

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_store::tables::device_keys::SignatureRow;
use ruma::UserId;
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use ruma::serde::{Base64, Raw, base64::Standard};
use ruma::signatures::{SigningKeyAlgorithm, to_canonical_json_string_for_signing, verify_canonical_json_bytes};

/// The algorithm of all signatures, with the colon that a key's name follows.
pub(super) const ED25519: &str = "ed25519:";
/// How long an Ed25519 public key is.
const PUBLIC_KEY_BYTES: usize = 32;

/// Reads an object of at most `bytes_max`; `what` names it in refusals.
///
/// Refuses with `M_TOO_LARGE`, or `M_BAD_JSON` when it is no object or holds what canonical JSON does not have.
pub(super) fn object(json: &str, bytes_max: usize, what: &str) -> Result<CanonicalJsonObject> {
    if json.len() > bytes_max {
        return Err(refuse(Reason::TooLarge, format!("The {what} is larger than {bytes_max} bytes.")));
    }
    serde_json::from_str(json).map_err(|error| Error::bad_json(format!("The {what} cannot be read: {error}")))
}

/// Whether anything in the database may be called that: names with a NUL character, or longer ones, are nobody's.
pub(super) fn may_exist(name: &str) -> bool {
    name.len() <= limits::ID_BYTES_MAX && !name.contains('\0')
}

/// A field of an object that is text.
pub(super) fn text<'a>(object: &'a CanonicalJsonObject, field: &str) -> Option<&'a str> {
    object.get(field).and_then(CanonicalJsonValue::as_str)
}

/// A field of an object that is an object.
pub(super) fn nested<'a>(object: &'a CanonicalJsonObject, field: &str) -> Option<&'a CanonicalJsonObject> {
    object.get(field).and_then(CanonicalJsonValue::as_object)
}

/// Writes an object as canonical JSON.
pub(super) fn write(object: &CanonicalJsonObject) -> Result<String> {
    serde_json::to_string(object).map_err(|error| Error::fault("writing a key", error))
}

/// What signatures are made over: canonical JSON without `signatures` and `unsigned`. Two uploads of a key are the same
/// key when this is the same.
pub(super) fn payload(object: &CanonicalJsonObject) -> Result<String> {
    to_canonical_json_string_for_signing(object).map_err(|error| Error::fault("writing a key for its signature", error))
}

/// The bytes of an Ed25519 public key in unpadded base64; `None` when it is not one.
pub(super) fn public_key(text: &str) -> Option<Vec<u8>> {
    let bytes = Base64::<Standard>::parse(text).ok()?.into_inner();
    (bytes.len() == PUBLIC_KEY_BYTES).then_some(bytes)
}

/// The signature of a user's key on an object.
pub(super) fn signature<'a>(object: &'a CanonicalJsonObject, user: &UserId, key_id: &str) -> Option<&'a str> {
    text(nested(nested(object, "signatures")?, user.as_str())?, key_id)
}

/// Checks that `object` is signed by the key `ed25519:<name>` of `user`, whose public key is `public`.
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

/// Removes the signatures of everybody but `user`: what others have signed they upload themselves, and then it is checked.
pub(super) fn keep_signatures_of(object: &mut CanonicalJsonObject, user: &UserId) {
    if let Some(CanonicalJsonValue::Object(signatures)) = object.get_mut("signatures") {
        signatures.retain(|signer, _| *signer == *user.as_str());
    }
}

/// Adds a signature.
pub(super) fn add_signature(object: &mut CanonicalJsonObject, signer: &str, key_id: &str, signature: &str) {
    let empty = || CanonicalJsonValue::Object(CanonicalJsonObject::new());
    let signatures = object.entry("signatures".to_owned()).or_insert_with(empty);
    let CanonicalJsonValue::Object(signatures) = signatures else { return };
    let CanonicalJsonValue::Object(of_signer) = signatures.entry(signer.to_owned()).or_insert_with(empty) else {
        return;
    };
    of_signer.insert(key_id.to_owned(), CanonicalJsonValue::String(signature.to_owned()));
}

/// A stored key with those of the signatures that were uploaded for it.
pub(super) fn with_signatures(json: &str, item: &str, signatures: &[SignatureRow]) -> Result<CanonicalJsonObject> {
    let mut object = serde_json::from_str(json).map_err(|error| Error::fault("reading a stored key", error))?;
    for row in signatures.iter().filter(|row| row.item == item) {
        add_signature(&mut object, &row.signer, &row.key_id, &row.signature);
    }
    Ok(object)
}

/// An object as the raw form of whatever ruma has a type for.
pub(super) fn raw<T>(object: &CanonicalJsonObject) -> Result<Raw<T>> {
    Raw::from_json_string(write(object)?).map_err(|error| Error::fault("writing a key", error))
}
