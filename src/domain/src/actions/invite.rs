//! Inviting a user (client-server API, "Inviting to a room").

use std::sync::Arc;

use hearth_base::Result;
use hearth_store::tables::memberships::Membership;
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId};

use super::Actions;
use super::durable::DurableAction;
use crate::Requester;
use crate::rooms::append::Sender;
use crate::rooms::membership::MembershipRequest;

impl Actions {
    /// Invites a user, of this server or another. Inviting again changes nothing; `M_FORBIDDEN` for members, the banned, those
    /// without the power, and whom the other server does not want to be invited.
    ///
    /// Durability: one transaction; for a user of another server a durable job.
    pub async fn invite(
        self: &Arc<Self>,
        who: &Requester,
        room_id: OwnedRoomId,
        target: OwnedUserId,
        reason: Option<String>,
    ) -> Result<()> {
        if self.core.is_local(&target) {
            return self.parts.rooms.invite(who, room_id, target, reason).await;
        }
        let content = MembershipRequest::new(Membership::Invite, reason).content()?;
        self.invite_remote_user_durably(who, room_id, target, content).await.map(drop)
    }

    /// The other server signs the invite and shows it to its user before it is in the room here; what would be lost in between is
    /// why this is durable.
    pub(super) async fn invite_remote_user_durably(
        self: &Arc<Self>,
        who: &Requester,
        room_id: OwnedRoomId,
        target: OwnedUserId,
        content: CanonicalJsonObject,
    ) -> Result<OwnedEventId> {
        // What can be refused at once is, without a row.
        self.core.check_talks_to(target.server_name())?;
        let action =
            DurableAction::Invite { room_id: room_id.clone(), target: target.clone(), content: content.clone() };
        let (this, who) = (Arc::clone(self), who.clone());
        self.durably(who.user, action, async move { this.invite_remote_user(&who, room_id, target, content).await })
            .await
    }

    /// Invites a user of another server. When it is done again after it has been done, the invite is found in the room.
    pub(super) async fn invite_remote_user(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        target: OwnedUserId,
        content: CanonicalJsonObject,
    ) -> Result<OwnedEventId> {
        let origin = Sender::new(who.user, &who.user_id);
        self.parts.federation.invite_remote_user(origin, room_id, target, content).await
    }
}
