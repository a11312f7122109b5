//! `m.receipt` from other servers.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_base::{Error, Result, limits};
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_users::ephemeral::receipts::{Receipt, set};
use ruma::api::federation::transactions::edu::ReceiptData;
use ruma::events::receipt::ReceiptThread;
use ruma::{OwnedEventId, OwnedRoomId, OwnedServerName, OwnedUserId, ServerName};
use serde_json::Value;
use serde_json::value::RawValue;

use super::visibility;

/// A read receipt of a remote user.
#[derive(Debug, Clone)]
pub(super) struct RemoteReceipt {
    pub(super) origin: OwnedServerName,
    room: OwnedRoomId,
    user: OwnedUserId,
    thread: ReceiptThread,
    /// The events read. Normally one; the format allows several.
    events: Vec<OwnedEventId>,
    at_ms: Option<u64>,
}

impl RemoteReceipt {
    /// How many events it looks up.
    pub(super) fn weight(&self) -> usize {
        self.events.len()
    }
}

/// The well-formed receipts of an EDU for users of `origin`, at most [`limits::RECEIPTS_PER_EDU_MAX`].
pub(super) fn read(origin: &ServerName, content: &RawValue) -> Vec<RemoteReceipt> {
    let rooms: BTreeMap<String, Value> = serde_json::from_str(content.get()).unwrap_or_default();
    let mut found = Vec::new();
    for (room, kinds) in rooms {
        let Ok(room) = OwnedRoomId::try_from(room) else { continue };
        let Some(users) = kinds.get("m.read").and_then(Value::as_object) else { continue };
        for (user, data) in users {
            let Ok(user) = OwnedUserId::try_from(user.as_str()) else { continue };
            let Ok(data) = serde_json::from_value::<ReceiptData>(data.clone()) else { continue };
            if user.server_name() != origin || data.event_ids.is_empty() {
                continue;
            }
            if found.len() == limits::RECEIPTS_PER_EDU_MAX {
                return found;
            }
            found.push(RemoteReceipt {
                origin: origin.to_owned(),
                room: room.clone(),
                user,
                thread: data.data.thread,
                events: data.event_ids.into_iter().take(limits::EVENTS_PER_RECEIPT_MAX).collect(),
                at_ms: data.data.ts.map(|ts| ts.get().into()),
            });
        }
    }
    found
}

/// Stores receipts; returns those whose events are unknown, perhaps not received yet.
pub(super) fn take_in(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    origin: &ServerName,
    receipts: Vec<RemoteReceipt>,
) -> Result<Vec<RemoteReceipt>> {
    let mut unplaced = Vec::new();
    for receipt in receipts {
        let Some((room, user)) = visibility::in_room(core, tx.tx(), &receipt.room, &receipt.user, origin)? else {
            continue;
        };
        let now_ms = core.now_ms();
        let mut is_placed = false;
        for event_id in &receipt.events {
            let at_ms = receipt.at_ms.map_or(now_ms, |at_ms| at_ms.min(now_ms));
            let new = Receipt { event_id, thread: &receipt.thread, private: false, at_ms };
            match set(core, tx, &room, user, new) {
                Ok(_) => is_placed = true,
                Err(Error::Fault(fault)) => return Err(fault.into()),
                Err(_) => {}
            }
        }
        if !is_placed {
            unplaced.push(receipt);
        }
    }
    Ok(unplaced)
}
