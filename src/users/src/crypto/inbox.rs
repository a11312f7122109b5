//! Device inboxes for to-device messages, and how senders share their space.
//!
//! An accepted message stays until its device has received it, however full the inbox is: a dropped room key makes
//! messages permanently undecryptable. Instead, a sender who has used up their share is refused. Local users and users
//! who share a room with the recipient have a share each; a server without a shared room has a small one, and all such
//! servers together leave most of the inbox free.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hearth_base::limits::users::{DEVICES_LOOKED_UP_ONE_BY_ONE_MAX, INBOX_SUMMED_PER_ROW};
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::quotas::Quota;
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::ids::{DeviceSn, RoomSn, UserSn};
use hearth_store::tables::to_device::{InboxShare, InboxUsage};
use hearth_store::tables::{devices, memberships, to_device, users};
use ruma::UserId;
use ruma::to_device::DeviceIdOrAllDevices;

use super::signed::may_exist;
use super::to_device::LocalDelivery;
use super::to_device::progress::Progress;

/// `M_LIMIT_EXCEEDED`: the sender's share of an inbox is full.
pub(super) fn full() -> Error {
    let message =
        "A device has too many of your messages waiting already. They are kept; send more when it has synced.";
    refuse(Reason::LimitExceeded { retry_after_ms: limits::TO_DEVICE_RETRY_MS }, message)
}

/// To whose share the messages of a sender count, recipient by recipient.
pub(super) enum Sender<'a> {
    /// A local user: has a share of their own in every inbox.
    Local(&'a UserId),
    /// A user of another server, with the rooms they are in: has one of their own where a recipient is in one of these.
    Remote(&'a UserId, HashSet<RoomSn>),
}

impl<'a> Sender<'a> {
    /// A user of another server.
    pub(super) fn remote(tx: &mut WriteTx<'_>, sender: &'a UserId) -> Result<Self> {
        let rooms = match users::find(tx.tx(), sender.as_str())? {
            Some(user) => memberships::joined_rooms(tx.tx(), user)?.into_iter().collect(),
            None => HashSet::new(),
        };
        Ok(Self::Remote(sender, rooms))
    }

    fn share(&self, tx: &mut WriteTx<'_>, to: UserSn) -> Result<InboxShare> {
        let (sender, rooms) = match self {
            Self::Local(sender) => return Ok(InboxShare::of_user(sender.as_str())),
            Self::Remote(sender, rooms) => (sender, rooms),
        };
        if !rooms.is_empty() && memberships::joined_rooms(tx.tx(), to)?.iter().any(|room| rooms.contains(room)) {
            return Ok(InboxShare::of_user(sender.as_str()));
        }
        Ok(InboxShare::of_stranger(sender.server_name().as_str()))
    }
}

/// Stores messages, as far as the sender's share allows, and wakes the users; from where `progress` is, as far as its
/// budget goes. Returns whether all are done.
pub(super) fn deliver(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    (sender, parcels): (&Sender<'_>, &[LocalDelivery]),
    progress: &mut Progress,
) -> Result<bool> {
    let mut first = 0;
    for parcel in parcels {
        let end = first + parcel.messages.len();
        // Targets that were done in an earlier write cost nothing, not even a look-up.
        if progress.done < end {
            if !progress.spend(1) {
                return Ok(false);
            }
            let rest = &parcel.messages[progress.done - first..];
            match users::find(tx.tx(), parcel.to.as_str())? {
                Some(user) if !deliver_to(core, tx, (sender, (user, &parcel.to)), rest, progress)? => return Ok(false),
                Some(_) => {}
                None => progress.done = end,
            }
        }
        first = end;
    }
    Ok(true)
}

/// Stores one user's messages.
fn deliver_to(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    (sender, to): (&Sender<'_>, (UserSn, &UserId)),
    messages: &[(DeviceIdOrAllDevices, String)],
    progress: &mut Progress,
) -> Result<bool> {
    let (user, _) = to;
    let inbox_bytes_max = Quota::ToDeviceBytes.limit(&core.config.quotas).unwrap_or(u64::MAX);
    let (devices, mut share) = (Devices::of(tx, user, messages)?, None);
    for (target, json) in messages {
        for device in devices.named(tx, user, target)? {
            if device <= progress.upto {
                continue;
            }
            if !progress.spend(1) {
                return Ok(false);
            }
            let share = match share {
                Some(share) => share,
                None => *share.insert(sender.share(tx, user)?),
            };
            if has_room(tx, device, share, (json.len() as u64, inbox_bytes_max), progress)? {
                put(core, tx, to, device, json, share)?;
                progress.stored += 1;
            } else {
                progress.refused += 1;
            }
            progress.upto = device;
        }
        progress.next();
    }
    Ok(true)
}

/// Whether one more message of so many bytes fits into an inbox of at most so many.
fn has_room(
    tx: &mut WriteTx<'_>,
    device: DeviceSn,
    share: InboxShare,
    bytes: (u64, u64),
    progress: &mut Progress,
) -> Result<bool> {
    let (messages, filled) = to_device::fill(tx.tx(), device)?;
    let all_theirs =
        InboxUsage { bytes: filled, sender_bytes: filled, sender_messages: messages, stranger_bytes: filled };
    // Fast path: it fits even if the whole inbox counts as this sender's. Usually so, and then the inbox need not be
    // read.
    if fits(all_theirs, share, bytes) {
        return Ok(true);
    }
    // A full inbox has to be read, so it takes more of this write's budget than a message does.
    progress.overspend(messages / INBOX_SUMMED_PER_ROW);
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

/// The devices of a user that messages name.
enum Devices {
    /// Looked up one by one.
    Few,
    /// Read at once, because messages name many: most of them may not exist, and a look-up of each takes long.
    All(HashMap<String, DeviceSn>),
}

impl Devices {
    fn of(tx: &mut WriteTx<'_>, user: UserSn, messages: &[(DeviceIdOrAllDevices, String)]) -> Result<Self> {
        if messages.len() <= DEVICES_LOOKED_UP_ONE_BY_ONE_MAX {
            return Ok(Self::Few);
        }
        let all = devices::ids_of_user(tx.tx(), user)?;
        Ok(Self::All(all.into_iter().map(|(sn, id)| (id, sn)).collect()))
    }

    /// The devices that `target` names, in ascending order.
    fn named(&self, tx: &mut WriteTx<'_>, user: UserSn, target: &DeviceIdOrAllDevices) -> Result<Vec<DeviceSn>> {
        let id = match target {
            DeviceIdOrAllDevices::DeviceId(id) => id.as_str(),
            DeviceIdOrAllDevices::AllDevices => {
                return Ok(devices::ids_of_user(tx.tx(), user)?.into_iter().map(|(sn, _)| sn).collect());
            }
        };
        Ok(match self {
            Self::All(all) => all.get(id).copied().into_iter().collect(),
            // PostgreSQL refuses text with a NUL character, so do not look such an ID up.
            Self::Few if !may_exist(id) => Vec::new(),
            Self::Few => devices::find(tx.tx(), user, id)?.map(|row| row.sn).into_iter().collect(),
        })
    }
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
