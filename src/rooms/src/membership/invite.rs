//! Invites users (client-server API, "Inviting to a room").

use hearth_base::boxed;
use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_core::Requester;
use hearth_store::tables::memberships::Membership;
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedRoomId, OwnedUserId, UserId};

use super::MembershipRequest;
use crate::RoomCore;
use crate::content;
use crate::{LocalRooms, Rooms};

impl LocalRooms {
    /// Invites a local user; for remote users see `Actions::invite`. Does nothing when they are already invited;
    /// `M_FORBIDDEN` for members, for banned users, and without the power to invite.
    #[boxed]
    pub async fn invite(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        target: OwnedUserId,
        reason: Option<String>,
    ) -> Result<()> {
        self.impose(who, room_id, target, MembershipRequest::new(Membership::Invite, reason), check_invitable).await
    }
}

impl Rooms {
    /// Refuses an invite by e-mail address or telephone number: it needs an identity server, and this server uses
    /// none.
    pub fn invite_by_third_party(&self) -> Result<()> {
        Err(third_party())
    }
}

/// Returns the invited user, if a state event invites a remote user.
pub fn remotely_invited(
    core: &RoomCore,
    kind: &str,
    state_key: &str,
    content: &CanonicalJsonObject,
) -> Option<OwnedUserId> {
    let is_invite = kind == "m.room.member" && content::text(content, "membership") == Some("invite");
    UserId::parse(state_key).ok().filter(|target| is_invite && !core.is_local(target))
}

/// Refuses invites of members and of banned users.
pub fn check_invitable(before: Option<Membership>, target: &UserId) -> Result<()> {
    match before {
        Some(Membership::Join) => Err(Error::forbidden(format!("{target} is already in the room."))),
        Some(Membership::Ban) => {
            Err(Error::forbidden(format!("{target} is banned from the room; lift the ban first.")))
        }
        _ => Ok(()),
    }
}

/// The error for an invite by e-mail address or telephone number.
pub fn third_party() -> Error {
    let message = "This server does not invite by e-mail address or telephone number; invite by user id.";
    refuse(Reason::ThreepidDenied, message)
}
