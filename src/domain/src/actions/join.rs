//! Joining a room, here or through a server that is in it (client-server API, "Joining rooms").

use std::sync::Arc;

use hearth_base::{Error, Reason, Result};
use hearth_store::tables::accounts;
use ruma::{OwnedRoomId, OwnedRoomOrAliasId, OwnedServerName, RoomId};

use super::Actions;
use super::durable::DurableAction;
use crate::Requester;
use crate::rooms::{JoinContent, find};

impl Actions {
    /// Makes the requester a member of the room that `name` is the id or an alias of. `via` are servers that may be in it.
    ///
    /// Refuses with `M_NOT_FOUND` rooms that no server is known to be in, `M_FORBIDDEN` and the other reasons that the servers in
    /// the room give, `M_RESOURCE_LIMIT_EXCEEDED` rooms that are too large, `M_CONNECTION_FAILED` when no server answers as it
    /// should.
    ///
    /// Durability: one transaction where this server is in the room, and finished: servers that are new to the user are told of
    /// their devices after it; else a durable job. A join through another server is also shown in the list of jobs, and whoever else
    /// of this server wants in waits for it.
    pub async fn join(
        self: &Arc<Self>,
        who: &Requester,
        name: OwnedRoomOrAliasId,
        via: Vec<OwnedServerName>,
        content: JoinContent,
    ) -> Result<OwnedRoomId> {
        let (room_id, via) = self.find_room(name, via).await?;
        let (this, who) = (Arc::clone(self), who.clone());
        if self.parts.federation.is_own(&room_id).await? {
            let (this, who, room_id, content) = (Arc::clone(&this), who.clone(), room_id.clone(), content.clone());
            match self.finish(async move { this.join_own_room(&who, room_id, content).await }).await {
                Err(error) if others_may(&error) => {}
                done => return done,
            }
        }
        find::no_guests(&who)?;
        let action = DurableAction::Join { room_id: room_id.clone(), via: via.clone(), content: content.clone() };
        self.durably(who.user, action, async move { this.join_remote_room(&who, room_id, via, content).await }).await
    }

    /// Joins a room that this server is in.
    async fn join_own_room(&self, who: &Requester, room_id: OwnedRoomId, content: JoinContent) -> Result<OwnedRoomId> {
        let room_id = self.parts.rooms.join(who, room_id.into(), content).await?;
        self.announce_devices(who, &room_id).await;
        Ok(room_id)
    }

    /// Joins through another server, unless this one is in the room by now. Done again after it has been done, it changes nothing.
    pub(super) async fn join_remote_room(
        self: &Arc<Self>,
        who: &Requester,
        room_id: OwnedRoomId,
        via: Vec<OwnedServerName>,
        content: JoinContent,
    ) -> Result<OwnedRoomId> {
        let _turn = self.parts.federation.entering.take(room_id.clone()).await;
        let is_resident = self.parts.federation.is_own(&room_id).await?;
        if is_resident {
            // Another user of this server came in while we waited, or this one did before a crash.
            match self.join_own_room(who, room_id.clone(), content.clone()).await {
                Err(error) if others_may(&error) => {}
                done => return done,
            }
        }
        self.parts.federation.join_remote_room(who, &room_id, via, is_resident, content).await?;
        self.announce_devices(who, &room_id).await;
        let user = who.user;
        let account = self.core.store.read("account", move |tx| accounts::get(tx.tx(), user)).await?;
        if account.is_some_and(|account| account.deactivated_ms.is_some()) {
            // Deactivated while the other server answered: leaving all rooms may have been over before this one was joined.
            self.leave(who, room_id.clone(), None).await?;
        }
        Ok(room_id)
    }

    /// Tells servers of a room, which have not followed the user's devices so far and now have to, of these devices. A join stands
    /// without it: they find out when they ask for keys.
    async fn announce_devices(&self, who: &Requester, room_id: &RoomId) {
        if let Err(error) = self.parts.crypto.announce_to_new_servers(who.user, room_id.to_owned()).await {
            tracing::warn!(room = %room_id, user = %who.user_id, %error, "Failed to announce devices after a join.");
        }
    }

    /// The room that a name leads to, and servers that may be in it: those of the alias after those that were given.
    pub(super) async fn find_room(
        &self,
        name: OwnedRoomOrAliasId,
        via: Vec<OwnedServerName>,
    ) -> Result<(OwnedRoomId, Vec<OwnedServerName>)> {
        match OwnedRoomId::try_from(name) {
            Ok(room_id) => Ok((room_id, via)),
            Err(alias) => {
                let (room_id, servers) = self.find_alias(&alias).await?;
                Ok((room_id, via.into_iter().chain(servers).collect()))
            }
        }
    }
}

/// Whether a server that is in the room cannot let a user in by itself, and another may.
fn others_may(error: &Error) -> bool {
    matches!(error.reason(), Some(Reason::UnableToAuthoriseJoin | Reason::UnableToGrantJoin))
}
