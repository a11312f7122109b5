//! `m.direct_to_device`, `m.device_list_update` and `m.signing_key_update` from other servers.

use std::sync::Arc;

use hearth_base::Result;
use hearth_base::limits::federation::DEVICES_PREVIOUS_MAX;
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_users::crypto::remote::{DeviceNews, device_news, identity_news};
use hearth_users::crypto::to_device::Received;
use ruma::api::federation::transactions::edu::{DeviceListUpdateContent, DirectDeviceContent, SigningKeyUpdateContent};
use ruma::{ServerName, UInt};

use super::visibility;

/// Reads to-device messages for local users.
pub(super) fn messages(core: &RoomCore, origin: &ServerName, content: DirectDeviceContent) -> Option<Received> {
    let DirectDeviceContent { sender, ev_type, message_id, messages, .. } = content;
    if sender.server_name() != origin {
        return None;
    }
    Received::new(core, &sender, &ev_type.to_string(), message_id.as_str(), messages)
        .inspect_err(|error| tracing::debug!(server = %origin, %error, "Dropped to-device messages."))
        .ok()
}

/// Reads a device list update; `None` for users of other servers than `origin`.
pub(super) fn read(origin: &ServerName, content: DeviceListUpdateContent) -> Option<DeviceNews> {
    if content.user_id.server_name() != origin || content.prev_id.len() > DEVICES_PREVIOUS_MAX {
        return None;
    }
    Some(DeviceNews {
        user_id: content.user_id,
        device: content.device_id,
        stream: number(content.stream_id),
        follows: content.prev_id.into_iter().map(number).collect(),
        keys: content.keys.filter(|_| content.deleted != Some(true)),
        name: content.device_display_name,
    })
}

fn number(stream: UInt) -> i64 {
    i64::try_from(u64::from(stream)).unwrap_or(i64::MAX)
}

/// Applies a device list update.
pub(super) fn device(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, news: &DeviceNews) -> Result<()> {
    match visibility::near(core, tx.tx(), &news.user_id)? {
        Some(owner) => device_news(core, tx, owner, news),
        None => Ok(()),
    }
}

/// Stores new cross-signing keys.
pub(super) fn identity(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, news: &SigningKeyUpdateContent) -> Result<()> {
    let Some(owner) = visibility::near(core, tx.tx(), &news.user_id)? else { return Ok(()) };
    let (master, self_signing) = (news.master_key.as_ref(), news.self_signing_key.as_ref());
    identity_news(core, tx, (owner, &news.user_id), master, self_signing)
}
