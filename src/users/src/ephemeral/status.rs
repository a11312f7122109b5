//! Presence endpoints: read a user's presence, set one's own.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Result, limits};
use hearth_core::Requester;
use hearth_store::tables::{memberships, presence_status, users};
use ruma::UserId;
use ruma::events::presence::{PresenceEvent, PresenceEventContent};
use ruma::presence::PresenceState;

use super::PresenceBook;

impl PresenceBook {
    /// A user's presence; offline when presence is disabled or the user has not been seen since the start.
    ///
    /// Refuses with `M_FORBIDDEN` users who share no room with the requester.
    #[boxed]
    pub async fn look(&self, who: &Requester, user_id: &UserId) -> Result<PresenceEvent> {
        let (id, reader) = (user_id.to_owned(), who.user);
        let known = self.core.store.read("presence_look", move |tx| {
            let Some(user) = users::find(tx.tx(), id.as_str())? else { return Ok(None) };
            let knows = user == reader || !memberships::shared_rooms(tx.tx(), reader, user, 1)?.is_empty();
            let status = presence_status::get(tx.tx(), user)?;
            Ok(knows.then_some((user, status)))
        });
        let refused =
            || Error::forbidden(format!("You share no room with {user_id}, so you do not see their presence."));
        let (user, status) = known.await?.ok_or_else(refused)?;
        let mut offline = PresenceEventContent::new(PresenceState::Offline);
        offline.status_msg = status.filter(|_| self.enabled());
        Ok(self.of(user).unwrap_or_else(|| PresenceEvent { content: offline, sender: user_id.to_owned() }))
    }

    /// Sets the requester's presence. Does nothing when presence is disabled.
    ///
    /// Refuses with `M_INVALID_PARAM` unknown states, and status messages over [`limits::PRESENCE_STATUS_BYTES_MAX`].
    #[boxed]
    pub async fn say(self: &Arc<Self>, who: &Requester, state: PresenceState, status: Option<String>) -> Result<()> {
        if !matches!(state, PresenceState::Online | PresenceState::Offline | PresenceState::Unavailable) {
            return Err(Error::invalid("`presence` must be one of online, offline and unavailable."));
        }
        if status.as_ref().is_some_and(|status| status.len() > limits::PRESENCE_STATUS_BYTES_MAX) {
            let message = format!("`status_msg` can have {} bytes at most.", limits::PRESENCE_STATUS_BYTES_MAX);
            return Err(Error::invalid(message));
        }
        self.set(who.user, &who.user_id, state, status).await
    }
}
