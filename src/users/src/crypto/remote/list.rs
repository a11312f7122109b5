//! A validated device list from another server. Pure.

use std::collections::BTreeMap;

use hearth_base::{Error, Result, limits};
use hearth_store::tables::cross_signing::{CrossSigningRow, KeyKind};
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use ruma::encryption::{CrossSigningKey, DeviceKeys};
use ruma::serde::Raw;
use ruma::{DeviceId, OwnedDeviceId, UserId};

use crate::crypto::cross_signing::check;
use crate::crypto::keys::{UploadOwner, public_keys};
use crate::crypto::signed;

/// The field with a device's display name.
const NAME: &str = "device_display_name";

/// A device in another server's response.
#[derive(Debug)]
pub struct DeviceEntry {
    /// The device ID.
    pub id: OwnedDeviceId,
    /// Its identity keys.
    pub keys: Raw<DeviceKeys>,
    /// Its display name, if it is not in the keys.
    pub name: Option<String>,
}

/// The valid part of a server's response about one of its users; invalid keys and keys of other users are dropped.
#[derive(Debug, Default)]
pub struct RemoteList {
    /// `stream_id` of the list; `None` if the server sent none.
    pub stream: Option<i64>,
    /// Identity keys as canonical JSON, by device.
    pub(in crate::crypto) devices: BTreeMap<String, String>,
    /// The master key.
    pub(in crate::crypto) master: Option<CrossSigningRow>,
    /// The self-signing key, signed by the master key.
    pub(in crate::crypto) self_signing: Option<CrossSigningRow>,
}

impl RemoteList {
    /// Number of devices.
    #[must_use]
    pub fn devices_count(&self) -> usize {
        self.devices.len()
    }

    /// Validates a server's response about `user`; reads at most [`limits::DEVICES_PER_USER_MAX`] devices.
    pub fn new(
        user: &UserId,
        stream: Option<i64>,
        devices: impl IntoIterator<Item = DeviceEntry>,
        master: Option<&Raw<CrossSigningKey>>,
        self_signing: Option<&Raw<CrossSigningKey>>,
    ) -> Self {
        let mut list = Self { stream, ..Self::default() };
        for entry in devices.into_iter().take(limits::DEVICES_PER_USER_MAX) {
            match device(user, &entry.id, entry.keys.json().get(), entry.name) {
                Ok(json) => _ = list.devices.insert(entry.id.to_string(), json),
                Err(error) => {
                    tracing::debug!(user.id = %user, %error, "Ignored a malformed device in a remote device list.")
                }
            }
        }
        (list.master, list.self_signing) = identity(user, master, self_signing);
        list
    }
}

/// A device's identity keys as stored: with only the owner's signatures, and with the name.
pub(super) fn device(user: &UserId, id: &DeviceId, json: &str, name: Option<String>) -> Result<String> {
    if !signed::may_exist(id.as_str()) {
        return Err(Error::invalid("A device id is too long or has a NUL character."));
    }
    let mut object = signed::object(json, limits::IDENTITY_KEY_BYTES_MAX, "device_keys")?;
    public_keys(&object, UploadOwner { user, device: id })?;
    // `unsigned` is not covered by the signature: keep only the name from it.
    let named = signed::nested(&object, "unsigned").and_then(|unsigned| signed::text(unsigned, NAME));
    let name = name.or_else(|| named.map(str::to_owned));
    object.remove("unsigned");
    signed::keep_signatures_of(&mut object, user);
    if let Some(name) = name.filter(|name| name.len() <= limits::DEVICE_NAME_BYTES_MAX && !name.contains('\0')) {
        let name = (NAME.to_owned(), CanonicalJsonValue::String(name));
        object.insert("unsigned".to_owned(), CanonicalJsonValue::Object(CanonicalJsonObject::from([name])));
    }
    signed::write(&object)
}

/// Validates a user's cross-signing keys: a master key, and a self-signing key that it signed.
pub(super) fn identity(
    user: &UserId,
    master: Option<&Raw<CrossSigningKey>>,
    self_signing: Option<&Raw<CrossSigningKey>>,
) -> (Option<CrossSigningRow>, Option<CrossSigningRow>) {
    let read = |raw: Option<&Raw<CrossSigningKey>>, kind| {
        check::key(raw?.json().get(), user, kind)
            .inspect_err(
                |error| tracing::debug!(user.id = %user, %error, "Ignored a malformed key in a remote device list."),
            )
            .ok()
    };
    let master = read(master, KeyKind::Master).map(|key| key.row);
    let self_signing = read(self_signing, KeyKind::SelfSigning).filter(|key| {
        master.as_ref().is_some_and(|master| signed::check(&key.object, user, &master.public, &master.public).is_ok())
    });
    (master, self_signing.map(|key| key.row))
}
