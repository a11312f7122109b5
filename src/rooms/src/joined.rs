//! Lists of joined rooms.

use hearth_base::boxed;
use hearth_base::{Error, Result, limits};
use hearth_core::Requester;
use hearth_store::tables::{memberships, rooms, users};
use ruma::{OwnedRoomId, OwnedUserId};

use super::{Rooms, find};

impl Rooms {
    /// Lists the rooms that the requester is joined to.
    #[boxed]
    pub async fn joined(&self, who: &Requester) -> Result<Vec<OwnedRoomId>> {
        let user = who.user;
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let mut found = Vec::new();
            for sn in memberships::joined_rooms(tx.tx(), user)? {
                found.extend(rooms::by_sn(tx.tx(), sn)?.map(|room| find::id(&room)).transpose()?);
            }
            Ok(found)
        };
        self.core.store.read("rooms_joined", read).await
    }

    /// Lists the rooms that the requester and `other` are both joined to (client-server API 1.19, "Mutual rooms"), in
    /// one page.
    #[boxed]
    pub async fn mutual(&self, who: &Requester, other: OwnedUserId) -> Result<Vec<OwnedRoomId>> {
        if other == who.user_id {
            return Err(Error::invalid("You share all your rooms with yourself; ask for somebody else."));
        }
        let user = who.user;
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let mut found = Vec::new();
            let Some(other) = users::find(tx.tx(), other.as_str())? else { return Ok(found) };
            for sn in memberships::shared_rooms(tx.tx(), user, other, limits::ROOMS_PER_USER_MAX as u64)? {
                found.extend(rooms::by_sn(tx.tx(), sn)?.map(|room| find::id(&room)).transpose()?);
            }
            Ok(found)
        };
        self.core.store.read("rooms_mutual", read).await
    }
}
