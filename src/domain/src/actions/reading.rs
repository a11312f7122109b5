//! Read receipts and the fully read marker (client-server API, "Receipts", "Fully read markers").

use hearth_base::Result;
use hearth_base::boxed;
use hearth_core::Requester;
use hearth_users::ephemeral::receipts::{self, Read};
use ruma::RoomId;

use super::Actions;

impl Actions {
    /// Sets the requester's read receipts and fully read marker in a room.
    ///
    /// Durability: one transaction. Activity of the user.
    #[boxed]
    pub async fn mark_read(&self, who: &Requester, room_id: &RoomId, read: Read) -> Result<()> {
        receipts::mark_read(&self.core, who, room_id, read).await?;
        self.parts.presence.active(who.user).await;
        Ok(())
    }
}
