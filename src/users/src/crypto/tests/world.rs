//! The test fixture: a server with users, devices that can sign, and rooms that only have memberships.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_base::{Position, Seams};
use hearth_core::Requester;
use hearth_rooms::RoomCore;
use hearth_rooms::testing;
use hearth_store::ids::{EventSn, RoomSn, UserSn};
use hearth_store::tables::memberships::{self, Membership, MembershipRow};
use hearth_store::tables::{devices, users};
use ruma::canonical_json::CanonicalJsonObject;
use ruma::encryption::{CrossSigningKey, DeviceKeys, OneTimeKey};
use ruma::serde::{Base64, Raw};
use ruma::signatures::{Ed25519KeyPair, sign_json};
use ruma::{OwnedOneTimeKeyId, OwnedUserId, UserId};
use serde_json::{Value, json};

use crate::crypto::Crypto;
use crate::crypto::keys::KeysUpload;

pub(in crate::crypto) struct World {
    pub(in crate::crypto) core: Arc<RoomCore>,
    pub(in crate::crypto) crypto: Arc<Crypto>,
    _folder: tempfile::TempDir,
}

/// A logged-in device with a signing key.
pub(in crate::crypto) struct Device {
    pub(in crate::crypto) who: Requester,
    pub(in crate::crypto) key: Ed25519KeyPair,
}

/// A key named `name`, or by its own public key.
pub(in crate::crypto) fn key_pair(name: Option<&str>) -> Ed25519KeyPair {
    let document = Ed25519KeyPair::generate();
    let unnamed = Ed25519KeyPair::from_der(&document, "x".to_owned()).expect("a fresh key");
    let name = name.map_or_else(|| public(&unnamed), str::to_owned);
    Ed25519KeyPair::from_der(&document, name).expect("a fresh key")
}

pub(in crate::crypto) fn public(key: &Ed25519KeyPair) -> String {
    Base64::<ruma::serde::base64::Standard, _>::new(key.public_key().to_vec()).encode()
}

/// Signs JSON and deserialises it.
pub(in crate::crypto) fn signed<T>(value: Value, signers: &[(&UserId, &Ed25519KeyPair)]) -> Raw<T> {
    let mut object: CanonicalJsonObject = serde_json::from_value(value).expect("an object");
    for (user, key) in signers {
        sign_json(user.as_str(), *key, &mut object).expect("an object can be signed");
    }
    Raw::from_json_string(serde_json::to_string(&object).expect("JSON")).expect("JSON")
}

impl World {
    pub(in crate::crypto) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let core = testing::core(&folder, Seams::system(), |config| config.server.name = "example.org".to_owned());
        Self { crypto: Arc::new(Crypto::new(core.clone())), core, _folder: folder }
    }

    pub(in crate::crypto) async fn device(&self, localpart: &str, device: &str) -> Device {
        let user_id: OwnedUserId = format!("@{localpart}:example.org").try_into().expect("a user id");
        let (name, id) = (user_id.to_string(), device.to_owned());
        let (user, sn) = self
            .core
            .store
            .write("test", move |tx| {
                let user = users::intern(tx, &name)?;
                Ok((user, devices::insert(tx, user, &id, Some("phone"), 0)?))
            })
            .await
            .expect("a device");
        let who = testing::requester(user, user_id.as_str(), sn, device);
        Device { who, key: key_pair(Some(device)) }
    }

    /// Sets a membership in a room without events.
    pub(in crate::crypto) async fn set_membership(&self, room: i64, user: UserSn, membership: Membership) -> Position {
        let core = self.core.clone();
        let write = self.core.store.write("test", move |tx| {
            let position = tx.position();
            let (room, event) = (RoomSn(room), EventSn::from(position));
            let row = MembershipRow {
                room,
                user,
                membership,
                local: true,
                event,
                position,
                since: position,
                forgotten: false,
            };
            memberships::set(tx.tx(), &row, None)?;
            core.locals.forget(room);
            Ok(position)
        });
        write.await.expect("a membership")
    }
}

impl Device {
    pub(in crate::crypto) fn device_keys_json(&self) -> Value {
        let id = &self.who.device_id;
        json!({
            "user_id": self.who.user_id,
            "device_id": id,
            "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
            "keys": { format!("ed25519:{id}"): public(&self.key), format!("curve25519:{id}"): public(&self.key) },
        })
    }

    pub(in crate::crypto) fn device_keys(&self) -> Raw<DeviceKeys> {
        signed(self.device_keys_json(), &[(&self.who.user_id, &self.key)])
    }

    pub(in crate::crypto) fn one_time_keys(&self, ids: &[&str]) -> BTreeMap<OwnedOneTimeKeyId, Raw<OneTimeKey>> {
        let key = |id: &&str| {
            let name = OwnedOneTimeKeyId::try_from(format!("signed_curve25519:{id}")).expect("an id");
            (name, signed(json!({ "key": format!("key{id}") }), &[(&self.who.user_id, &self.key)]))
        };
        ids.iter().map(key).collect()
    }

    pub(in crate::crypto) fn upload(&self, one_time: &[&str], fallback: &[&str]) -> KeysUpload {
        KeysUpload {
            device_keys: Some(self.device_keys()),
            one_time_keys: self.one_time_keys(one_time),
            fallback_keys: self.one_time_keys(fallback),
        }
    }

    pub(in crate::crypto) fn cross_signing_key(
        &self,
        usage: &str,
        key: &Ed25519KeyPair,
        signer: Option<&Ed25519KeyPair>,
    ) -> Raw<CrossSigningKey> {
        let public = public(key);
        let value = json!({
            "user_id": self.who.user_id,
            "usage": [usage],
            "keys": { format!("ed25519:{public}"): public },
        });
        let signers: Vec<_> = signer.into_iter().map(|signer| (&*self.who.user_id, signer)).collect();
        signed(value, &signers)
    }
}
