//! Device inboxes for to-device messages, and how senders share their space.
//!
//! An accepted message stays until its device has received it, however full the inbox is: a dropped room key makes
//! messages permanently undecryptable. Instead, a sender who has used up their share is refused. Local users and users
//! who share a room with the recipient have a share each; a server without a shared room has a small one, and all such
//! servers together leave most of the inbox free.

use std::collections::HashSet;
use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::quotas::Quota;
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::ids::{DeviceSn, UserSn};
use hearth_store::tables::to_device::{InboxShare, InboxUsage};
use hearth_store::tables::{devices, memberships, to_device, users};
use ruma::UserId;
use ruma::to_device::DeviceIdOrAllDevices;

use super::signed::may_exist;
use super::to_device::LocalDelivery;

/// The result of a delivery.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    /// Messages that were stored.
    pub(super) stored: usize,
    /// Messages that did not fit.
    pub(super) refused: usize,
    /// Why the first of them did not.
    pub(super) refusal: Option<Error>,
}

impl Delivered {
    /// Adds another delivery of the same request.
    pub(super) fn add(&mut self, other: Self) {
        self.stored += other.stored;
        self.refused += other.refused;
        self.refusal = self.refusal.take().or(other.refusal);
    }

    fn refuse(&mut self) {
        self.refused += 1;
        self.refusal.get_or_insert_with(full);
    }

    /// `M_LIMIT_EXCEEDED` when no message was stored because none did fit.
    pub(super) fn some(self, sender: &UserId) -> Result<()> {
        let Self { stored, refused, refusal } = self;
        match refusal {
            Some(refusal) if stored == 0 => return Err(refusal),
            Some(_) => {
                tracing::info!(%sender, stored, refused, "Left out to-device messages: the sender's share is full.")
            }
            None => {}
        }
        Ok(())
    }
}

fn full() -> Error {
    let message =
        "A device has too many of your messages waiting already. They are kept; send more when it has synced.";
    refuse(Reason::LimitExceeded { retry_after_ms: limits::TO_DEVICE_RETRY_MS }, message)
}

/// The share of a local user, or of a user who shares a room with the recipient.
pub(super) fn sender_share(sender: &UserId) -> InboxShare {
    InboxShare::of_user(sender.as_str())
}

/// The share of another server's user in the inboxes of `to`.
pub(super) fn remote_share(tx: &mut WriteTx<'_>, sender: &UserId, to: &UserId) -> Result<InboxShare> {
    if share_a_room(tx, sender, to)? {
        return Ok(sender_share(sender));
    }
    Ok(InboxShare::of_stranger(sender.server_name().as_str()))
}

fn share_a_room(tx: &mut WriteTx<'_>, one: &UserId, other: &UserId) -> Result<bool> {
    let Some(one) = users::find(tx.tx(), one.as_str())? else { return Ok(false) };
    let Some(other) = users::find(tx.tx(), other.as_str())? else { return Ok(false) };
    let rooms: HashSet<_> = memberships::joined_rooms(tx.tx(), one)?.into_iter().collect();
    if rooms.is_empty() {
        return Ok(false);
    }
    let others = memberships::joined_rooms(tx.tx(), other)?;
    Ok(others.iter().any(|room| rooms.contains(room)))
}

/// Stores one user's messages, as far as the sender's share allows, and wakes the user.
pub(super) fn deliver(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    parcel: &LocalDelivery,
    share: InboxShare,
) -> Result<Delivered> {
    let mut delivered = Delivered::default();
    let Some(user) = users::find(tx.tx(), parcel.to.as_str())? else { return Ok(delivered) };
    let inbox_bytes_max = Quota::ToDeviceBytes.limit(&core.config.quotas).unwrap_or(u64::MAX);
    for (target, json) in &parcel.messages {
        for device in targets(tx, user, target)? {
            if !has_room(tx, device, share, (json.len() as u64, inbox_bytes_max))? {
                delivered.refuse();
                continue;
            }
            put(core, tx, (user, &parcel.to), device, json, share)?;
            delivered.stored += 1;
        }
    }
    Ok(delivered)
}

/// Whether one more message of so many bytes fits into an inbox of at most so many.
fn has_room(tx: &mut WriteTx<'_>, device: DeviceSn, share: InboxShare, bytes: (u64, u64)) -> Result<bool> {
    let (messages, filled) = to_device::fill(tx.tx(), device)?;
    let all_theirs =
        InboxUsage { bytes: filled, sender_bytes: filled, sender_messages: messages, stranger_bytes: filled };
    // Fast path: it fits even if the whole inbox counts as this sender's. Usually so, and then the inbox need not be
    // read.
    if fits(all_theirs, share, bytes) {
        return Ok(true);
    }
    Ok(fits(to_device::usage(tx.tx(), device, share.sender)?, share, bytes))
}

fn fits(usage: InboxUsage, share: InboxShare, (bytes, inbox_bytes_max): (u64, u64)) -> bool {
    let (bytes_max, messages_max) = if share.is_stranger {
        (limits::TO_DEVICE_STRANGER_BYTES_MAX, limits::TO_DEVICE_STRANGER_MESSAGES_MAX)
    } else {
        (limits::TO_DEVICE_SENDER_BYTES_MAX, limits::TO_DEVICE_SENDER_MESSAGES_MAX)
    };
    usage.bytes + bytes <= inbox_bytes_max
        && usage.sender_bytes + bytes <= bytes_max
        && usage.sender_messages < messages_max
        && (!share.is_stranger || usage.stranger_bytes + bytes <= limits::TO_DEVICE_STRANGERS_BYTES_MAX)
}

fn targets(tx: &mut WriteTx<'_>, user: UserSn, target: &DeviceIdOrAllDevices) -> Result<Vec<DeviceSn>> {
    Ok(match target {
        DeviceIdOrAllDevices::AllDevices => devices::of_user(tx.tx(), user)?.into_iter().map(|row| row.sn).collect(),
        // PostgreSQL refuses text with a NUL character, so do not look such an ID up.
        DeviceIdOrAllDevices::DeviceId(id) if !may_exist(id.as_str()) => Vec::new(),
        DeviceIdOrAllDevices::DeviceId(id) => {
            devices::find(tx.tx(), user, id.as_str())?.map(|row| row.sn).into_iter().collect()
        }
    })
}

/// Adds a message (JSON with `content`, `sender`, `type`) to a device's inbox and wakes its user.
fn put(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    (user, user_id): (UserSn, &UserId),
    device: DeviceSn,
    json: &str,
    share: InboxShare,
) -> Result<()> {
    let at = tx.position();
    to_device::insert(tx.tx(), device, at, json, share)?;
    let (core, user_id) = (core.clone(), user_id.to_owned());
    tx.after_commit(move || {
        core.appservices.note_to_device(&user_id);
        core.notifier.wake(&[user], at);
    });
    Ok(())
}
