//! Leaves rooms, which also rejects an invite and withdraws a knock (client-server API, "Leaving rooms").

use hearth_base::boxed;
use hearth_base::{Error, Result};
use hearth_core::Requester;
use hearth_store::tables::memberships::Membership;
use ruma::OwnedRoomId;

use super::MembershipRequest;
use crate::append::Sender;
use crate::{LocalRooms, find, policy};

impl LocalRooms {
    /// Makes the requester leave a room. Does nothing when they have already left.
    #[boxed]
    pub async fn leave(&self, who: &Requester, room_id: OwnedRoomId, reason: Option<String>) -> Result<()> {
        let (core, who) = (self.core.clone(), who.clone());
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            // The same error for rooms that do not exist, so that it does not reveal which do.
            let refused = || Error::forbidden(format!("You are not in {room_id}."));
            let mut room = find::known(tx.tx(), &room_id)?.ok_or_else(refused)?;
            match find::membership_status(tx.tx(), &room, who.user)? {
                None => return Err(refused()),
                Some(Membership::Leave) => return Ok(()),
                Some(_) => {}
            }
            let origin = Sender::new(who.user, &who.user_id);
            let content = MembershipRequest::new(Membership::Leave, reason).content()?;
            super::change(&core, tx, &mut room, &origin, &who.user_id, content).map(drop)
        };
        policy::write(&self.core, "room_leave", write).await
    }
}
