//! Actions of administrators through the admin API.
//!
//! An action and its audit log entry are committed together or not at all. Actions that change only memory (relay
//! allocations, jobs, retrying a server) have no transaction: they run first and are recorded after, on their own
//! task, so that a client that hangs up does not separate the two. After a crash in between, the memory that they
//! acted on is gone too.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::config::RegistrationMode;
use hearth_base::{Error, Result};
use hearth_core::jobs::Job;
use hearth_core::keys;
use hearth_federation::outbox::Destination;
use hearth_store::WriteTx;
use hearth_users::accounts::{Flag, NewRegistrationToken};
use hearth_users::push::delivery::PusherTest;
use ruma::{OwnedRoomOrAliasId, OwnedUserId, UserId};

use super::Actions;
use crate::admin::audit::Note;
use crate::admin::{RegistrationTokenRow, UserToCreate};

impl Actions {
    /// Creates an account. Without a given password, generates one and returns it; it is not shown again.
    ///
    /// Durability: one transaction.
    #[boxed]
    pub async fn admin_create_user(&self, actor: &str, new: UserToCreate) -> Result<(OwnedUserId, Option<String>)> {
        let detail = if new.admin { "administrator" } else { "" };
        let user_id = self.parts.admin.user_id(&new.name.to_lowercase())?;
        let note = Note::new(actor, "user.create", user_id.as_str(), detail);
        self.parts.admin.create_user(user_id, new, note.also(&self.core)).await
    }

    /// Sets an account's password. Without a given password, generates one and returns it.
    ///
    /// Durability: one transaction.
    #[boxed]
    pub async fn admin_reset_password(
        &self,
        actor: &str,
        name: &str,
        password: Option<String>,
        log_out: bool,
    ) -> Result<Option<String>> {
        let user_id = self.parts.admin.user_id(name)?;
        let detail = if log_out { "logged out everywhere" } else { "" };
        let note = Note::new(actor, "user.password", user_id.as_str(), detail);
        self.parts.admin.reset_password(&user_id, password, log_out, note.also(&self.core)).await
    }

    /// Deactivates an account, as [`Actions::deactivate`].
    ///
    /// Durability: durable job.
    #[boxed]
    pub async fn admin_deactivate(self: &Arc<Self>, actor: &str, name: &str, erase: bool) -> Result<()> {
        let user_id = self.parts.admin.user_id(name)?;
        let account = self.parts.accounts.account(&user_id).await?;
        let detail = if erase { "erased" } else { "" };
        let note = Note::new(actor, "user.deactivate", user_id.as_str(), detail);
        self.close_account(account.user, &user_id, erase, note.also(&self.core)).await
    }

    /// Ends all sessions of an account. Returns their number.
    ///
    /// Durability: one transaction.
    #[boxed]
    pub async fn admin_log_out(&self, actor: &str, name: &str) -> Result<u64> {
        let user_id = self.parts.admin.user_id(name)?;
        let account = self.parts.accounts.account(&user_id).await?;
        let (core, actor) = (Arc::clone(&self.core), actor.to_owned());
        let note = move |tx: &mut WriteTx<'_>, devices: u64| {
            Note::new(&actor, "user.logout", user_id.as_str(), &format!("devices {devices}")).insert(&core, tx)?;
            Ok(devices)
        };
        self.parts.accounts.log_out_everywhere(account.user, note).await
    }

    /// Sets or clears an account's flag.
    ///
    /// Durability: one transaction.
    #[boxed]
    pub async fn admin_set_flag(&self, actor: &str, name: &str, flag: Flag, on: bool) -> Result<()> {
        let user_id = self.parts.admin.user_id(name)?;
        let account = self.parts.accounts.account(&user_id).await?;
        let action = match (flag, on) {
            (Flag::Admin, true) => "user.grant_admin",
            (Flag::Admin, false) => "user.revoke_admin",
            (Flag::Locked, true) => "user.lock",
            (Flag::Locked, false) => "user.unlock",
            (Flag::Suspended, true) => "user.suspend",
            (Flag::Suspended, false) => "user.unsuspend",
        };
        let note = Note::new(actor, action, user_id.as_str(), "");
        self.parts.accounts.set_flag(account.user, flag, on, note.also(&self.core)).await
    }

    /// Creates a registration token that joins `rooms`. Errors of
    /// [`hearth_users::accounts::Accounts::make_registration_token`], and `M_NOT_FOUND` for unknown aliases.
    ///
    /// Durability: one transaction.
    #[boxed]
    pub async fn admin_create_registration_token(
        &self,
        actor: &str,
        mut new: NewRegistrationToken,
        rooms: Vec<OwnedRoomOrAliasId>,
    ) -> Result<RegistrationTokenRow> {
        for room in rooms {
            new.rooms.push(self.find_room(room, Vec::new()).await?.0);
        }
        new.creator = Some(actor.to_owned());
        let uses = new.uses_max.map_or_else(|| "without limit".to_owned(), |uses| format!("uses {uses}"));
        let (core, actor) = (Arc::clone(&self.core), actor.to_owned());
        let note = move |tx: &mut WriteTx<'_>, token: &str| {
            Note::new(&actor, "registration_token.create", &beginning(token), &uses).insert(&core, tx)
        };
        self.parts.accounts.make_registration_token(new, note).await
    }

    /// Changes who may register, until the server stops; the configuration decides at the next start.
    ///
    /// Durability: finished.
    #[boxed]
    pub async fn admin_set_registration_mode(self: &Arc<Self>, actor: &str, mode: RegistrationMode) -> Result<()> {
        let (this, note) = (Arc::clone(self), Note::new(actor, "registration.mode", "", mode.as_str()));
        self.finish(async move {
            let note = note.also(&this.core);
            this.parts.accounts.set_registration_mode(mode, note).await
        })
        .await
    }

    /// Deletes a registration token; `M_NOT_FOUND` if there is none.
    ///
    /// Durability: one transaction.
    #[boxed]
    pub async fn admin_revoke_registration_token(&self, actor: &str, token: &str) -> Result<()> {
        let note = Note::new(actor, "registration_token.revoke", &beginning(token), "");
        self.parts.accounts.delete_registration_token(token, note.also(&self.core)).await
    }

    /// Creates a new signing key, signs with it from now on, and returns its id.
    ///
    /// Durability: one transaction.
    #[boxed]
    pub async fn admin_rotate_signing_key(&self, actor: &str) -> Result<String> {
        let (core, actor) = (Arc::clone(&self.core), actor.to_owned());
        let note =
            move |tx: &mut WriteTx<'_>, id: &str| Note::new(&actor, "signing_key.rotate", id, "").insert(&core, tx);
        keys::rotate(&self.core, note).await
    }

    /// Retries sending to a server immediately, whatever its back-off.
    ///
    /// Durability: finished.
    #[boxed]
    pub async fn admin_retry_destination(self: &Arc<Self>, actor: &str, server: &str) -> Result<Destination> {
        let (this, server) = (Arc::clone(self), server.to_owned());
        let note = Note::new(actor, "federation.retry", &server, "");
        self.finish(async move {
            let destination = this.parts.federation.retry(&server).await?;
            this.parts.admin.note(note).await?;
            Ok(destination)
        })
        .await
    }

    /// Sends a test to each pusher of a user, and returns the gateways' answers. `M_NOT_FOUND` for a user without pushers.
    ///
    /// Durability: finished.
    #[boxed]
    pub async fn admin_test_pushers(self: &Arc<Self>, actor: &str, user_id: &UserId) -> Result<Vec<PusherTest>> {
        let (this, user_id) = (Arc::clone(self), user_id.to_owned());
        let note = Note::new(actor, "push.test", user_id.as_str(), "");
        self.finish(async move {
            let tests = this.parts.delivery.test(&user_id).await?;
            this.parts.admin.note(note).await?;
            Ok(tests)
        })
        .await
    }

    /// Cancels a job; it stops at its next step. `M_NOT_FOUND` for an unknown job.
    ///
    /// Durability: finished.
    #[boxed]
    pub async fn admin_cancel_job(self: &Arc<Self>, actor: &str, id: &str) -> Result<Job> {
        let job = id.parse().ok().and_then(|id| self.parts.admin.jobs.cancel(id));
        let job = job.ok_or_else(|| Error::not_found("There is no such job; `jobs` lists those that there are."))?;
        let (this, note) = (Arc::clone(self), Note::new(actor, "job.cancel", id, job.name));
        self.finish(async move { this.parts.admin.note(note).await }).await?;
        Ok(job)
    }

    /// Notes in the audit log that an operator asked for new certificates. Whether one is issued is in the log.
    ///
    /// Durability: one transaction.
    #[boxed]
    pub async fn admin_note_renewal(&self, actor: &str) -> Result<()> {
        self.parts.admin.note(Note::new(actor, "certificates.renew", "", "")).await
    }

    /// Ends an allocation of the relay. `M_NOT_FOUND` for an unknown allocation.
    ///
    /// Durability: finished.
    #[boxed]
    pub async fn admin_end_allocation(self: &Arc<Self>, actor: &str, id: &str) -> Result<()> {
        let unknown = "There is no such relayed address; `ctl turn list` lists those that there are.";
        let number = id.parse().map_err(|_| Error::not_found(unknown))?;
        let (this, note) = (Arc::clone(self), Note::new(actor, "relay.end", id, ""));
        self.finish(async move {
            if !this.parts.calls.end(number).await {
                return Err(Error::not_found(unknown));
            }
            this.parts.admin.note(note).await
        })
        .await
    }

    /// Ends all allocations of a user. Returns their number.
    ///
    /// Durability: finished.
    #[boxed]
    pub async fn admin_end_allocations(self: &Arc<Self>, actor: &str, name: &str) -> Result<u64> {
        let user_id = self.parts.admin.user_id(name)?;
        let (this, actor) = (Arc::clone(self), actor.to_owned());
        self.finish(async move {
            let allocations = this.parts.calls.end_all(user_id.as_str()).await as u64;
            let detail = format!("addresses {allocations}");
            this.parts.admin.note(Note::new(&actor, "relay.end_all", user_id.as_str(), &detail)).await?;
            Ok(allocations)
        })
        .await
    }
}

/// The first characters of a token: enough to identify it, too few to use it. A reader of the audit log must not be
/// able to register an account.
fn beginning(token: &str) -> String {
    let shown: String = token.chars().take(4).collect();
    format!("{shown}…")
}
