//! Typing notifications (client-server API, "Typing Notifications").

use hearth_base::boxed;
use std::time::Duration;

use hearth_base::Result;
use hearth_core::Requester;
use ruma::RoomId;

use super::Actions;

impl Actions {
    /// Starts the requester's typing notification for a timeout, or stops it.
    ///
    /// Durability: nothing is kept. Activity of the user.
    #[boxed]
    pub async fn set_typing(&self, who: &Requester, room_id: &RoomId, lasting: Option<Duration>) -> Result<()> {
        self.parts.typing.set(who, room_id, lasting).await?;
        self.parts.presence.active(who.user).await;
        Ok(())
    }
}
