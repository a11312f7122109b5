//! Joins, local or through a resident server (client-server API, "Joining rooms").

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Reason, Result};
use hearth_core::Requester;
use hearth_rooms::{JoinContent, find};
use hearth_store::tables::accounts;
use ruma::{OwnedRoomId, OwnedRoomOrAliasId, OwnedServerName, RoomId};

use super::Actions;
use super::durable::DurableAction;

impl Actions {
    /// Joins the room with the id or alias `name`. `via` lists candidate resident servers.
    ///
    /// `M_NOT_FOUND` for rooms without a known resident server, `M_FORBIDDEN` and other errors of the resident
    /// servers, `M_RESOURCE_LIMIT_EXCEEDED` for rooms that are too large, `M_CONNECTION_FAILED` without a usable
    /// answer.
    ///
    /// Durability: one transaction where this server is in the room, and finished: device list updates go to servers
    /// that are new to the user after it. Otherwise a durable job. A remote join appears in the list of jobs, and
    /// other joins of this server to the same room wait for it.
    #[boxed]
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

    /// Joins a room that this server participates in.
    pub(super) async fn join_own_room(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        content: JoinContent,
    ) -> Result<OwnedRoomId> {
        let room_id = self.parts.rooms.join(who, room_id.into(), content).await?;
        self.announce_devices(who, &room_id).await;
        Ok(room_id)
    }

    /// Joins through another server, unless this one is in the room by now. Repeating it changes nothing.
    pub(super) async fn join_remote_room(
        self: &Arc<Self>,
        who: &Requester,
        room_id: OwnedRoomId,
        via: Vec<OwnedServerName>,
        content: JoinContent,
    ) -> Result<OwnedRoomId> {
        // One remote join for each room at a time: the others can mostly join locally after it.
        let _turn = self.parts.federation.entering.take(room_id.clone()).await;
        let is_resident = self.parts.federation.is_own(&room_id).await?;
        if is_resident {
            // Another user of this server joined meanwhile, or this user did before a crash.
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
            // The account was deactivated during the join: the job that leaves all rooms may have ended before this
            // room was joined.
            self.leave(who, room_id.clone(), None).await?;
        }
        Ok(room_id)
    }

    /// Announces the user's devices to servers in the room that did not follow them before. A failure does not undo
    /// the join: those servers query the devices when they need keys.
    async fn announce_devices(&self, who: &Requester, room_id: &RoomId) {
        if let Err(error) = self.parts.crypto.announce_to_new_servers(who.user, room_id.to_owned()).await {
            tracing::warn!(room = %room_id, user = %who.user_id, %error, "Failed to announce devices after a join.");
        }
    }

    /// Resolves a room id or alias to the room and its candidate servers; the given servers come before those of the
    /// alias.
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

/// Whether the error means that this resident server cannot authorise the join but another may.
fn others_may(error: &Error) -> bool {
    matches!(error.reason(), Some(Reason::UnableToAuthoriseJoin | Reason::UnableToGrantJoin))
}
