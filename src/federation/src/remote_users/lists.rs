//! Device lists of remote users.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::try_join_all;
use hearth_base::limits::federation::ONE_BY_ONE_MAX;
use hearth_base::{Reason, Result, limits};
use hearth_users::crypto::remote::{DeviceEntry, RemoteList};
use ruma::api::federation::device::get_devices;
use ruma::api::federation::keys::get_keys;
use ruma::serde::Raw;
use ruma::{OwnedDeviceId, OwnedUserId, ServerName, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Federation;
use crate::answer_budget::AnswerBudget;

/// A device; its keys may be missing if it has not uploaded any.
#[derive(Deserialize)]
struct Device {
    device_id: OwnedDeviceId,
    keys: Option<Box<RawValue>>,
    device_display_name: Option<String>,
}

/// The answer to `GET /user/devices/{userId}`.
#[derive(Deserialize)]
struct Devices {
    user_id: OwnedUserId,
    stream_id: Option<i64>,
    devices: Vec<Device>,
    master_key: Option<Box<RawValue>>,
    self_signing_key: Option<Box<RawValue>>,
}

/// The answer to `POST /user/keys/query`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Keys {
    device_keys: BTreeMap<String, BTreeMap<OwnedDeviceId, Box<RawValue>>>,
    master_keys: BTreeMap<String, Box<RawValue>>,
    self_signing_keys: BTreeMap<String, Box<RawValue>>,
}

impl Federation {
    /// The full device lists of users of one server.
    pub(super) async fn device_lists(
        &self,
        server: &ServerName,
        users: Vec<OwnedUserId>,
        wait: Duration,
        budget: &AnswerBudget,
    ) -> Result<BTreeMap<OwnedUserId, RemoteList>> {
        if users.len() <= ONE_BY_ONE_MAX {
            let each = users.iter().map(|user| self.device_list(server, user, wait, budget));
            match try_join_all(each).await {
                Ok(lists) => return Ok(users.into_iter().zip(lists).collect()),
                // The server may refuse this endpoint for users without a shared room; the next request does not need
                // one.
                Err(error) if error.reason() != Some(Reason::ConnectionFailed) => {}
                Err(error) => return Err(error),
            }
        }
        let request = get_keys::v1::Request::new(users.iter().map(|user| (user.clone(), Vec::new())).collect());
        let mut keys: Keys = self.ask_sharing(server, request, wait, limits::DEVICE_LISTS_BYTES_MAX, budget).await?;
        let lists = users.into_iter().map(|user| {
            let list = keys.list(&user);
            (user, list)
        });
        Ok(lists.collect())
    }

    async fn device_list(
        &self,
        server: &ServerName,
        user: &UserId,
        wait: Duration,
        budget: &AnswerBudget,
    ) -> Result<RemoteList> {
        let request = get_devices::v1::Request::new(user.to_owned());
        let bytes_max = limits::DEVICE_LISTS_BYTES_MAX;
        let answer: Devices = self.ask_sharing(server, request, wait, bytes_max, budget).await?;
        if answer.user_id != user {
            return Err(hearth_base::Error::not_found(format!("{server} answered for another user than {user}.")));
        }
        let entry = |device: Device| {
            let keys = Raw::from_json(device.keys?);
            Some(DeviceEntry { id: device.device_id, keys, name: device.device_display_name })
        };
        let (master, self_signing) =
            (answer.master_key.map(Raw::from_json), answer.self_signing_key.map(Raw::from_json));
        let devices = answer.devices.into_iter().filter_map(entry);
        Ok(RemoteList::new(user, answer.stream_id, devices, master.as_ref(), self_signing.as_ref()))
    }
}

impl Keys {
    /// Takes one user's list; an empty one if they have no devices.
    fn list(&mut self, user: &UserId) -> RemoteList {
        let devices = self.device_keys.remove(user.as_str()).unwrap_or_default().into_iter();
        let devices = devices.map(|(id, keys)| DeviceEntry { id, keys: Raw::from_json(keys), name: None });
        let master = self.master_keys.remove(user.as_str()).map(Raw::from_json);
        let self_signing = self.self_signing_keys.remove(user.as_str()).map(Raw::from_json);
        RemoteList::new(user, None, devices, master.as_ref(), self_signing.as_ref())
    }
}
