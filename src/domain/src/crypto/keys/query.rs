//! Looking at users' keys (`/keys/query`).

use std::collections::BTreeMap;

use hearth_base::{Error, Result, limits};
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::cross_signing::{self, KeyKind};
use hearth_store::tables::device_keys::{self, SignatureRow};
use hearth_store::tables::{devices, users};
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use ruma::encryption::{CrossSigningKey, DeviceKeys};
use ruma::serde::Raw;
use ruma::{OwnedDeviceId, OwnedUserId};

use crate::Requester;
use crate::crypto::remote::{self, Failures};
use crate::crypto::{Crypto, signed};

/// Which devices of which users; an empty list means all of a user's.
pub type Query = BTreeMap<OwnedUserId, Vec<OwnedDeviceId>>;

/// What a query found.
#[derive(Debug, Default)]
pub struct Queried {
    /// Identity keys by user and device. Every user of this server who was asked for is there, if only with nothing.
    pub device_keys: BTreeMap<OwnedUserId, BTreeMap<OwnedDeviceId, Raw<DeviceKeys>>>,
    /// Master keys.
    pub master_keys: BTreeMap<OwnedUserId, Raw<CrossSigningKey>>,
    /// Self-signing keys.
    pub self_signing_keys: BTreeMap<OwnedUserId, Raw<CrossSigningKey>>,
    /// User-signing keys: the requester's own at most.
    pub user_signing_keys: BTreeMap<OwnedUserId, Raw<CrossSigningKey>>,
    /// Servers that could not be asked.
    pub failures: Failures,
}

impl Crypto {
    /// Looks up keys as the requester may see them: with the signatures of the keys' owner and their own, no others'.
    ///
    /// Refuses with `M_INVALID_PARAM` when too many users are asked for.
    pub async fn query_keys(&self, who: &Requester, query: Query) -> Result<Queried> {
        if query.len() > limits::KEYS_QUERY_USERS_MAX {
            return Err(Error::invalid(format!("Ask for at most {} users at a time.", limits::KEYS_QUERY_USERS_MAX)));
        }
        let mut queried = Queried::default();
        let (local, others): (Query, Query) = query.into_iter().partition(|(user, _)| self.core.is_local(user));
        others.keys().for_each(|user| remote::unreachable(&mut queried.failures, user));
        let viewer = who.user;
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            for (user, wanted) in local {
                of_user(tx.tx(), viewer, user, &wanted, &mut queried)?;
            }
            Ok(queried)
        };
        self.core.store.read_slow("keys_query", read).await
    }
}

/// Adds what `viewer` may see of one user of this server.
fn of_user(
    tx: &mut dyn Tx,
    viewer: UserSn,
    user_id: OwnedUserId,
    wanted: &[OwnedDeviceId],
    queried: &mut Queried,
) -> Result<()> {
    let Some(user) = users::find(tx, user_id.as_str())? else {
        queried.device_keys.insert(user_id, BTreeMap::new());
        return Ok(());
    };
    let signatures = device_keys::signatures(tx, user, viewer)?;
    for (kind, row) in cross_signing::of_user(tx, user)? {
        let keys = match kind {
            KeyKind::Master => &mut queried.master_keys,
            KeyKind::SelfSigning => &mut queried.self_signing_keys,
            KeyKind::UserSigning if user == viewer => &mut queried.user_signing_keys,
            KeyKind::UserSigning => continue,
        };
        let object = with_signatures(&row.json, &row.public, &signatures)?;
        keys.insert(user_id.clone(), raw(&object)?);
    }
    let found = devices_of(tx, user, wanted, &signatures)?;
    queried.device_keys.insert(user_id, found);
    Ok(())
}

fn devices_of(
    tx: &mut dyn Tx,
    user: UserSn,
    wanted: &[OwnedDeviceId],
    signatures: &[SignatureRow],
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
        let mut object = with_signatures(&json, id.as_str(), signatures)?;
        if let Some(name) = device.name {
            let name = ("device_display_name".to_owned(), CanonicalJsonValue::String(name));
            object.insert("unsigned".to_owned(), CanonicalJsonValue::Object(CanonicalJsonObject::from([name])));
        }
        found.insert(id, raw(&object)?);
    }
    Ok(found)
}

/// A stored key with the signatures that were uploaded for it.
fn with_signatures(json: &str, item: &str, signatures: &[SignatureRow]) -> Result<CanonicalJsonObject> {
    let mut object = serde_json::from_str(json).map_err(|error| Error::fault("reading a stored key", error))?;
    for row in signatures.iter().filter(|row| row.item == item) {
        signed::add_signature(&mut object, &row.signer, &row.key_id, &row.signature);
    }
    Ok(object)
}

fn raw<T>(object: &CanonicalJsonObject) -> Result<Raw<T>> {
    Raw::from_json_string(signed::write(object)?).map_err(|error| Error::fault("writing a key", error))
}
