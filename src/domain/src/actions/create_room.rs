//! Room creation (client-server API, "Creation").

use hearth_base::boxed;
use std::collections::HashSet;
use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_core::Requester;
use hearth_rooms::membership::MembershipRequest;
use hearth_store::WriteTx;
use hearth_store::tables::memberships::Membership;
use ruma::api::client::room::create_room;
use ruma::{OwnedRoomId, OwnedUserId, RoomId};

use super::Actions;
use super::durable::{DurableAction, Promise, is_final};

impl Actions {
    /// Creates a room, then invites the initial guests of other servers. A failed invite leaves the room unchanged; an
    /// invite whose server cannot be reached is retried for a while.
    ///
    /// Errors of [`hearth_rooms::LocalRooms::create`], and `M_FORBIDDEN` for guests of servers that this one does not
    /// federate with.
    ///
    /// Durability: one transaction for the room with its initial events; invites of remote users are durable jobs.
    #[boxed]
    pub async fn create_room(
        self: &Arc<Self>,
        who: &Requester,
        wanted: create_room::v3::Request,
    ) -> Result<OwnedRoomId> {
        let mut guests: Vec<OwnedUserId> =
            wanted.invite.iter().filter(|user| !self.core.is_local(user)).cloned().collect();
        guests.sort_unstable();
        guests.dedup();
        for local in wanted.invite.iter().filter(|user| self.core.is_local(user)) {
            self.parts.appservices.ask_for_user(local).await;
        }
        for guest in &guests {
            self.core.check_talks_to(guest.server_name())?;
        }
        let content = MembershipRequest::new(Membership::Invite, None).direct(wanted.is_direct).content()?;
        let (this, who) = (Arc::clone(self), who.clone());
        self.finish(async move {
            let (core, user) = (Arc::clone(&this.core), who.user);
            let note = move |tx: &mut WriteTx<'_>, room_id: &RoomId| {
                let invite = |target: OwnedUserId| {
                    let (room_id, content) = (room_id.to_owned(), content.clone());
                    let action = DurableAction::Invite { room_id, target, content };
                    action.insert(&core, tx, user).map(|sn| (sn, action))
                };
                guests.into_iter().map(invite).collect::<Result<Vec<_>>>()
            };
            let (room_id, invites) = this.parts.rooms.create(&who, wanted, note).await?;
            let now_ms = this.core.now_ms();
            let promises = invites.into_iter().map(|(sn, action)| this.journal.promise(sn, user, action, now_ms));
            this.invite_guests(&who, promises.collect()).await;
            Ok(room_id)
        })
        .await
    }

    /// Invites the guests of a new room one after another: each invite follows the previous one in the room's DAG.
    async fn invite_guests(&self, who: &Requester, promises: Vec<Promise>) {
        let (mut silent, mut failed) = (HashSet::new(), None::<(Error, usize)>);
        for promise in promises {
            let Some(DurableAction::Invite { room_id, target, content }) = promise.action().cloned() else { continue };
            if silent.contains(target.server_name()) {
                // The server did not answer for an earlier guest, and the client is waiting. The durable job retries.
                continue;
            }
            let Err(error) = self.invite_remote_user(who, room_id.clone(), target.clone(), content).await else {
                self.fulfil(promise).await;
                continue;
            };
            tracing::debug!(room = %room_id, user = %target, %error, "Failed to invite a guest of a new room.");
            if error.is_undecided() {
                silent.insert(target.server_name().to_owned());
            }
            if is_final(&error) {
                self.fulfil(promise).await;
            }
            failed.get_or_insert((error, 0)).1 += 1;
        }
        if let Some((error, count)) = failed {
            tracing::info!(user = %who.user_id, %error, count, "Failed to invite guests of a new room.");
        }
    }
}
