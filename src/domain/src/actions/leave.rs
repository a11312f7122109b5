//! Leaving rooms, which also rejects invites and retracts knocks (client-server API, "Leaving rooms").

use hearth_base::boxed;
use std::collections::HashSet;
use std::sync::Arc;

use hearth_base::{Error, Result, limits};
use hearth_core::Requester;
use hearth_rooms::find;
use hearth_store::WriteTx;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms;
use ruma::OwnedRoomId;

use super::Actions;
use super::durable::{self, DurableAction};

impl Actions {
    /// Leaves a room. Rejecting an invite to a remote room, or retracting a knock, always succeeds here: if no
    /// resident server can be reached, it is notified later.
    ///
    /// Durability: one transaction where this server is in the room; otherwise a durable job.
    #[boxed]
    pub async fn leave(self: &Arc<Self>, who: &Requester, room_id: OwnedRoomId, reason: Option<String>) -> Result<()> {
        let Some(before) = self.parts.federation.membership_elsewhere(who, &room_id).await? else {
            return self.parts.rooms.leave(who, room_id, reason).await;
        };
        match before.row.membership {
            Membership::Invite | Membership::Knock => {}
            Membership::Leave => return Ok(()),
            _ => return Err(Error::forbidden(format!("You are not in {room_id}."))),
        }
        let action = DurableAction::Leave { room_id: room_id.clone(), reason: reason.clone() };
        let (this, who) = (Arc::clone(self), who.clone());
        self.durably(who.user, action, async move { this.leave_remote_room(&who, room_id, reason).await }).await
    }

    /// Ends an invite or a knock through another server. Repeating it changes nothing.
    pub(super) async fn leave_remote_room(
        self: &Arc<Self>,
        who: &Requester,
        room_id: OwnedRoomId,
        reason: Option<String>,
    ) -> Result<()> {
        let Some(before) = self.parts.federation.membership_elsewhere(who, &room_id).await? else {
            // This server has joined the room meanwhile.
            return self.parts.rooms.leave(who, room_id, reason).await;
        };
        if !matches!(before.row.membership, Membership::Invite | Membership::Knock) {
            return Ok(());
        }
        let (core, user, room) = (Arc::clone(&self.core), who.user, room_id.clone());
        // Recorded in the transaction that ends the membership here, so that a crash cannot lose the notification.
        let tell_later = move |tx: &mut WriteTx<'_>, left, via| {
            let action = DurableAction::WithdrawMembership { room_id: room, left, via };
            action.insert(&core, tx, user).map(|sn| (sn, action))
        };
        let untold = self.parts.federation.leave_remote_room(who, &room_id, before, reason, tell_later).await?;
        if let Some((sn, action)) = untold {
            // Dropping the promise schedules its first try.
            drop(self.journal.promise(sn, user, action, self.core.now_ms()));
        }
        Ok(())
    }

    /// Leaves all rooms that a user has joined, is invited to, or has knocked on.
    ///
    /// One transaction for each room lets other writes run in between. A failed room does not stop the others; the
    /// last error is returned. Rooms that refuse the leave (a policy server may) are skipped: a retry would change
    /// nothing.
    pub(super) async fn leave_all_rooms(self: &Arc<Self>, who: &Requester) -> Result<()> {
        let mut refused = HashSet::new();
        // Read again after each round, because an invite may arrive during it.
        for _ in 0..limits::LEAVE_ALL_ROUNDS_MAX {
            let mut found = self.rooms_to_leave(who).await?;
            found.retain(|room_id| !refused.contains(room_id));
            if found.is_empty() {
                return Ok(());
            }
            let mut failed = None;
            for room_id in found {
                let Err(error) = self.leave(who, room_id.clone(), None).await else { continue };
                tracing::debug!(room = %room_id, user = %who.user_id, %error, "Failed to leave a room; going on with the others.");
                if durable::is_final(&error) {
                    refused.insert(room_id);
                } else {
                    failed = Some(error);
                }
            }
            if let Some(error) = failed {
                return Err(error);
            }
        }
        Err(Error::broken("leaving all rooms does not come to an end"))
    }

    async fn rooms_to_leave(&self, who: &Requester) -> Result<Vec<OwnedRoomId>> {
        let user = who.user;
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let mut found = Vec::new();
            for row in memberships::of_user(tx.tx(), user)? {
                if matches!(row.membership, Membership::Join | Membership::Invite | Membership::Knock) {
                    found.extend(rooms::by_sn(tx.tx(), row.room)?.map(|room| find::id(&room)).transpose()?);
                }
            }
            Ok(found)
        };
        self.core.store.read("rooms_of_user", read).await
    }
}
