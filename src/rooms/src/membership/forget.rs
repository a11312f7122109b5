//! Forgets a left room: it does not appear in any list afterwards (client-server API, "Leaving rooms", `/forget`).

use hearth_base::boxed;
use hearth_base::{Reason, Result, error::refuse};
use hearth_core::Requester;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::thread_subscriptions;
use ruma::OwnedRoomId;

use crate::user_memberships::UserMemberships;
use crate::{LocalRooms, find};

impl LocalRooms {
    /// Forgets a room. Does nothing for a room that the requester has nothing to do with, or that does not exist: the
    /// answer does not reveal which. `M_UNKNOWN` while the requester is joined, invited, or knocking.
    #[boxed]
    pub async fn forget(&self, who: &Requester, room_id: OwnedRoomId) -> Result<()> {
        let (core, user) = (self.core.clone(), who.user);
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            let Some(room) = find::known(tx.tx(), &room_id)? else { return Ok(()) };
            match find::membership_status(tx.tx(), &room, user)? {
                None => Ok(()),
                Some(Membership::Leave | Membership::Ban) => {
                    thread_subscriptions::forget(tx.tx(), user, room.sn)?;
                    memberships::forget(tx.tx(), room.sn, user)?;
                    let at = tx.position();
                    UserMemberships::change(&core, tx, user, at);
                    Ok(())
                }
                Some(_) => Err(refuse(Reason::Unknown, format!("You are still in {room_id}; leave it first."))),
            }
        };
        self.core.store.write("room_forget", write).await
    }
}
