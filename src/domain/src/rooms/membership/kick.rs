//! Removing somebody (client-server API, "Leaving rooms", `/kick`).

use hearth_base::{Error, Result};
use hearth_store::tables::memberships::Membership;
use ruma::{OwnedRoomId, OwnedUserId};

use super::Wish;
use crate::Requester;
use crate::rooms::append::Origin;
use crate::rooms::{Rooms, find};

impl Rooms {
    /// Removes a member, or takes an invitation back. `M_FORBIDDEN` when they are not in the room, or above the requester.
    pub async fn kick(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        target: OwnedUserId,
        reason: Option<String>,
    ) -> Result<()> {
        let (core, who) = (self.core.clone(), who.clone());
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            let mut room = find::joined(tx.tx(), &room_id, who.user)?;
            let before = super::standing(super::current(&core, tx, &room, &target)?.as_deref());
            if !matches!(before, Some(Membership::Join | Membership::Invite | Membership::Knock)) {
                return Err(Error::forbidden(format!("{target} is not in the room.")));
            }
            let origin = Origin::new(who.user, &who.user_id);
            let content = Wish::new(Membership::Leave, reason).content()?;
            super::change(&core, tx, &mut room, &origin, &target, content).map(drop)
        };
        self.core.store.write("room_kick", write).await
    }
}
