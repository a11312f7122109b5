//! A device list as another server tells of it, checked. Pure.

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

/// The field in which the name of a device comes with its keys.
const NAME: &str = "device_display_name";

/// A device as another server tells of it.
#[derive(Debug)]
pub struct DeviceEntry {
    /// Its id.
    pub id: OwnedDeviceId,
    /// Its identity keys.
    pub keys: Raw<DeviceKeys>,
    /// Its name, if it does not come with the keys.
    pub name: Option<String>,
}

/// All that a server tells of one of its users, as far as it is right: keys of others, and what are no keys, are not in it.
#[derive(Debug, Default)]
pub struct RemoteList {
    /// The number in the server's stream of this list; none when it did not say.
    pub stream: Option<i64>,
    /// Identity keys as canonical JSON, by device.
    pub(in crate::crypto) devices: BTreeMap<String, String>,
    /// The master key.
    pub(in crate::crypto) master: Option<CrossSigningRow>,
    /// The self-signing key, which the master key has signed.
    pub(in crate::crypto) self_signing: Option<CrossSigningRow>,
}

impl RemoteList {
    /// Checks what a server tells of `user`, at most [`limits::DEVICES_PER_USER_MAX`] devices of it.
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

/// A device's identity keys as they are kept: with its owner's signatures only, and its name.
pub(super) fn device(user: &UserId, id: &DeviceId, json: &str, name: Option<String>) -> Result<String> {
    if !signed::may_exist(id.as_str()) {
        return Err(Error::invalid("A device id is too long or has a NUL character."));
    }
    let mut object = signed::object(json, limits::IDENTITY_KEY_BYTES_MAX, "device_keys")?;
    public_keys(&object, UploadOwner { user, device: id })?;
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

/// A user's cross-signing keys: a master key, and a self-signing key that it has signed.
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
