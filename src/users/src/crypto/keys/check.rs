//! Validation of device keys, from local clients and from other servers. Pure functions; each error names the key and
//! the fault.
//!
//! Of local clients' uploads, the signature of the device is verified on each key that has one: a wrong one is a mistake that
//! other clients would otherwise find, when they fail to start an encrypted session. Keys without it are stored, because the
//! specification leaves it to clients to refuse them; so are those of programs that do not encrypt and write placeholders,
//! which are no signatures, where real ones belong. The keys of other servers are not verified: those servers do not
//! either, so keys are in use that only this server would hide.

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_store::tables::one_time_keys::KeyRow;
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use ruma::{DeviceId, UserId};

use super::KeysUpload;
use crate::crypto::signed::{self, ED25519};

/// A key with its algorithm.
pub(in crate::crypto) type AlgorithmKey = (String, KeyRow);

/// A well-formed upload within the limits.
#[derive(Debug)]
pub(in crate::crypto) struct CheckedUpload {
    /// The identity keys.
    pub(in crate::crypto) device_keys: Option<DeviceKeys>,
    /// One-time keys.
    pub(in crate::crypto) one_time: Vec<AlgorithmKey>,
    /// Fallback keys.
    pub(in crate::crypto) fallback: Vec<AlgorithmKey>,
}

/// Identity keys that match their device.
#[derive(Debug, PartialEq)]
pub(in crate::crypto) struct DeviceKeys {
    /// Canonical JSON with only the device's own signatures.
    pub(in crate::crypto) json: String,
    /// The public keys, by `algorithm:device`.
    pub(in crate::crypto) keys: CanonicalJsonObject,
}

/// The owner of an upload.
#[derive(Debug, Clone, Copy)]
pub(in crate::crypto) struct UploadOwner<'a> {
    /// The user.
    pub(in crate::crypto) user: &'a UserId,
    /// The device.
    pub(in crate::crypto) device: &'a DeviceId,
}

impl CheckedUpload {
    /// Validates an upload.
    pub(in crate::crypto) fn new(upload: &KeysUpload, owner: UploadOwner<'_>) -> Result<Self> {
        let device_keys = upload.device_keys.as_ref().map(|raw| device_keys(raw.json().get(), owner)).transpose()?;
        for keys in [&upload.one_time_keys, &upload.fallback_keys] {
            if keys.len() > limits::ONE_TIME_KEYS_PER_DEVICE_MAX {
                return Err(too_many());
            }
        }
        let key =
            |(id, raw): (&ruma::OwnedOneTimeKeyId, &ruma::serde::Raw<_>)| one_time_key(id.as_str(), raw.json().get());
        Ok(Self {
            one_time: upload.one_time_keys.iter().map(key).collect::<Result<_>>()?,
            fallback: upload.fallback_keys.iter().map(key).collect::<Result<_>>()?,
            device_keys,
        })
    }

    /// Verifies the device's signatures in this upload. `stored` are the device's identity keys, which count if the upload has
    /// none. Without either there is no key to verify with. Takes about 0.1 ms for each key.
    ///
    /// Refuses with `M_INVALID_SIGNATURE`.
    pub(in crate::crypto) fn verify(&self, stored: Option<&str>, owner: UploadOwner<'_>) -> Result<()> {
        let identity = self.device_keys.as_ref().map(|keys| keys.json.as_str()).or(stored);
        let identity = identity.map(serde_json::from_str::<CanonicalJsonObject>).transpose();
        let Some(identity) = identity.map_err(|error| Error::fault("reading stored keys of a device", error))? else {
            return Ok(());
        };
        let name = format!("{ED25519}{}", owner.device);
        let Some(public) = signed::nested(&identity, "keys").and_then(|keys| signed::text(keys, &name)) else {
            return Ok(());
        };
        if self.device_keys.is_some() {
            verify_own(&identity, owner, public)?;
        }
        for (_, key) in self.one_time.iter().chain(&self.fallback) {
            // A key may also be a text, which has no signature.
            if let Ok(object) = serde_json::from_str(&key.json) {
                verify_own(&object, owner, public)?;
            }
        }
        Ok(())
    }
}

/// Verifies the device's signature on one of its keys, if it has one that is not a placeholder.
fn verify_own(object: &CanonicalJsonObject, owner: UploadOwner<'_>, public: &str) -> Result<()> {
    let name = format!("{ED25519}{}", owner.device);
    match signed::signature(object, owner.user, &name) {
        Some(text) if signed::are_genuine(public, text) => {
            signed::check(object, owner.user, owner.device.as_str(), public)
        }
        _ => Ok(()),
    }
}

/// The error for more keys than a device may have.
pub(super) fn too_many() -> Error {
    let max = limits::ONE_TIME_KEYS_PER_DEVICE_MAX;
    Error::invalid(format!("A device may have at most {max} one-time keys here; upload more when these are used up."))
}

/// Parses identity keys as a client uploads them.
fn device_keys(json: &str, owner: UploadOwner<'_>) -> Result<DeviceKeys> {
    let mut object = signed::object(json, limits::IDENTITY_KEY_BYTES_MAX, "device_keys")?;
    let keys = public_keys(&object, owner)?;
    object.remove("unsigned");
    signed::keep_signatures_of(&mut object, owner.user);
    Ok(DeviceKeys { json: signed::write(&object)?, keys })
}

/// The public keys in identity keys, which must name this user and device and contain a signing key.
pub(in crate::crypto) fn public_keys(
    object: &CanonicalJsonObject,
    owner: UploadOwner<'_>,
) -> Result<CanonicalJsonObject> {
    if signed::text(object, "user_id") != Some(owner.user.as_str()) {
        return Err(Error::bad_json(format!("device_keys.user_id must be yours, {}.", owner.user)));
    }
    if signed::text(object, "device_id") != Some(owner.device.as_str()) {
        return Err(Error::bad_json(format!("device_keys.device_id must be that of this device, {}.", owner.device)));
    }
    let algorithms = object.get("algorithms").and_then(CanonicalJsonValue::as_array);
    if !algorithms.is_some_and(|list| list.iter().all(CanonicalJsonValue::is_string)) {
        return Err(Error::bad_json("device_keys.algorithms must be a list of names."));
    }
    let keys = signed::nested(object, "keys").ok_or_else(|| Error::bad_json("device_keys.keys must be an object."))?;
    let keys = keys.clone();
    for (id, key) in &keys {
        let named = id.split_once(':').is_some_and(|(_, name)| name == owner.device.as_str());
        if !named || !key.is_string() {
            let message = format!("device_keys.keys: {id:?} must read algorithm:{} and hold a text.", owner.device);
            return Err(Error::bad_json(message));
        }
    }
    let ed25519 = signed::text(&keys, &format!("{ED25519}{}", owner.device));
    if ed25519.and_then(signed::public_key).is_none() {
        let message = format!("device_keys.keys must hold an Ed25519 key in base64 as {ED25519}{}.", owner.device);
        return Err(Error::bad_json(message));
    }
    Ok(keys)
}

/// Parses a one-time or fallback key: a string, or an object with `key`.
fn one_time_key(id: &str, json: &str) -> Result<AlgorithmKey> {
    let malformed = |why: &str| Error::bad_json(format!("The key {id:?} {why}."));
    let (algorithm, key_id) = id.split_once(':').ok_or_else(|| malformed("must be named algorithm:id"))?;
    if algorithm.is_empty() || key_id.is_empty() || id.len() > limits::ID_BYTES_MAX || id.contains('\0') {
        return Err(malformed("has a name that is empty or too long"));
    }
    if json.len() > limits::ONE_TIME_KEY_BYTES_MAX {
        return Err(refuse(Reason::TooLarge, format!("The key {id:?} is too large.")));
    }
    let value: CanonicalJsonValue =
        serde_json::from_str(json).map_err(|error| malformed(&format!("cannot be read: {error}")))?;
    match &value {
        CanonicalJsonValue::String(_) if !algorithm.starts_with("signed_") => {}
        CanonicalJsonValue::Object(object) => {
            if signed::text(object, "key").is_none() {
                return Err(malformed("must have a text `key`"));
            }
        }
        _ => return Err(malformed("must be an object with `key` and `signatures`")),
    }
    let json = serde_json::to_string(&value).map_err(|error| Error::fault("writing a one-time key", error))?;
    Ok((algorithm.to_owned(), KeyRow { key_id: key_id.to_owned(), json }))
}

/// Whether two uploads are the same one-time key. Ignores signatures: signing again gives another signature.
pub(super) fn is_same_key(one: &str, other: &str) -> bool {
    let payload = |json: &str| {
        let object = serde_json::from_str::<CanonicalJsonObject>(json).ok()?;
        signed::payload(&object).ok()
    };
    one == other || payload(one).is_some_and(|payload_of_one| Some(payload_of_one) == payload(other))
}
