//! Bans and unbans users (client-server API, "Banning users in a room").

use hearth_base::boxed;
use hearth_base::{Error, Result};
use hearth_core::Requester;
use hearth_store::tables::memberships::Membership;
use ruma::{OwnedRoomId, OwnedUserId};

use super::MembershipRequest;
use crate::LocalRooms;

impl LocalRooms {
    /// Bans a user, whether they are in the room or not. Does nothing when they are already banned.
    #[boxed]
    pub async fn ban(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        target: OwnedUserId,
        reason: Option<String>,
    ) -> Result<()> {
        self.impose(who, room_id, target, MembershipRequest::new(Membership::Ban, reason), |_, _| Ok(())).await
    }

    /// Lifts a ban; the user may then join or be invited again. `M_FORBIDDEN` when they are not banned.
    #[boxed]
    pub async fn unban(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        target: OwnedUserId,
        reason: Option<String>,
    ) -> Result<()> {
        let is_banned = |before, target: &ruma::UserId| match before {
            Some(Membership::Ban) => Ok(()),
            _ => Err(Error::forbidden(format!("{target} is not banned from the room."))),
        };
        self.impose(who, room_id, target, MembershipRequest::new(Membership::Leave, reason), is_banned).await
    }
}
