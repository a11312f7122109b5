//! Leaving a room, which is also how an invitation is refused and a knock taken back (client-server API, "Leaving rooms").

use hearth_base::{Error, Result};
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms;
use ruma::OwnedRoomId;

use super::Wish;
use crate::Requester;
use crate::rooms::append::Origin;
use crate::rooms::{Rooms, find};

impl Rooms {
    /// Takes the requester out of a room; leaving again changes nothing.
    pub async fn leave(&self, who: &Requester, room_id: OwnedRoomId, reason: Option<String>) -> Result<()> {
        let (core, who) = (self.core.clone(), who.clone());
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            let mut room = find::resolve(tx.tx(), &room_id)?;
            match find::standing(tx.tx(), &room, who.user)? {
                None => return Err(Error::forbidden(format!("You are not in {room_id}."))),
                Some(Membership::Leave) => return Ok(()),
                Some(_) => {}
            }
            let origin = Origin::new(who.user, &who.user_id);
            let content = Wish::new(Membership::Leave, reason).content()?;
            super::change(&core, tx, &mut room, &origin, &who.user_id, content).map(drop)
        };
        self.core.store.write("room_leave", write).await
    }

    /// Takes a user out of every room they are in, are invited to, or have knocked at: for an account that is deactivated.
    /// One transaction for each room, so that nobody waits for all of them.
    pub async fn leave_all(&self, who: &Requester) -> Result<()> {
        let user = who.user;
        let rows = self.core.store.read("rooms_of_user", move |tx| memberships::of_user(tx.tx(), user)).await?;
        let present = |membership| matches!(membership, Membership::Join | Membership::Invite | Membership::Knock);
        for row in rows.into_iter().filter(|row| present(row.membership)) {
            let sn = row.room;
            let id = self
                .core
                .store
                .read("room_by_sn", move |tx| rooms::by_sn(tx.tx(), sn)?.map(|room| find::id(&room)).transpose());
            if let Some(room_id) = id.await? {
                self.leave(who, room_id, None).await?;
            }
        }
        Ok(())
    }
}
