//! Sending to a room, now or delayed: events, redactions and state (client-server API, "Sending events to a room",
//! "Redactions"; MSC4140).

use hearth_base::boxed;
use std::sync::Arc;
use std::time::Duration;

use hearth_base::{Millis, Result};
use hearth_core::Requester;
use hearth_rooms::delayed::Later;
use hearth_rooms::{Message, StateChange, content, membership};
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId};
use serde_json::json;

use super::Actions;

/// A redaction request.
#[derive(Debug)]
pub struct Redaction {
    /// The room of the target event.
    pub room_id: OwnedRoomId,
    /// The event to redact.
    pub target: OwnedEventId,
    /// The client's transaction id; a repeated one returns the first redaction.
    pub txn: String,
    /// The reason, for the redaction's content.
    pub reason: Option<String>,
}

/// The outcome of a send request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The event is in the room.
    Now(OwnedEventId),
    /// The event is scheduled; this is its delay id.
    Later(String),
}

impl Actions {
    /// Sends a message event; with `delay`, schedules it. A repeated transaction id returns the first response.
    ///
    /// `M_FORBIDDEN` (not in the room, not enough power), `M_BAD_JSON`, `M_TOO_LARGE`, `M_DUPLICATE_ANNOTATION`; with
    /// `delay`, errors of [`hearth_rooms::delayed::Delayed::schedule`].
    ///
    /// Durability: one transaction. Activity of the user, if sent now.
    #[boxed]
    pub async fn send(&self, who: &Requester, message: Message, delay: Option<Duration>) -> Result<Sent> {
        if let Some(delay) = delay {
            let Message { room_id, kind, content, txn, timestamp_ms } = message;
            let later = Later { room_id, kind, state_key: None, content, delay, txn: Some(txn), timestamp_ms };
            return self.schedule(who, later).await;
        }
        let event_id = self.parts.rooms.send(who, message).await?;
        self.parts.presence.active(who.user).await;
        Ok(Sent::Now(event_id))
    }

    /// Redacts an event; with `delay`, schedules the redaction. A repeated transaction id returns the first
    /// redaction's id.
    ///
    /// `M_FORBIDDEN` for other users' events without the power level, `M_NOT_FOUND` for unknown events,
    /// `M_USER_SUSPENDED` for other users' events when the requester is suspended, whatever their power level.
    ///
    /// Durability: one transaction. Activity of the user, if sent now.
    #[boxed]
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
        let event_id = self.parts.rooms.redact(who, room_id, target, txn, reason).await?;
        self.parts.presence.active(who.user).await;
        Ok(Sent::Now(event_id))
    }

    /// Sets a state event; with `delay`, schedules it. An invite of a remote user goes to their server first. When the
    /// requester has already set the same content, returns the id of that event.
    ///
    /// `M_FORBIDDEN`, `M_BAD_JSON`, `M_TOO_LARGE`, and `M_BAD_ALIAS` for aliases that point to another room.
    ///
    /// Durability: one transaction; an invite of a remote user is a durable job. Activity of the user, if set now.
    #[boxed]
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

    /// The invited user and the content, if the state change is an invite of a remote user.
    fn remote_invite_of(&self, change: &StateChange) -> Result<Option<(OwnedUserId, CanonicalJsonObject)>> {
        if change.kind != "m.room.member" {
            return Ok(None);
        }
        let content = content::from_client(&change.content)?;
        let target = membership::remotely_invited(&self.core, &change.kind, &change.state_key, &content);
        Ok(target.map(|target| (target, content)))
    }
}
