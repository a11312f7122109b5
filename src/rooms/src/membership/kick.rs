//! Kicks users (client-server API, "Leaving rooms", `/kick`).

use hearth_base::boxed;
use hearth_base::{Error, Result};
use hearth_core::Requester;
use hearth_store::tables::memberships::Membership;
use ruma::{OwnedRoomId, OwnedUserId};

use super::MembershipRequest;
use crate::LocalRooms;

impl LocalRooms {
    /// Removes a member, or withdraws an invite. `M_FORBIDDEN` when they are not in the room, or their power level is
    /// not below the requester's.
    #[boxed]
    pub async fn kick(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        target: OwnedUserId,
        reason: Option<String>,
    ) -> Result<()> {
        let is_there = |before, target: &ruma::UserId| match before {
            Some(Membership::Join | Membership::Invite | Membership::Knock) => Ok(()),
            _ => Err(Error::forbidden(format!("{target} is not in the room."))),
        };
        self.impose(who, room_id, target, MembershipRequest::new(Membership::Leave, reason), is_there).await
    }
}
