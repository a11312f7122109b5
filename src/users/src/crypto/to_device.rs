//! To-device messages: key exchange, verification, secrets (client-server API, "Send-to-Device messaging").
//!
//! A message stays in the device's inbox until the device syncs from a later position. The sync itself reads the
//! messages from the table.

pub(super) mod progress;

use hearth_base::boxed;
use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_base::{Error, Millis, Reason, Result, error::refuse, limits};
use hearth_core::Requester;
use hearth_core::{canonical, detached};
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::ids::DeviceSn;
use hearth_store::tables::{remote_devices, txns};
use ruma::api::federation::transactions::edu::{DirectDeviceContent, Edu};
use ruma::events::AnyToDeviceEventContent;
use ruma::serde::Raw;
use ruma::to_device::DeviceIdOrAllDevices;
use ruma::{OwnedServerName, OwnedUserId, ServerName, UserId};
use serde::Serialize;
use serde_json::value::RawValue;

use self::progress::Progress;
use super::Crypto;
use super::inbox::{self, Sender};

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

/// A checked request of a local user.
struct Outbound {
    sender: OwnedUserId,
    /// The sender's device, and the key of the transaction ID.
    txn: (DeviceSn, i64),
    parcels: Vec<LocalDelivery>,
    remote: Vec<(OwnedServerName, Vec<Edu>)>,
}

/// What a write of [`Outbound`] ended with.
enum Piece {
    /// There is more to do.
    Some,
    /// All is done, or nothing was and nothing will be.
    Last(Result<()>),
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
    ///
    /// More than [`TO_DEVICE_ROWS_PER_WRITE_MAX`](limits::users::TO_DEVICE_ROWS_PER_WRITE_MAX) messages take several
    /// writes, and go on when the client hangs up. After a crash the client's retry sends the rest.
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
        let txn = (who.device, txns::key(&format!("sendToDevice\0{kind}"), txn));
        let outbound = Arc::new(Outbound { sender: who.user_id.clone(), txn, parcels, remote });
        let core = self.core.clone();
        match outbound.store(&core).await? {
            Piece::Last(result) => result,
            Piece::Some => detached::go_on(async move { outbound.store_rest(&core).await })
                .await
                .map_err(|error| Error::fault("sending to-device messages", error))?,
        }
    }
}

impl Outbound {
    /// Stores what there is to store, until the end.
    async fn store_rest(self: &Arc<Self>, core: &Arc<RoomCore>) -> Result<()> {
        loop {
            if let Piece::Last(result) = self.store(core).await? {
                return result;
            }
        }
    }

    /// Stores as much as one write may.
    async fn store(self: &Arc<Self>, core: &Arc<RoomCore>) -> Result<Piece> {
        let (this, on, now_ms) = (Arc::clone(self), core.clone(), core.now_ms());
        core.store.write("to_device_send", move |tx| this.piece(&on, tx, now_ms)).await
    }

    fn piece(&self, core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, now_ms: Millis) -> Result<Piece> {
        let (device, key) = self.txn;
        // The transaction ID is committed with the messages, so a retry never sends them twice, even after a crash. Its
        // answer is empty when all are sent.
        let before = txns::find(tx.tx(), device, key)?;
        let mut progress = match before.as_deref() {
            Some("") => return Ok(Piece::Last(Ok(()))),
            Some(text) => Progress::resumed(text),
            None => Progress::new(),
        };
        let mut refusal = None;
        if !self.advance(core, tx, &mut progress, &mut refusal)? {
            txns::set(tx.tx(), device, key, &progress.to_string(), now_ms)?;
            return Ok(Piece::Some);
        }
        let Progress { stored, refused, .. } = progress;
        if refused > 0 && stored == 0 {
            // The client can retry the same request, from its beginning.
            let refusal = refusal.unwrap_or_else(inbox::full);
            if before.is_none() {
                // Rolls back, so that what the client is told to send again does not count as left out.
                return Err(refusal);
            }
            txns::delete(tx.tx(), device, key)?;
            return Ok(Piece::Last(Err(refusal)));
        }
        if refused > 0 {
            let sender = &self.sender;
            tracing::info!(%sender, stored, refused, "Left out to-device messages: the sender's share is full.");
        }
        match before {
            Some(_) => txns::set(tx.tx(), device, key, "", now_ms)?,
            None => txns::insert(tx.tx(), device, key, "", now_ms)?,
        }
        Ok(Piece::Last(Ok(())))
    }

    /// Stores messages from where `progress` is, as far as its budget goes. Returns whether all are done.
    fn advance(
        &self,
        core: &Arc<RoomCore>,
        tx: &mut WriteTx<'_>,
        progress: &mut Progress,
        refusal: &mut Option<Error>,
    ) -> Result<bool> {
        if !inbox::deliver(core, tx, (&Sender::Local(&self.sender), &self.parcels), progress)? {
            return Ok(false);
        }
        let local: usize = self.parcels.iter().map(|parcel| parcel.messages.len()).sum();
        for (server, edus) in self.remote.iter().skip(progress.done.saturating_sub(local)) {
            if !progress.spend(edus.len()) {
                return Ok(false);
            }
            match queue(core, tx, server, edus)? {
                None => progress.stored += edus.len(),
                Some(full) => {
                    progress.refused += edus.len();
                    refusal.get_or_insert(full);
                }
            }
            progress.next();
        }
        Ok(true)
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

    /// Stores the messages in the inboxes, unless they are duplicates; at most `rows_left`, which is reduced by what it
    /// took. Returns whether all are stored: otherwise call it again, in another write.
    pub fn deliver(&self, core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, rows_left: &mut usize) -> Result<bool> {
        if self.parcels.is_empty() {
            return Ok(true);
        }
        let (sender, id, now_ms) = (self.sender.as_str(), self.message_id.as_str(), core.now_ms());
        let (of, key) = (txns::OTHER_SERVERS, txns::key(&format!("m.direct_to_device\0{sender}"), id));
        // The message ID is committed with the messages, so a duplicate is recognised even after a crash. One whose
        // messages are stored in part has a transaction besides.
        let is_new = remote_devices::receive(tx.tx(), sender, id, now_ms)?;
        let mut progress = match is_new {
            true => Progress::new(),
            false => match txns::find(tx.tx(), of, key)? {
                Some(text) => Progress::resumed(&text),
                None => return Ok(true),
            },
        };
        progress.rows_left = *rows_left;
        let from = Sender::remote(tx, &self.sender)?;
        let is_done = inbox::deliver(core, tx, (&from, &self.parcels), &mut progress)?;
        *rows_left = progress.rows_left;
        if !is_done {
            txns::set(tx.tx(), of, key, &progress.to_string(), now_ms)?;
        } else if !is_new {
            txns::delete(tx.tx(), of, key)?;
        }
        if is_done && progress.refused > 0 {
            let (sender, refused) = (&self.sender, progress.refused);
            tracing::debug!(%sender, refused, "Refused to-device messages: the sender's share of an inbox is full.");
        }
        Ok(is_done)
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

/// Queues messages for another server. Returns the refusal when the sender's share of its queue has no room for them.
fn queue(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, server: &ServerName, edus: &[Edu]) -> Result<Option<Error>> {
    match core.outgoing.to_device(core, tx, server, edus) {
        Ok(()) => Ok(None),
        Err(error) if matches!(error.reason(), Some(Reason::LimitExceeded { .. })) => {
            core.outgoing.leave_out(core, tx, server, edus.len());
            Ok(Some(error))
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
