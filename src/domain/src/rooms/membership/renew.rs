//! Showing a changed profile in the rooms one is in: each gets a new member event (client-server API, "Events on Change of
//! Profile Information").

use hearth_base::{Reason, Result};
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms;

use super::MembershipRequest;
use crate::Requester;
use crate::rooms::append::Sender;
use crate::rooms::{Rooms, policy};

impl Rooms {
    /// Renews the requester's member events after their profile has changed. One transaction for each room, so that nobody
    /// waits for all of them; rooms in which nothing changes get no event, and neither do those that do not allow it. A room that
    /// fails does not hold up the others; the last error is the answer then.
    pub(crate) async fn renew_face(&self, who: &Requester) -> Result<()> {
        let (user, renewed, mut failed) = (who.user, who, None);
        for sn in self.core.store.read("rooms_joined", move |tx| memberships::joined_rooms(tx.tx(), user)).await? {
            let (core, who) = (self.core.clone(), who.clone());
            let write = move |tx: &mut hearth_store::WriteTx<'_>| {
                let Some(mut room) = rooms::by_sn(tx.tx(), sn)? else { return Ok(()) };
                // They may have left since the list was read; nobody is brought back by a new name.
                let row = memberships::get(tx.tx(), sn, who.user)?;
                if row.is_none_or(|row| row.membership != Membership::Join) {
                    return Ok(());
                }
                let origin = Sender::new(who.user, &who.user_id);
                let content = MembershipRequest::new(Membership::Join, None).content()?;
                match super::change(&core, tx, &mut room, &origin, &who.user_id, content) {
                    Err(error) if error.reason() == Some(Reason::Forbidden) => Ok(()),
                    done => done.map(drop),
                }
            };
            if let Err(error) = policy::write(&self.core, "room_renew_face", write).await {
                tracing::info!(user = %renewed.user_id, %error, "Failed to renew a member event; going on with other rooms.");
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }
}
