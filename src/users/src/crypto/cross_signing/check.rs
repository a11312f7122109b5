//! Validation of cross-signing keys. Pure functions.

use hearth_base::{Error, Result, limits};
use hearth_store::tables::cross_signing::{CrossSigningRow, KeyKind};
use ruma::UserId;
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};

use crate::crypto::signed::{self, ED25519};

/// A well-formed cross-signing key; its signatures are not verified yet.
#[derive(Debug)]
pub(in crate::crypto) struct UncheckedKey {
    /// Its usage.
    pub(in crate::crypto) kind: KeyKind,
    /// The key as JSON.
    pub(in crate::crypto) object: CanonicalJsonObject,
    /// The row to store.
    pub(in crate::crypto) row: CrossSigningRow,
}

/// Parses a cross-signing key of `user`.
///
/// Refuses with `M_TOO_LARGE`, `M_BAD_JSON`, or `M_INVALID_PARAM` when it is not such a key.
pub(in crate::crypto) fn key(json: &str, user: &UserId, kind: KeyKind) -> Result<UncheckedKey> {
    let what = format!("{}_key", kind.name());
    let invalid = |why: &str| Error::invalid(format!("The {what} {why}."));
    let mut object = signed::object(json, limits::IDENTITY_KEY_BYTES_MAX, &what)?;
    if signed::text(&object, "user_id") != Some(user.as_str()) {
        return Err(invalid("must have your user id"));
    }
    let usage = object.get("usage").and_then(CanonicalJsonValue::as_array).unwrap_or_default();
    if !usage.iter().any(|usage| usage.as_str() == Some(kind.name())) {
        return Err(invalid("must name its usage"));
    }
    let public = public(&object).ok_or_else(|| invalid("must hold one Ed25519 key, named by itself"))?.to_owned();
    object.remove("unsigned");
    signed::keep_signatures_of(&mut object, user);
    let row = CrossSigningRow { public, json: signed::write(&object)? };
    Ok(UncheckedKey { kind, object, row })
}

/// The single public key in `keys`, named `ed25519:<itself>`.
fn public(object: &CanonicalJsonObject) -> Option<&str> {
    let mut keys = signed::nested(object, "keys")?.iter();
    let (id, key) = keys.next().filter(|_| keys.len() == 0)?;
    let key = key.as_str()?;
    (id.strip_prefix(ED25519)? == key && signed::public_key(key).is_some()).then_some(key)
}
