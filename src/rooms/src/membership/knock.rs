//! Knocks on rooms (client-server API, "Knocking on rooms"; room versions 7 and later).

use hearth_base::Result;
use hearth_base::boxed;
use hearth_core::Requester;
use hearth_store::tables::memberships::Membership;
use ruma::{OwnedRoomId, OwnedRoomOrAliasId};

use super::MembershipRequest;
use crate::append::Sender;
use crate::{LocalRooms, find, policy};

impl LocalRooms {
    /// Knocks on a room. `M_FORBIDDEN` where the join rules do not allow knocking, or when the requester is joined,
    /// invited or banned.
    #[boxed]
    pub async fn knock(
        &self,
        who: &Requester,
        name: OwnedRoomOrAliasId,
        reason: Option<String>,
    ) -> Result<OwnedRoomId> {
        find::no_guests(who)?;
        let (core, who) = (self.core.clone(), who.clone());
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            let mut room = find::by_name(&core, tx.tx(), &name)?;
            let origin = Sender::new(who.user, &who.user_id);
            let content = MembershipRequest::new(Membership::Knock, reason).content()?;
            super::change(&core, tx, &mut room, &origin, &who.user_id, content)?;
            find::id(&room)
        };
        policy::write(&self.core, "room_knock", write).await
    }
}
