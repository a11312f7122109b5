//! Inviting a user (client-server API, "Inviting to a room").

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::Result;
use hearth_core::Requester;
use hearth_rooms::append::Sender;
use hearth_rooms::membership::MembershipRequest;
use hearth_store::tables::memberships::Membership;
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId};

use super::Actions;
use super::durable::DurableAction;

impl Actions {
    /// Invites a user of this server or another. Inviting an invited user changes nothing. `M_FORBIDDEN` for members
    /// and banned users, without the power level, and when the other server refuses the invite.
    ///
    /// Durability: one transaction; for a user of another server a durable job.
    #[boxed]
    pub async fn invite(
        self: &Arc<Self>,
        who: &Requester,
        room_id: OwnedRoomId,
        target: OwnedUserId,
        reason: Option<String>,
    ) -> Result<()> {
        if self.core.is_local(&target) {
            self.parts.appservices.ask_for_user(&target).await;
            return self.parts.rooms.invite(who, room_id, target, reason).await;
        }
        let content = MembershipRequest::new(Membership::Invite, reason).content()?;
        self.invite_remote_user_durably(who, room_id, target, content).await.map(drop)
    }

    /// The other server countersigns the invite and shows it to its user before the event is in the room here. A crash
    /// in between would lose the event, so this is a durable action.
    pub(super) async fn invite_remote_user_durably(
        self: &Arc<Self>,
        who: &Requester,
        room_id: OwnedRoomId,
        target: OwnedUserId,
        content: CanonicalJsonObject,
    ) -> Result<OwnedEventId> {
        // Checks that need no network run first, so that a refusal writes no row.
        self.core.check_talks_to(target.server_name())?;
        let action =
            DurableAction::Invite { room_id: room_id.clone(), target: target.clone(), content: content.clone() };
        let (this, who) = (Arc::clone(self), who.clone());
        self.durably(who.user, action, async move { this.invite_remote_user(&who, room_id, target, content).await })
            .await
    }

    /// Invites a remote user. A repeated run finds the invite in the room and changes nothing.
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
