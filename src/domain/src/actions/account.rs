//! Account management of the requester: password, deactivation, and logout (client-server API, "Account management").

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::Result;
use hearth_core::Requester;
use hearth_core::also::{self, Also};
use hearth_rooms::delayed;
use hearth_store::WriteTx;
use hearth_store::ids::UserSn;
use hearth_users::{crypto, personal};
use ruma::UserId;

use super::Actions;
use super::durable::{self, DurableAction};

impl Actions {
    /// Changes the requester's password. `log_out_others` also logs out all of their other devices.
    ///
    /// Durability: one transaction.
    #[boxed]
    pub async fn change_password(&self, who: &Requester, password: String, log_out_others: bool) -> Result<()> {
        let kept = Some(who.device);
        self.parts.accounts.set_password(who.user, password, log_out_others, kept, also::nothing()).await
    }

    /// Deactivates the requester's account: removes its password, its devices and its server-side data, and leaves its
    /// rooms. `erase` also removes the profile. The user name is never reused. The call is idempotent.
    ///
    /// Durability: durable job. One transaction closes the account and clears its data; the rooms are left after that
    /// commit, and a room that fails is retried.
    #[boxed]
    pub async fn deactivate(self: &Arc<Self>, who: &Requester, erase: bool) -> Result<()> {
        self.close_account(who.user, &who.user_id, erase, also::nothing()).await
    }

    /// Same as [`Actions::deactivate`], for any account. `also` runs in the first transaction.
    pub(super) async fn close_account(
        self: &Arc<Self>,
        user: UserSn,
        user_id: &UserId,
        erase: bool,
        also: Also,
    ) -> Result<()> {
        let (this, user_id) = (Arc::clone(self), user_id.to_owned());
        self.finish(async move {
            let core = Arc::clone(&this.core);
            let forget = move |tx: &mut WriteTx<'_>| {
                crypto::forget_user(&core, tx, user)?;
                personal::forget_user(tx, user)?;
                delayed::forget_user(&core, tx, user)?;
                also(tx)?;
                DurableAction::LeaveAllRooms.insert(&core, tx, user)
            };
            let sn = this.parts.accounts.close(user, erase, forget).await?;
            tracing::info!(user = %user_id, erase, "An account was deactivated.");
            let promise = this.journal.promise(sn, user, DurableAction::LeaveAllRooms, this.core.now_ms());
            let read = move |tx: &mut hearth_store::ReadTx<'_>| durable::without_device(tx.tx(), user);
            let (who, _) = this.core.store.read("action_user", read).await?;
            match this.leave_all_rooms(&who).await {
                Ok(()) => this.fulfil(promise).await,
                // The account is closed, which is what the client asked for; the durable job retries the rooms.
                Err(error) => tracing::warn!(user = %user_id, %error, "A deactivated user has yet to leave rooms."),
            }
            Ok(())
        })
        .await
    }

    /// Ends the session of the request and deletes its device.
    ///
    /// Durability: one transaction.
    #[boxed]
    pub async fn log_out(&self, who: &Requester) -> Result<()> {
        self.parts.accounts.log_out(who).await
    }

    /// Ends all sessions of the requester and deletes all of their devices.
    ///
    /// Durability: one transaction.
    #[boxed]
    pub async fn log_out_everywhere(&self, who: &Requester) -> Result<()> {
        self.parts.accounts.log_out_everywhere(who.user, |_, _| Ok(())).await
    }

    /// Deletes devices of the requester by id. Unknown ids are ignored.
    ///
    /// Durability: one transaction.
    #[boxed]
    pub async fn delete_devices(&self, who: &Requester, ids: Vec<String>) -> Result<()> {
        self.parts.accounts.delete_devices(who.user, ids).await
    }
}
