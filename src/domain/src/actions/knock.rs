//! Knocking on a room, local or through a resident server (client-server API, "Knocking on rooms").

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::Result;
use hearth_core::Requester;
use hearth_rooms::find;
use ruma::{OwnedRoomId, OwnedRoomOrAliasId, OwnedServerName};

use super::Actions;
use super::durable::DurableAction;

impl Actions {
    /// Knocks on the room with the id or alias `name`. Errors as for a join.
    ///
    /// Durability: one transaction where this server is in the room; otherwise a durable job.
    #[boxed]
    pub async fn knock(
        self: &Arc<Self>,
        who: &Requester,
        name: OwnedRoomOrAliasId,
        via: Vec<OwnedServerName>,
        reason: Option<String>,
    ) -> Result<OwnedRoomId> {
        find::no_guests(who)?;
        let (room_id, via) = self.find_room(name, via).await?;
        if self.parts.federation.is_own(&room_id).await? {
            return self.parts.rooms.knock(who, room_id.into(), reason).await;
        }
        let action = DurableAction::Knock { room_id: room_id.clone(), via: via.clone(), reason: reason.clone() };
        let (this, who) = (Arc::clone(self), who.clone());
        self.durably(who.user, action, async move { this.knock_on_remote_room(&who, room_id, via, reason).await }).await
    }

    /// Knocks through a resident server. A repeated run sends another knock, which the auth rules allow.
    pub(super) async fn knock_on_remote_room(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        via: Vec<OwnedServerName>,
        reason: Option<String>,
    ) -> Result<OwnedRoomId> {
        self.parts.federation.knock_on_remote_room(who, &room_id, via, reason).await?;
        Ok(room_id)
    }
}
