//! Registration of accounts, for the API and the page of an invite link: there is one way in.

use std::sync::Arc;

use hearth_base::boxed;
use hearth_base::{Error, Reason, Result};
use hearth_core::Requester;
use hearth_rooms::JoinContent;
use hearth_store::WriteTx;
use hearth_store::ids::UserSn;
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::users;
use hearth_users::accounts::{DeviceRequest, Flag, LoggedIn, NewAccount, Registered};
use ruma::{OwnedRoomId, OwnedUserId, RoomId, UserId};

use super::Actions;
use super::durable::{self, DurableAction, Promise, is_final};

impl Actions {
    /// Creates an account and, with `device`, logs it in. The rooms of a registration token are joined before this
    /// returns, so that the first sync has them; one that cannot be joined now is tried again, and changes nothing
    /// about the account.
    ///
    /// Errors of [`hearth_users::accounts::Accounts::register`].
    ///
    /// Durability: one transaction; joining the rooms of a registration token is a durable job for each.
    #[boxed]
    pub async fn register(
        self: &Arc<Self>,
        new: NewAccount,
        device: Option<DeviceRequest>,
    ) -> Result<(OwnedUserId, Option<LoggedIn>)> {
        let this = Arc::clone(self);
        self.finish(async move {
            let core = Arc::clone(&this.core);
            let with = move |tx: &mut WriteTx<'_>, registered: &Registered| {
                let Some(token) = &registered.token else { return Ok((registered.user, Vec::new())) };
                let rows = token.rooms.iter().map(|room_id| {
                    let action =
                        DurableAction::JoinInvited { room_id: room_id.clone(), inviter: token.contact.clone() };
                    action.insert(&core, tx, registered.user).map(|sn| (sn, action))
                });
                Ok((registered.user, rows.collect::<Result<Vec<_>>>()?))
            };
            let (user_id, logged_in, (user, joins)) = this.parts.accounts.register_with(new, device, with).await?;
            let now_ms = this.core.now_ms();
            let promises = joins.into_iter().map(|(sn, action)| this.journal.promise(sn, user, action, now_ms));
            this.join_rooms_of_token(user, promises.collect()).await;
            Ok((user_id, logged_in))
        })
        .await
    }

    async fn join_rooms_of_token(&self, user: UserSn, promises: Vec<Promise>) {
        if promises.is_empty() {
            return;
        }
        let read = move |tx: &mut hearth_store::ReadTx<'_>| durable::without_device(tx.tx(), user);
        let who = match self.core.store.read("action_user", read).await {
            Ok((who, _)) => who,
            // Dropping the promises schedules the joins.
            Err(error) => return tracing::warn!(%error, "The rooms of a new user are joined later."),
        };
        for promise in promises {
            let Some(DurableAction::JoinInvited { room_id, inviter }) = promise.action().cloned() else { continue };
            match self.join_invited(&who, room_id.clone(), inviter).await {
                Ok(()) => self.fulfil(promise).await,
                Err(error) => {
                    let user = &who.user_id;
                    tracing::warn!(room = %room_id, %user, %error, "Failed to join a room of an invite link.");
                    if is_final(&error) {
                        self.fulfil(promise).await;
                    }
                }
            }
        }
    }

    /// Joins a room of a registration token, with an invite of `inviter` if the room needs one. Repeating it changes
    /// nothing, also when the user has left the room meanwhile.
    pub(super) async fn join_invited(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        inviter: Option<OwnedUserId>,
    ) -> Result<()> {
        if !matches!(self.membership(who.user, &room_id).await?, None | Some(Membership::Invite)) {
            return Ok(());
        }
        if !self.parts.federation.is_own(&room_id).await? {
            return Err(Error::not_found(format!("This server is not in {room_id} any more.")));
        }
        match self.join_own_room(who, room_id.clone(), JoinContent::default()).await {
            Err(error) if needs_invite(&error) => {}
            done => return done.map(drop),
        }
        let inviter = inviter.ok_or_else(|| Error::forbidden(format!("{room_id} has become private.")))?;
        let inviter = self.requester(&inviter).await?;
        self.parts.rooms.invite(&inviter, room_id.clone(), who.user_id.clone(), None).await?;
        self.join_own_room(who, room_id, JoinContent::default()).await.map(drop)
    }

    async fn membership(&self, user: UserSn, room_id: &RoomId) -> Result<Option<Membership>> {
        let room_id = room_id.to_owned();
        let read = move |tx: &mut hearth_store::ReadTx<'_>| match hearth_rooms::find::known(tx.tx(), &room_id)? {
            Some(room) => hearth_rooms::find::membership_status(tx.tx(), &room, user),
            None => Ok(None),
        };
        self.core.store.read("action_membership", read).await
    }

    /// A local user as a requester. `M_FORBIDDEN` for accounts that may not act: deactivated, locked or suspended.
    async fn requester(&self, user_id: &UserId) -> Result<Requester> {
        for flag in [Flag::Locked, Flag::Suspended] {
            if self.parts.accounts.flag(user_id, flag).await? {
                return Err(Error::forbidden(format!("{user_id} cannot invite: the account is locked or suspended.")));
            }
        }
        let name = user_id.to_string();
        let read = move |tx: &mut hearth_store::ReadTx<'_>| match users::find(tx.tx(), &name)? {
            Some(user) => durable::without_device(tx.tx(), user).map(Some),
            None => Ok(None),
        };
        match self.core.store.read("action_user", read).await? {
            Some((who, false)) => Ok(who),
            _ => Err(Error::forbidden(format!("{user_id} has no account any more and cannot invite."))),
        }
    }
}

/// Whether an invite could help where a join was refused.
fn needs_invite(error: &Error) -> bool {
    matches!(error.reason(), Some(Reason::Forbidden | Reason::UnableToAuthoriseJoin | Reason::UnableToGrantJoin))
}
