//! Sends message-like events (client-server API, "Sending events to a room").

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Millis, Result};
use hearth_core::Requester;
use hearth_store::WriteTx;
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{EventId, OwnedEventId, OwnedRoomId};

use super::append::{Sender, append};
use super::event::Draft;
use super::load::Event;
use super::txn::Txn;
use super::{LocalRooms, content, find, policy, redaction, relate, validate};
use crate::RoomCore;

/// A message-like event from a client.
#[derive(Debug)]
pub struct Message {
    /// The target room.
    pub room_id: OwnedRoomId,
    /// Event type.
    pub kind: String,
    /// The content as the client sent it, as JSON text.
    pub content: String,
    /// The client's transaction id.
    pub txn: String,
    /// Overrides `origin_server_ts` (MSC3316). Only application services may set it; the caller has checked that.
    pub timestamp_ms: Option<Millis>,
}

impl LocalRooms {
    /// Sends an event. A repeated transaction id returns the first event's id.
    ///
    /// Refuses with `M_FORBIDDEN` (not in the room, not enough power), `M_BAD_JSON`, `M_TOO_LARGE`,
    /// `M_DUPLICATE_ANNOTATION`.
    #[boxed]
    pub async fn send(&self, who: &Requester, message: Message) -> Result<OwnedEventId> {
        let mut content = content::from_client(&message.content)?;
        validate::message(&message.kind, &content)?;
        let redacts = take_redacts(&message.kind, &mut content)?;
        let txn = Txn::new(&["send", message.room_id.as_str(), &message.kind], message.txn);
        let draft = Draft { redacts, timestamp_ms: message.timestamp_ms, ..Draft::message(message.kind, content) };
        let (core, who, room_id) = (self.core.clone(), who.clone(), message.room_id);
        policy::write(&self.core, "event_send", move |tx| send(&core, tx, &who, &room_id, &txn, draft)).await
    }
}

/// Sends a message-like event under a transaction id.
pub(super) fn send(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    who: &Requester,
    room_id: &ruma::RoomId,
    txn: &Txn,
    draft: Draft,
) -> Result<OwnedEventId> {
    if let Some(answer) = txn.answered(tx.tx(), who)? {
        return EventId::parse(answer).map_err(|error| Error::fault("reading the answer to a transaction", error));
    }
    let mut origin = Sender::new(who.user, &who.user_id);
    origin.txn = Some((who.device, txn.id().to_owned()));
    let event = say(core, tx, room_id, &origin, draft)?;
    // In the event's transaction: after a crash both exist or neither, so a repetition never sends twice.
    txn.remember(tx, who, event.pdu.event_id.as_str(), core.now_ms())?;
    Ok(event.pdu.event_id.clone())
}

/// Sends a message-like event.
pub(super) fn say(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room_id: &ruma::RoomId,
    origin: &Sender,
    draft: Draft,
) -> Result<Arc<Event>> {
    let mut room = find::joined(tx.tx(), room_id, origin.sender)?;
    match &draft.redacts {
        Some(target) => redaction::check(core, tx.tx(), &room, &origin.user_id, target)?,
        None => relate::check(core, tx.tx(), &room, origin.sender, &draft)?,
    }
    append(core, tx, &mut room, origin, draft)
}

/// Removes `redacts` from the content of a redaction and returns it: the room version decides where the event carries
/// it.
pub(super) fn take_redacts(kind: &str, content: &mut CanonicalJsonObject) -> Result<Option<OwnedEventId>> {
    if kind != "m.room.redaction" {
        return Ok(None);
    }
    let redacts = content::text(content, "redacts").and_then(|id| EventId::parse(id).ok());
    let redacts =
        redacts.ok_or_else(|| Error::bad_json("A redaction must say in `redacts` which event it is about."))?;
    content.remove("redacts");
    Ok(Some(redacts))
}
