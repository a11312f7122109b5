//! Keys of local users for other servers (server-server API, "End-to-End Encryption" and "Device Management").
//!
//! Any server may query them, because a user needs the recipient's keys before they share a room. Device names are
//! omitted unless `federation.share_device_names` is set: encryption does not need them, and they are private.

use hearth_base::boxed;
use std::collections::BTreeMap;

use hearth_base::{Error, Position, Result, limits};
use hearth_store::ReadTx;
use hearth_store::tables::{remote_devices, users};
use ruma::encryption::{CrossSigningKey, DeviceKeys};
use ruma::serde::Raw;
use ruma::{OwnedDeviceId, OwnedUserId};

use super::query::{KeysQuery, KeysViewer, Queried, of_user};
use crate::crypto::Crypto;

/// All devices of a user.
#[derive(Debug)]
pub struct DevicesServed {
    /// Position of the last change: the `stream_id` that other servers were sent.
    pub changed: Position,
    /// The keys of each device that has any.
    pub devices: BTreeMap<OwnedDeviceId, Raw<DeviceKeys>>,
    /// The master key.
    pub master_key: Option<Raw<CrossSigningKey>>,
    /// The self-signing key.
    pub self_signing_key: Option<Raw<CrossSigningKey>>,
}

impl Crypto {
    fn as_server(&self) -> KeysViewer {
        KeysViewer::Server { with_names: self.core.config.federation.share_device_names }
    }

    /// `POST /user/keys/query`: as `LocalKeys::query_keys`, for local users only.
    #[boxed]
    pub async fn query_keys_for_server(&self, mut query: KeysQuery) -> Result<Queried> {
        query.retain(|user, _| self.core.is_local(user));
        if query.len() > limits::KEYS_QUERY_USERS_MAX {
            return Err(Error::invalid(format!("Ask for at most {} users at a time.", limits::KEYS_QUERY_USERS_MAX)));
        }
        let viewer = self.as_server();
        let read = move |tx: &mut ReadTx<'_>| {
            let mut queried = Queried::default();
            for (user, wanted) in query {
                of_user(tx.tx(), viewer, user, &wanted, &mut queried)?;
            }
            Ok(queried)
        };
        self.core.store.read_slow("keys_query_for_server", read).await
    }

    /// `GET /user/devices/{userId}`. `M_NOT_FOUND` for users of other servers.
    #[boxed]
    pub async fn devices_for_server(&self, user_id: OwnedUserId) -> Result<DevicesServed> {
        let unknown = format!("{user_id} is not known here.");
        if !self.core.is_local(&user_id) {
            return Err(Error::not_found(unknown));
        }
        let viewer = self.as_server();
        let read = move |tx: &mut ReadTx<'_>| {
            let user = users::find(tx.tx(), user_id.as_str())?.ok_or_else(|| Error::not_found(unknown))?;
            let mut found = Queried::default();
            of_user(tx.tx(), viewer, user_id.clone(), &[], &mut found)?;
            Ok(DevicesServed {
                changed: remote_devices::stream(tx.tx(), user)?.map_or(Position::ZERO, Position::from_i64),
                devices: found.device_keys.remove(&user_id).unwrap_or_default(),
                master_key: found.master_keys.remove(&user_id),
                self_signing_key: found.self_signing_keys.remove(&user_id),
            })
        };
        self.core.store.read_slow("devices_for_server", read).await
    }
}
