//! Kicking and banning users, forgetting and upgrading rooms.

use hearth_base::Result;
use hearth_base::boxed;
use hearth_core::Requester;
use ruma::{OwnedRoomId, OwnedUserId};

use super::Actions;

impl Actions {
    /// Kicks a member or revokes an invite. `M_FORBIDDEN` when the user is not in the room or has a power level too
    /// high for the requester.
    ///
    /// Durability: one transaction. The outbox sends the event to other servers.
    #[boxed]
    pub async fn kick(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        target: OwnedUserId,
        reason: Option<String>,
    ) -> Result<()> {
        self.parts.rooms.kick(who, room_id, target, reason).await
    }

    /// Bans a user, in the room or not. Banning a banned user changes nothing.
    ///
    /// Durability: one transaction. The outbox sends the event to other servers.
    #[boxed]
    pub async fn ban(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        target: OwnedUserId,
        reason: Option<String>,
    ) -> Result<()> {
        self.parts.rooms.ban(who, room_id, target, reason).await
    }

    /// Lifts a ban; the user may join or be invited again. `M_FORBIDDEN` when they are not banned.
    ///
    /// Durability: one transaction. The outbox sends the event to other servers.
    #[boxed]
    pub async fn unban(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        target: OwnedUserId,
        reason: Option<String>,
    ) -> Result<()> {
        self.parts.rooms.unban(who, room_id, target, reason).await
    }

    /// Forgets a room; does nothing for rooms that the requester has nothing to do with. `M_UNKNOWN` while the requester is joined, invited, or knocking.
    ///
    /// Durability: one transaction.
    #[boxed]
    pub async fn forget(&self, who: &Requester, room_id: OwnedRoomId) -> Result<()> {
        self.parts.rooms.forget(who, room_id).await
    }

    /// Upgrades a room to another version; members follow by joining the new room.
    ///
    /// `M_UNSUPPORTED_ROOM_VERSION`, `M_NOT_FOUND` for rooms that the requester has nothing to do with, and
    /// `M_FORBIDDEN` without the power to send `m.room.tombstone`.
    ///
    /// Durability: one transaction.
    #[boxed]
    pub async fn upgrade(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        version: String,
        additional_creators: Vec<OwnedUserId>,
    ) -> Result<OwnedRoomId> {
        self.parts.rooms.upgrade(who, room_id, &version, additional_creators).await
    }
}
