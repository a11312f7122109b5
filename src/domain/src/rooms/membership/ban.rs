//! Banning somebody, and lifting the ban (client-server API, "Banning users in a room").

use hearth_base::{Error, Result};
use hearth_store::tables::memberships::Membership;
use ruma::{OwnedRoomId, OwnedUserId};

use super::Wish;
use crate::Requester;
use crate::rooms::append::Origin;
use crate::rooms::{Rooms, find};

impl Rooms {
    /// Bans a user, whether they are in the room or not. Banning again changes nothing.
    pub async fn ban(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        target: OwnedUserId,
        reason: Option<String>,
    ) -> Result<()> {
        let (core, who) = (self.core.clone(), who.clone());
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            let mut room = find::joined(tx.tx(), &room_id, who.user)?;
            let origin = Origin::new(who.user, &who.user_id);
            let content = Wish::new(Membership::Ban, reason).content()?;
            super::change(&core, tx, &mut room, &origin, &target, content).map(drop)
        };
        self.core.store.write("room_ban", write).await
    }

    /// Lifts a ban; the user may then join or be invited again. `M_FORBIDDEN` when they are not banned.
    pub async fn unban(
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
            if before != Some(Membership::Ban) {
                return Err(Error::forbidden(format!("{target} is not banned from the room.")));
            }
            let origin = Origin::new(who.user, &who.user_id);
            let content = Wish::new(Membership::Leave, reason).content()?;
            super::change(&core, tx, &mut room, &origin, &target, content).map(drop)
        };
        self.core.store.write("room_unban", write).await
    }
}
