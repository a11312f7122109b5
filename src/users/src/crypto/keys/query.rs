//! Key queries (`/keys/query`).

use hearth_base::boxed;
use std::collections::BTreeMap;

use hearth_base::{Error, Result, limits};
use hearth_core::Requester;
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::cross_signing::{self, KeyKind};
use hearth_store::tables::device_keys::{self, SignatureRow};
use hearth_store::tables::{devices, remote_devices, users};
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use ruma::encryption::{CrossSigningKey, DeviceKeys};
use ruma::serde::Raw;
use ruma::{OwnedDeviceId, OwnedUserId};

use crate::crypto::remote::{KeyFailures, RemoteList, SharedRooms};
use crate::crypto::{LocalKeys, signed};

/// Requested devices by user; an empty list means all devices.
pub type KeysQuery = BTreeMap<OwnedUserId, Vec<OwnedDeviceId>>;

/// The result of a query.
#[derive(Debug, Default)]
pub struct Queried {
    /// Identity keys by user and device. It has an entry for every requested local user, even if empty.
    pub device_keys: BTreeMap<OwnedUserId, BTreeMap<OwnedDeviceId, Raw<DeviceKeys>>>,
    /// Master keys.
    pub master_keys: BTreeMap<OwnedUserId, Raw<CrossSigningKey>>,
    /// Self-signing keys.
    pub self_signing_keys: BTreeMap<OwnedUserId, Raw<CrossSigningKey>>,
    /// User-signing keys: at most the requester's own.
    pub user_signing_keys: BTreeMap<OwnedUserId, Raw<CrossSigningKey>>,
    /// Servers that could not be reached.
    pub failures: KeyFailures,
    /// Remote users without a complete local copy: their servers must be asked.
    pub elsewhere: KeysQuery,
}

impl LocalKeys {
    /// Reads keys as the requester may see them, with the signatures of the keys' owner and of the requester only.
    /// Answers for remote users from a complete local copy.
    ///
    /// Refuses with `M_INVALID_PARAM` for too many users.
    #[boxed]
    pub async fn query_keys(&self, who: &Requester, query: KeysQuery) -> Result<Queried> {
        if query.len() > limits::KEYS_QUERY_USERS_MAX {
            return Err(Error::invalid(format!("Ask for at most {} users at a time.", limits::KEYS_QUERY_USERS_MAX)));
        }
        let (core, viewer) = (self.core.clone(), who.user);
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let (mut queried, mut sight) = (Queried::default(), None);
            for (user, wanted) in query {
                if core.is_local(&user) {
                    of_user(tx.tx(), KeysViewer::User(viewer), user, &wanted, &mut queried)?;
                    continue;
                }
                // Computed at most once per query, and only if a remote user is in it.
                let sight = match &sight {
                    Some(sight) => sight,
                    None => sight.insert(SharedRooms::now(tx.tx())?),
                };
                of_remote(tx.tx(), (viewer, sight), user, wanted, &mut queried)?;
            }
            Ok(queried)
        };
        self.core.store.read_slow("keys_query", read).await
    }
}

impl Queried {
    /// Adds another server's response for one of its users.
    pub fn add(&mut self, user_id: &OwnedUserId, wanted: &[OwnedDeviceId], list: &RemoteList) -> Result<()> {
        let keys = [(&list.master, &mut self.master_keys), (&list.self_signing, &mut self.self_signing_keys)];
        for (row, keys) in keys {
            if let Some(row) = row {
                keys.insert(user_id.clone(), raw_text(row.json.clone())?);
            }
        }
        let found = self.device_keys.entry(user_id.clone()).or_default();
        for (device, json) in &list.devices {
            let id = OwnedDeviceId::from(device.as_str());
            if wanted.is_empty() || wanted.contains(&id) {
                found.insert(id, raw_text(json.clone())?);
            }
        }
        Ok(())
    }

    /// Merges another result.
    pub fn join(&mut self, more: Self) {
        self.device_keys.extend(more.device_keys);
        self.master_keys.extend(more.master_keys);
        self.self_signing_keys.extend(more.self_signing_keys);
        self.user_signing_keys.extend(more.user_signing_keys);
        self.failures.extend(more.failures);
        self.elsewhere.extend(more.elsewhere);
    }
}

/// The reader of a local user's keys.
#[derive(Debug, Clone, Copy)]
pub(super) enum KeysViewer {
    /// A local user, who sees their own signatures as well as the owner's, and device names.
    User(UserSn),
    /// Another server: only the owner's signatures, and device names only where the configuration shares them.
    Server { with_names: bool },
}

/// Adds what `viewer` may see of a local user.
pub(super) fn of_user(
    tx: &mut dyn Tx,
    viewer: KeysViewer,
    user_id: OwnedUserId,
    wanted: &[OwnedDeviceId],
    queried: &mut Queried,
) -> Result<()> {
    let (viewer, with_names) = match viewer {
        KeysViewer::User(user) => (Some(user), true),
        KeysViewer::Server { with_names } => (None, with_names),
    };
    let Some(user) = users::find(tx, user_id.as_str())? else {
        queried.device_keys.insert(user_id, BTreeMap::new());
        return Ok(());
    };
    let signatures = identity(tx, viewer, (user, &user_id), queried)?;
    let found = devices_of(tx, user, wanted, &signatures, with_names)?;
    queried.device_keys.insert(user_id, found);
    Ok(())
}

/// Adds the local copy of a remote user's keys, or marks the user for a query to their server.
fn of_remote(
    tx: &mut dyn Tx,
    (viewer, sight): (UserSn, &SharedRooms),
    user_id: OwnedUserId,
    wanted: Vec<OwnedDeviceId>,
    queried: &mut Queried,
) -> Result<()> {
    let user = match users::find(tx, user_id.as_str())? {
        Some(user) if sight.is_fresh(tx, user)? => user,
        _ => {
            queried.elsewhere.insert(user_id, wanted);
            return Ok(());
        }
    };
    identity(tx, Some(viewer), (user, &user_id), queried)?;
    let mut found = BTreeMap::new();
    for (device, json) in remote_devices::devices(tx, user)? {
        let id = OwnedDeviceId::from(device);
        if wanted.is_empty() || wanted.contains(&id) {
            found.insert(id, raw_text(json)?);
        }
    }
    queried.device_keys.insert(user_id, found);
    Ok(())
}

/// Adds a user's cross-signing keys; returns the signatures on them and on the user's devices.
fn identity(
    tx: &mut dyn Tx,
    viewer: Option<UserSn>,
    (user, user_id): (UserSn, &OwnedUserId),
    queried: &mut Queried,
) -> Result<Vec<SignatureRow>> {
    let signatures = device_keys::signatures(tx, user, viewer.unwrap_or(user))?;
    for (kind, row) in cross_signing::of_user(tx, user)? {
        let keys = match kind {
            KeyKind::Master => &mut queried.master_keys,
            KeyKind::SelfSigning => &mut queried.self_signing_keys,
            KeyKind::UserSigning if viewer == Some(user) => &mut queried.user_signing_keys,
            KeyKind::UserSigning => continue,
        };
        let object = signed::with_signatures(&row.json, &row.public, &signatures)?;
        keys.insert(user_id.clone(), signed::raw(&object)?);
    }
    Ok(signatures)
}

fn devices_of(
    tx: &mut dyn Tx,
    user: UserSn,
    wanted: &[OwnedDeviceId],
    signatures: &[SignatureRow],
    with_names: bool,
) -> Result<BTreeMap<OwnedDeviceId, Raw<DeviceKeys>>> {
    let mut keys: BTreeMap<_, _> = device_keys::of_user(tx, user)?.into_iter().collect();
    let mut found = BTreeMap::new();
    if keys.is_empty() {
        return Ok(found);
    }
    for device in devices::of_user(tx, user)? {
        let id = OwnedDeviceId::from(device.id);
        if !wanted.is_empty() && !wanted.contains(&id) {
            continue;
        }
        let Some(json) = keys.remove(&device.sn) else { continue };
        let mut object = signed::with_signatures(&json, id.as_str(), signatures)?;
        if let Some(name) = device.name.filter(|_| with_names) {
            let name = ("device_display_name".to_owned(), CanonicalJsonValue::String(name));
            object.insert("unsigned".to_owned(), CanonicalJsonValue::Object(CanonicalJsonObject::from([name])));
        }
        found.insert(id, signed::raw(&object)?);
    }
    Ok(found)
}

fn raw_text<T>(json: String) -> Result<Raw<T>> {
    Raw::from_json_string(json).map_err(|error| Error::fault("writing a key", error))
}
