//! Summaries of rooms of all servers (client-server API, "Room summaries").

use hearth_base::boxed;
use hearth_base::{Error, Reason, Result};
use hearth_core::Requester;
use hearth_rooms::find;
use hearth_rooms::read::hierarchy::is_resident;
use hearth_rooms::read::summary::{Summary, is_enterable};
use hearth_store::ReadTx;
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::rooms;
use ruma::{OwnedRoomId, OwnedRoomOrAliasId, OwnedServerName};

use super::Actions;

impl Actions {
    /// A room's summary, as [`hearth_rooms::LocalRooms::summary`]. When no local user is in the room, asks the servers in
    /// `via`.
    ///
    /// Durability: reads.
    #[boxed]
    pub async fn summary(
        &self,
        who: Option<&Requester>,
        name: OwnedRoomOrAliasId,
        via: Vec<OwnedServerName>,
    ) -> Result<Summary> {
        let (room_id, via) = self.find_room(name, via).await?;
        let local = self.parts.rooms.summary(who, room_id.clone().into()).await;
        let is_ours = |id: OwnedRoomId| {
            move |tx: &mut ReadTx<'_>| {
                let room = rooms::by_id(tx.tx(), id.as_str())?;
                is_resident(tx.tx(), room.as_ref())
            }
        };
        if self.core.store.read("room_is_resident", is_ours(room_id.clone())).await? {
            return local;
        }
        match self.parts.federation.remote_room(&room_id, &via).await {
            Some(remote_room) => self.with_membership(who, room_id, remote_room.summary.clone()).await,
            None if local.as_ref().err().and_then(Error::reason) == Some(Reason::NotFound) => Err(hidden(&room_id)),
            None => local,
        }
    }

    /// Adds the requester's membership, and refuses users who could not enter the room.
    async fn with_membership(
        &self,
        who: Option<&Requester>,
        room_id: OwnedRoomId,
        mut summary: Summary,
    ) -> Result<Summary> {
        let reader = who.map(|who| who.user);
        let look = move |tx: &mut ReadTx<'_>| {
            let room = rooms::by_id(tx.tx(), room_id.as_str())?;
            if !is_enterable(tx.tx(), &summary, room.as_ref(), reader)? {
                return Err(hidden(&room_id));
            }
            if let Some(reader) = reader {
                let membership_status = match &room {
                    Some(room) => find::membership_status(tx.tx(), room, reader)?,
                    None => None,
                };
                summary.membership = Some(membership_status.unwrap_or(Membership::Leave).name());
            }
            Ok(summary)
        };
        self.core.store.read("rooms_summary_distant", look).await
    }
}

fn hidden(room_id: &ruma::RoomId) -> Error {
    Error::not_found(format!("There is no room {room_id} that you could enter."))
}
