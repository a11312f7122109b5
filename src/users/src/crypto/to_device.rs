//! To-device messages: key exchange, verification, secrets (client-server API, "Send-to-Device messaging").
//!
//! A message stays in the device's inbox until the device syncs from a later position. The sync itself reads the
//! messages from the table.

use hearth_base::boxed;
use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::Requester;
use hearth_core::canonical;
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::tables::{remote_devices, txns};
use ruma::api::federation::transactions::edu::{DirectDeviceContent, Edu};
use ruma::events::AnyToDeviceEventContent;
use ruma::serde::Raw;
use ruma::to_device::DeviceIdOrAllDevices;
use ruma::{OwnedServerName, OwnedUserId, ServerName, UserId};
use serde::Serialize;
use serde_json::value::RawValue;

use super::Crypto;
use super::inbox::{self, Delivered};

/// Length of the message IDs of `m.direct_to_device` EDUs.
const MESSAGE_ID_CHARS: usize = 24;

/// Contents by user and device.
pub type ToDeviceMessages = BTreeMap<OwnedUserId, BTreeMap<DeviceIdOrAllDevices, Raw<AnyToDeviceEventContent>>>;

/// A message as a sync shows it.
#[derive(Serialize)]
struct Wire<'a> {
    content: &'a RawValue,
    sender: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
}

/// Messages for one local user, ready to be stored.
pub(super) struct LocalDelivery {
    pub(super) to: OwnedUserId,
    pub(super) messages: Vec<(DeviceIdOrAllDevices, String)>,
}

/// Messages of one request, by destination.
#[derive(Default)]
struct ToDeviceBatch {
    parcels: Vec<LocalDelivery>,
    /// For users of other servers, by server.
    remote: BTreeMap<OwnedServerName, ToDeviceMessages>,
}

impl Crypto {
    /// Sends messages to local devices and queues them for other servers; idempotent per transaction ID. Ignores
    /// unknown devices and users.
    ///
    /// Refuses with `M_TOO_LARGE` when a message is too large, `M_INVALID_PARAM` when there are too many, `M_BAD_JSON`
    /// when one is not canonical JSON: then none of the messages is stored.
    ///
    /// Where the sender's share of an inbox, or of the queue for another server, is full, what is waiting there stays,
    /// and the new messages are left out; the others are sent. `M_LIMIT_EXCEEDED` when none can be sent. The protocol
    /// has no partial failure, and clients send room keys to all members in one request: if it failed as a whole, one
    /// dead server or device would keep its members from reading what the user writes.
    #[boxed]
    pub async fn send_to_device(
        &self,
        who: &Requester,
        kind: &str,
        txn: &str,
        messages: ToDeviceMessages,
    ) -> Result<()> {
        // Check messages to local devices, too: whether a content is valid must not depend on its recipient.
        for content in messages.values().flat_map(BTreeMap::values) {
            canonical::check("The content of a message to a device", content.json().get())?;
        }
        let ToDeviceBatch { parcels, remote } = pack(&self.core, &who.user_id, kind, messages)?;
        let remote = letters(&self.core, &who.user_id, kind, remote);
        let key = txns::key(&format!("sendToDevice\0{kind}"), txn);
        let (core, device, now_ms) = (self.core.clone(), who.device, self.core.now_ms());
        let sender = who.user_id.clone();
        let write = move |tx: &mut WriteTx<'_>| {
            // The transaction ID is committed with the messages, so a retry never sends them twice, even after a crash.
            if txns::find(tx.tx(), device, key)?.is_some() {
                return Ok(());
            }
            txns::insert(tx.tx(), device, key, "", now_ms)?;
            let mut tally = Delivered::default();
            let share = inbox::sender_share(&sender);
            for parcel in &parcels {
                tally.add(inbox::deliver(&core, tx, parcel, share)?);
            }
            for (server, edus) in &remote {
                tally.add(queue(&core, tx, server, edus)?);
            }
            // An error rolls back the transaction ID, too, so the client can retry the same request.
            tally.some(&sender)
        };
        self.core.store.write("to_device_send", write).await
    }
}

/// Checked messages from another server.
pub struct Received {
    sender: OwnedUserId,
    message_id: String,
    parcels: Vec<LocalDelivery>,
}

impl Received {
    /// Checks messages from another server: their sizes. Ignores messages for users of other servers. The caller has
    /// checked that `sender` is of the sending server.
    ///
    /// Refuses as [`Crypto::send_to_device`] does.
    pub fn new(
        core: &RoomCore,
        sender: &UserId,
        kind: &str,
        message_id: &str,
        messages: ToDeviceMessages,
    ) -> Result<Self> {
        if message_id.is_empty() || message_id.len() > limits::ID_BYTES_MAX {
            return Err(Error::invalid("A message id is too long, or missing."));
        }
        for content in messages.values().flat_map(BTreeMap::values) {
            canonical::check_readable("The content of a message to a device", content.json().get())?;
        }
        let parcels = pack(core, sender, kind, messages)?.parcels;
        Ok(Self { sender: sender.to_owned(), message_id: message_id.to_owned(), parcels })
    }

    /// How many devices it names.
    #[must_use]
    pub fn targets(&self) -> usize {
        self.parcels.iter().map(|parcel| parcel.messages.len()).sum()
    }

    /// Stores the messages in the inboxes, unless they are duplicates.
    pub fn deliver(&self, core: &Arc<RoomCore>, tx: &mut WriteTx<'_>) -> Result<()> {
        if self.parcels.is_empty() {
            return Ok(());
        }
        let now_ms = core.now_ms();
        // The message ID is committed with the messages, so a duplicate is recognised even after a crash.
        if remote_devices::receive(tx.tx(), self.sender.as_str(), &self.message_id, now_ms)? {
            for parcel in &self.parcels {
                let share = inbox::remote_share(tx, &self.sender, &parcel.to)?;
                let refused = inbox::deliver(core, tx, parcel, share)?.refused;
                if refused > 0 {
                    let (sender, to) = (&self.sender, &parcel.to);
                    tracing::debug!(%sender, user = %to, refused, "Refused to-device messages: the sender's share of the inbox is full.");
                }
            }
        }
        Ok(())
    }
}

fn pack(core: &RoomCore, sender: &UserId, kind: &str, messages: ToDeviceMessages) -> Result<ToDeviceBatch> {
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

/// Queues messages for another server, as far as the sender's share of its queue allows.
fn queue(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, server: &ServerName, edus: &[Edu]) -> Result<Delivered> {
    match core.outgoing.to_device(core, tx, server, edus) {
        Ok(()) => Ok(Delivered { stored: edus.len(), ..Delivered::default() }),
        Err(error) if matches!(error.reason(), Some(Reason::LimitExceeded { .. })) => {
            core.outgoing.leave_out(core, tx, server, edus.len());
            Ok(Delivered { refused: edus.len(), refusal: Some(error), ..Delivered::default() })
        }
        Err(error) => Err(error),
    }
}

/// Splits messages into EDUs that are not much larger than [`limits::TO_DEVICE_BYTES_MAX`]. Each gets a message ID, by
/// which the other server detects duplicates.
fn letters(
    core: &RoomCore,
    sender: &UserId,
    kind: &str,
    remote: BTreeMap<OwnedServerName, ToDeviceMessages>,
) -> Vec<(OwnedServerName, Vec<Edu>)> {
    let letter = |messages| {
        let id = core.seams.random.alphanumeric(MESSAGE_ID_CHARS);
        let mut content = DirectDeviceContent::new(sender.to_owned(), kind.into(), id.into());
        content.messages = messages;
        Edu::DirectToDevice(content)
    };
    remote.into_iter().map(|(server, messages)| (server, split(messages).into_iter().map(letter).collect())).collect()
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
