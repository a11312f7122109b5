//! Messages from device to device, which nobody else sees: key exchange, verification, secrets (client-server API,
//! "Send-to-Device messaging").
//!
//! A message waits in its device's inbox until the device syncs from a position after it. What that sync answers is read by
//! the sync itself, from the table.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_store::WriteTx;
use hearth_store::ids::{DeviceSn, UserSn};
use hearth_store::tables::{devices, remote_devices, to_device, txns, users};
use ruma::api::federation::transactions::edu::{DirectDeviceContent, Edu};
use ruma::events::AnyToDeviceEventContent;
use ruma::serde::Raw;
use ruma::to_device::DeviceIdOrAllDevices;
use ruma::{OwnedServerName, OwnedUserId, UserId};
use serde::Serialize;
use serde_json::value::RawValue;

use super::Crypto;
use super::signed::may_exist;
use crate::Requester;
use crate::core::Core;

/// Messages of one device that are dropped between two warnings.
const DROPPED_PER_WARNING: i64 = 1_000;
/// How long the ids of messages to other servers are.
const MESSAGE_ID_CHARS: usize = 24;

/// Contents for devices of users.
pub type ToDeviceMessages = BTreeMap<OwnedUserId, BTreeMap<DeviceIdOrAllDevices, Raw<AnyToDeviceEventContent>>>;

/// A message as a sync shows it.
#[derive(Serialize)]
struct Wire<'a> {
    content: &'a RawValue,
    sender: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
}

/// Messages for one user of this server, ready to be stored.
struct LocalDelivery {
    to: OwnedUserId,
    messages: Vec<(DeviceIdOrAllDevices, String)>,
}

/// Messages on their way.
#[derive(Default)]
struct ToDeviceBatch {
    parcels: Vec<LocalDelivery>,
    /// For users of other servers, by server.
    remote: BTreeMap<OwnedServerName, ToDeviceMessages>,
}

impl Crypto {
    /// Puts messages into the inboxes of devices, or on their way to other servers; the same transaction again does nothing.
    /// Devices and users that do not exist are passed over.
    ///
    /// Refuses with `M_TOO_LARGE` when a message is too large, `M_INVALID_PARAM` when there are too many.
    pub async fn send_to_device(
        &self,
        who: &Requester,
        kind: &str,
        txn: &str,
        messages: ToDeviceMessages,
    ) -> Result<()> {
        let ToDeviceBatch { parcels, remote } = pack(&self.core, &who.user_id, kind, messages)?;
        let remote = letters(&self.core, &who.user_id, kind, remote);
        let key = txns::key(&format!("sendToDevice\0{kind}"), txn);
        let (core, device, now_ms) = (self.core.clone(), who.device, self.core.now_ms());
        let write = move |tx: &mut WriteTx<'_>| {
            if txns::find(tx.tx(), device, key)?.is_some() {
                return Ok(());
            }
            txns::insert(tx.tx(), device, key, "", now_ms)?;
            parcels.iter().try_for_each(|parcel| deliver(&core, tx, parcel))?;
            remote.iter().try_for_each(|(server, edu)| core.outgoing.edu(&core, tx, [&**server], edu))
        };
        self.core.store.write("to_device_send", write).await
    }
}

/// Messages from another server, checked.
pub struct Received {
    sender: OwnedUserId,
    message_id: String,
    parcels: Vec<LocalDelivery>,
}

impl Received {
    /// Checks messages that another server brings: sizes, and that they are for users of this one; others are passed over. That
    /// `sender` is of that server, the caller has checked.
    ///
    /// Refuses as [`Crypto::send_to_device`] does.
    pub fn new(core: &Core, sender: &UserId, kind: &str, message_id: &str, messages: ToDeviceMessages) -> Result<Self> {
        if message_id.is_empty() || message_id.len() > limits::ID_BYTES_MAX {
            return Err(Error::invalid("A message id is too long, or missing."));
        }
        let parcels = pack(core, sender, kind, messages)?.parcels;
        Ok(Self { sender: sender.to_owned(), message_id: message_id.to_owned(), parcels })
    }

    /// Puts the messages into the inboxes, unless they have come before.
    pub fn deliver(&self, core: &Arc<Core>, tx: &mut WriteTx<'_>) -> Result<()> {
        if self.parcels.is_empty() {
            return Ok(());
        }
        let now_ms = core.now_ms();
        if remote_devices::receive(tx.tx(), self.sender.as_str(), &self.message_id, now_ms)? {
            self.parcels.iter().try_for_each(|parcel| deliver(core, tx, parcel))?;
        }
        Ok(())
    }
}

fn pack(core: &Core, sender: &UserId, kind: &str, messages: ToDeviceMessages) -> Result<ToDeviceBatch> {
    if messages.values().map(BTreeMap::len).sum::<usize>() > limits::TO_DEVICE_TARGETS_MAX {
        return Err(Error::invalid(format!("Send to at most {} devices at a time.", limits::TO_DEVICE_TARGETS_MAX)));
    }
    if kind.len() > limits::ID_BYTES_MAX {
        return Err(Error::invalid(format!("The event type is longer than {} bytes.", limits::ID_BYTES_MAX)));
    }
    let mut post = ToDeviceBatch::default();
    for (to, of_user) in messages {
        of_user.values().try_for_each(|content| check(content.json()))?;
        if !core.is_local(&to) {
            post.remote.entry(to.server_name().to_owned()).or_default().insert(to, of_user);
            continue;
        }
        let mut messages = Vec::with_capacity(of_user.len());
        for (device, content) in of_user {
            messages.push((device, wire(sender, kind, content.json())?));
        }
        post.parcels.push(LocalDelivery { to, messages });
    }
    Ok(post)
}

fn check(content: &RawValue) -> Result<()> {
    if content.get().len() > limits::TO_DEVICE_BYTES_MAX {
        let message = format!("A message to a device must not be larger than {} bytes.", limits::TO_DEVICE_BYTES_MAX);
        return Err(refuse(Reason::TooLarge, message));
    }
    if !content.get().starts_with('{') {
        return Err(Error::bad_json("The content of a message to a device must be an object."));
    }
    Ok(())
}

fn wire(sender: &UserId, kind: &str, content: &RawValue) -> Result<String> {
    let wire = Wire { content, sender: sender.as_str(), kind };
    serde_json::to_string(&wire).map_err(|error| Error::fault("writing a to-device message", error))
}

/// The messages for other servers: as many as it takes for none to be much larger than [`limits::TO_DEVICE_BYTES_MAX`]. Each gets an id, by which the other server knows it when it comes again.
fn letters(
    core: &Core,
    sender: &UserId,
    kind: &str,
    remote: BTreeMap<OwnedServerName, ToDeviceMessages>,
) -> Vec<(OwnedServerName, Edu)> {
    let mut letters = Vec::with_capacity(remote.len());
    for (server, messages) in remote {
        for messages in split(messages) {
            let id = core.seams.random.alphanumeric(MESSAGE_ID_CHARS);
            let mut content = DirectDeviceContent::new(sender.to_owned(), kind.into(), id.into());
            content.messages = messages;
            letters.push((server.clone(), Edu::DirectToDevice(content)));
        }
    }
    letters
}

fn split(messages: ToDeviceMessages) -> Vec<ToDeviceMessages> {
    let (mut parts, mut bytes) = (vec![ToDeviceMessages::new()], 0);
    for (user, of_user) in messages {
        for (device, content) in of_user {
            bytes += content.json().get().len();
            if bytes > limits::TO_DEVICE_BYTES_MAX {
                bytes = content.json().get().len();
                parts.push(ToDeviceMessages::new());
            }
            if let Some(part) = parts.last_mut() {
                part.entry(user.clone()).or_default().insert(device, content);
            }
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Stores one user's messages and wakes them.
fn deliver(core: &Arc<Core>, tx: &mut WriteTx<'_>, parcel: &LocalDelivery) -> Result<()> {
    let Some(user) = users::find(tx.tx(), parcel.to.as_str())? else { return Ok(()) };
    for (target, json) in &parcel.messages {
        for device in targets(tx, user, target)? {
            put(core, tx, user, device, json)?;
        }
    }
    Ok(())
}

fn targets(tx: &mut WriteTx<'_>, user: UserSn, target: &DeviceIdOrAllDevices) -> Result<Vec<DeviceSn>> {
    Ok(match target {
        DeviceIdOrAllDevices::AllDevices => devices::of_user(tx.tx(), user)?.into_iter().map(|row| row.sn).collect(),
        DeviceIdOrAllDevices::DeviceId(id) if !may_exist(id.as_str()) => Vec::new(),
        DeviceIdOrAllDevices::DeviceId(id) => {
            devices::find(tx.tx(), user, id.as_str())?.map(|row| row.sn).into_iter().collect()
        }
    })
}

/// Puts a message (JSON with `content`, `sender`, `type`) into the inbox of a device and wakes its user.
pub(super) fn put(core: &Arc<Core>, tx: &mut WriteTx<'_>, user: UserSn, device: DeviceSn, json: &str) -> Result<()> {
    let at = tx.position();
    let dropped = to_device::insert(tx.tx(), device, at, json, limits::TO_DEVICE_PER_DEVICE_MAX)?;
    // The first, and then as often as not to fill the log as well.
    if let Some(count) = dropped.filter(|count| count % DROPPED_PER_WARNING == 1) {
        tracing::warn!(
            user.sn = user.0,
            device.sn = device.0,
            messages.dropped = count,
            "To-device inbox full: dropping its oldest messages until the device syncs or is logged out."
        );
    }
    let core = core.clone();
    tx.after_commit(move || core.notifier.wake(&[user], at));
    Ok(())
}
