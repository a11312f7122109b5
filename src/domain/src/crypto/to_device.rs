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
use hearth_store::tables::{devices, to_device, txns, users};
use ruma::OwnedUserId;
use ruma::events::AnyToDeviceEventContent;
use ruma::serde::Raw;
use ruma::to_device::DeviceIdOrAllDevices;
use serde::Serialize;
use serde_json::value::RawValue;

use super::signed::may_exist;
use super::{Crypto, remote};
use crate::Requester;
use crate::core::Core;

/// Contents for devices of users.
pub type Messages = BTreeMap<OwnedUserId, BTreeMap<DeviceIdOrAllDevices, Raw<AnyToDeviceEventContent>>>;

/// A message as a sync shows it.
#[derive(Serialize)]
struct Wire<'a> {
    content: &'a RawValue,
    sender: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
}

/// Messages for one user of this server, ready to be stored.
struct Parcel {
    to: OwnedUserId,
    messages: Vec<(DeviceIdOrAllDevices, String)>,
}

impl Crypto {
    /// Puts messages into the inboxes of devices; the same transaction again does nothing. Devices and users that do not
    /// exist are passed over.
    ///
    /// Refuses with `M_TOO_LARGE` when a message is too large, `M_INVALID_PARAM` when there are too many.
    pub async fn send_to_device(&self, who: &Requester, kind: &str, txn: &str, messages: Messages) -> Result<()> {
        let parcels = pack(&self.core, who, kind, messages)?;
        let key = txns::key(&format!("sendToDevice\0{kind}"), txn);
        let (core, device, now_ms) = (self.core.clone(), who.device, self.core.now_ms());
        let write = move |tx: &mut WriteTx<'_>| {
            if txns::find(tx.tx(), device, key)?.is_some() {
                return Ok(());
            }
            txns::insert(tx.tx(), device, key, "", now_ms)?;
            parcels.iter().try_for_each(|parcel| deliver(&core, tx, parcel))
        };
        self.core.store.write("to_device_send", write).await
    }
}

fn pack(core: &Core, who: &Requester, kind: &str, messages: Messages) -> Result<Vec<Parcel>> {
    if messages.values().map(BTreeMap::len).sum::<usize>() > limits::TO_DEVICE_TARGETS_MAX {
        return Err(Error::invalid(format!("Send to at most {} devices at a time.", limits::TO_DEVICE_TARGETS_MAX)));
    }
    if kind.len() > limits::ID_BYTES_MAX {
        return Err(Error::invalid(format!("The event type is longer than {} bytes.", limits::ID_BYTES_MAX)));
    }
    let mut parcels = Vec::with_capacity(messages.len());
    for (to, of_user) in messages {
        if !core.is_local(&to) {
            remote::drop_message(&to);
            continue;
        }
        let mut messages = Vec::with_capacity(of_user.len());
        for (device, content) in of_user {
            messages.push((device, wire(who, kind, content.json())?));
        }
        parcels.push(Parcel { to, messages });
    }
    Ok(parcels)
}

fn wire(who: &Requester, kind: &str, content: &RawValue) -> Result<String> {
    if content.get().len() > limits::TO_DEVICE_BYTES_MAX {
        let message = format!("A message to a device must not be larger than {} bytes.", limits::TO_DEVICE_BYTES_MAX);
        return Err(refuse(Reason::TooLarge, message));
    }
    if !content.get().starts_with('{') {
        return Err(Error::bad_json("The content of a message to a device must be an object."));
    }
    let wire = Wire { content, sender: who.user_id.as_str(), kind };
    serde_json::to_string(&wire).map_err(|error| Error::fault("writing a to-device message", error))
}

/// Stores one user's messages and wakes them.
fn deliver(core: &Arc<Core>, tx: &mut WriteTx<'_>, parcel: &Parcel) -> Result<()> {
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
    if to_device::insert(tx.tx(), device, at, json, limits::TO_DEVICE_PER_DEVICE_MAX)? {
        tracing::debug!(device.sn = device.0, "A device's inbox is full; its oldest message was dropped.");
    }
    let core = core.clone();
    tx.after_commit(move || core.notifier.wake(&[user], at));
    Ok(())
}
