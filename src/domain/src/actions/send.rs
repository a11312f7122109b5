//! Saying something in a room, now or later: events, redactions and state (client-server API, "Sending events to a room",
//! "Redactions"; MSC4140).

use std::sync::Arc;
use std::time::Duration;

use hearth_base::{Millis, Result};
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId};
use serde_json::json;

use super::Actions;
use crate::Requester;
use crate::rooms::delayed::Later;
use crate::rooms::{Message, StateChange, content, membership};

/// An event to be redacted.
#[derive(Debug)]
pub struct Redaction {
    /// Where it is.
    pub room_id: OwnedRoomId,
    /// Which.
    pub target: OwnedEventId,
    /// The client's transaction id.
    pub txn: String,
    /// Why.
    pub reason: Option<String>,
}

/// What came of sending something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// It is in the room.
    Now(OwnedEventId),
    /// It waits; this is its delay id.
    Later(String),
}

impl Actions {
    /// Sends an event that is not state; with `delay`, later. The same transaction again gives the first answer.
    ///
    /// Refuses with `M_FORBIDDEN` (not in the room, not enough power), `M_BAD_JSON`, `M_TOO_LARGE`, `M_DUPLICATE_ANNOTATION`; later
    /// as [`crate::rooms::delayed::Delayed::schedule`].
    ///
    /// Durability: one transaction. Activity of the user, if sent now.
    pub async fn send(&self, who: &Requester, message: Message, delay: Option<Duration>) -> Result<Sent> {
        if let Some(delay) = delay {
            let Message { room_id, kind, content, txn, timestamp_ms } = message;
            let later = Later { room_id, kind, state_key: None, content, delay, txn: Some(txn), timestamp_ms };
            return self.schedule(who, later).await;
        }
        let _answering = self.core.answering.begin(who.device);
        let event_id = self.parts.rooms.send(who, message).await?;
        self.parts.presence.active(who.user).await;
        Ok(Sent::Now(event_id))
    }

    /// Redacts an event; with `delay`, later. The same transaction again gives the first redaction's id.
    ///
    /// Refuses with `M_FORBIDDEN` the events of others without the power for it, with `M_NOT_FOUND` unknown events; with
    /// `M_USER_SUSPENDED` the events of others to those who are suspended, whatever their power.
    ///
    /// Durability: one transaction. Activity of the user, if sent now.
    pub async fn redact(&self, who: &Requester, redaction: Redaction, delay: Option<Duration>) -> Result<Sent> {
        let Redaction { room_id, target, txn, reason } = redaction;
        if let Some(delay) = delay {
            let mut content = json!({ "redacts": target });
            if let Some(reason) = reason {
                content["reason"] = reason.into();
            }
            let (kind, content) = ("m.room.redaction".to_owned(), content.to_string());
            let later =
                Later { room_id, kind, state_key: None, content, delay, txn: Some(txn), timestamp_ms: None::<Millis> };
            return self.schedule(who, later).await;
        }
        let _answering = self.core.answering.begin(who.device);
        let event_id = self.parts.rooms.redact(who, room_id, target, txn, reason).await?;
        self.parts.presence.active(who.user).await;
        Ok(Sent::Now(event_id))
    }

    /// Sets a part of a room's state; with `delay`, later. An invite of a user of another server goes there first. When the
    /// requester has already set it to the same, that event's id is the answer.
    ///
    /// Refuses with `M_FORBIDDEN`, `M_BAD_JSON`, `M_TOO_LARGE`, and `M_BAD_ALIAS` for aliases that lead elsewhere.
    ///
    /// Durability: one transaction; an invite of a user of another server is a durable job. Activity of the user, if set now.
    pub async fn set_state(
        self: &Arc<Self>,
        who: &Requester,
        change: StateChange,
        delay: Option<Duration>,
    ) -> Result<Sent> {
        if let Some(delay) = delay {
            let StateChange { room_id, kind, state_key, content, timestamp_ms } = change;
            let later = Later { room_id, kind, state_key: Some(state_key), content, delay, txn: None, timestamp_ms };
            return self.schedule(who, later).await;
        }
        let event_id = match self.remote_invite_of(&change)? {
            Some((target, content)) => self.invite_remote_user_durably(who, change.room_id, target, content).await?,
            None => self.parts.rooms.set_state(who, change).await?,
        };
        self.parts.presence.active(who.user).await;
        Ok(Sent::Now(event_id))
    }

    /// The invited user and the content, if a change of the state is an invite of a user of another server.
    fn remote_invite_of(&self, change: &StateChange) -> Result<Option<(OwnedUserId, CanonicalJsonObject)>> {
        if change.kind != "m.room.member" {
            return Ok(None);
        }
        let content = content::from_client(&change.content)?;
        let target = membership::remotely_invited(&self.core, &change.kind, &change.state_key, &content);
        Ok(target.map(|target| (target, content)))
    }
}
