//! Account status, set by administrators: admin, locked, suspended.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_core::Requester;
use hearth_core::also::{self, Also};
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::ids::UserSn;
use hearth_store::tables::accounts::{self as table, AccountRow};
use hearth_store::tables::{profiles, pushers, users};
use ruma::UserId;

use super::Accounts;
use crate::devices::purge;

/// A flag of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// The user may administer the server.
    Admin,
    /// The user cannot use the account, but keeps their sessions (`soft_logout`).
    Locked,
    /// The user may read, leave rooms and redact their own events, and nothing else.
    Suspended,
}

impl Flag {
    fn bit(self) -> i64 {
        match self {
            Self::Admin => table::ADMIN,
            Self::Locked => table::LOCKED,
            Self::Suspended => table::SUSPENDED,
        }
    }
}

impl Accounts {
    /// The account of a user ID; `M_NOT_FOUND` when it is not a local account.
    #[boxed]
    pub async fn account(&self, user_id: &UserId) -> Result<AccountRow> {
        let id = user_id.to_owned();
        let read = self.core.store.read("account", move |tx| match users::find(tx.tx(), id.as_str())? {
            Some(user) => table::get(tx.tx(), user),
            None => Ok(None),
        });
        read.await?.ok_or_else(|| Error::not_found("There is no such account on this server."))
    }

    /// Reads a flag of an account.
    #[boxed]
    pub async fn flag(&self, user_id: &UserId, flag: Flag) -> Result<bool> {
        Ok(self.account(user_id).await?.is(flag.bit()))
    }

    /// Reads whether an account is locked or suspended, for an administrator.
    ///
    /// `M_FORBIDDEN` for other users; `M_INVALID_PARAM` for users of other servers; `M_NOT_FOUND` for accounts that do
    /// not exist or are deactivated.
    #[boxed]
    pub async fn moderation(&self, requester: &Requester, user_id: &UserId, flag: Flag) -> Result<bool> {
        Ok(self.moderated(requester, user_id).await?.is(flag.bit()))
    }

    /// Locks or suspends an account, or reverts that. Errors as [`Accounts::moderation`]; also refuses the requester's
    /// own account and those of other administrators.
    #[boxed]
    pub async fn moderate(&self, requester: &Requester, user_id: &UserId, flag: Flag, on: bool) -> Result<()> {
        let row = self.moderated(requester, user_id).await?;
        if on && row.is(table::ADMIN) {
            return Err(Error::forbidden("Administrators cannot be locked or suspended this way."));
        }
        self.set_flag(row.user, flag, on, also::nothing()).await
    }

    async fn moderated(&self, requester: &Requester, user_id: &UserId) -> Result<AccountRow> {
        requester.must_administer()?;
        if !self.core.is_local(user_id) {
            return Err(Error::invalid("This is a user of another server: only its own server can do that."));
        }
        let row = self.account(user_id).await?;
        if row.deactivated_ms.is_some() {
            return Err(Error::not_found("This account has been deactivated."));
        }
        Ok(row)
    }

    /// Sets or clears a flag of an account; `also` runs in the same transaction. It applies from the user's next
    /// request on, and to syncs that are waiting.
    #[boxed]
    pub async fn set_flag(&self, user: UserSn, flag: Flag, on: bool, also: Also) -> Result<()> {
        let (core, sessions) = (Arc::clone(&self.core), Arc::clone(&self.sessions));
        let write = self.core.store.write("account_flag", move |tx| {
            let row = table::get(tx.tx(), user)?.ok_or_else(|| Error::not_found("There is no such account."))?;
            let flags = if on { row.flags | flag.bit() } else { row.flags & !flag.bit() };
            also(tx)?;
            if flags == row.flags {
                return Ok(());
            }
            table::set_flags(tx.tx(), user, flags)?;
            purge::wake(&core, tx, user);
            tell(&core, tx, user);
            sessions.reread_after(tx, user)
        });
        write.await
    }

    /// Deactivates an account: removes its password and devices; `also` runs in the same transaction. The caller
    /// handles the user's other data and their rooms (`Actions::deactivate`).
    pub async fn close<T: Send + 'static>(
        &self,
        user: UserSn,
        erase: bool,
        also: impl FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (core, sessions) = (Arc::clone(&self.core), Arc::clone(&self.sessions));
        let write = self.core.store.write("account_close", move |tx| {
            let row = table::get(tx.tx(), user)?.ok_or_else(|| Error::not_found("There is no such account."))?;
            let erased = if erase { table::ERASED } else { 0 };
            let flags = (row.flags | erased) & !table::ADMIN;
            // A repeated deactivation keeps the time of the first one.
            table::deactivate(tx.tx(), user, row.deactivated_ms.unwrap_or_else(|| core.now_ms()), flags)?;
            pushers::erase(tx.tx(), user)?;
            if erase {
                profiles::erase(tx.tx(), user)?;
            }
            tell(&core, tx, user);
            erased_changed(&core, tx);
            super::log_out::end_all(&core, &sessions, tx, user)?;
            also(tx)
        });
        let done = write.await?;
        // After the commit, because these tokens live in memory. A login between the commit and this line fails in
        // `check_usable`.
        self.revoke_login_tokens(user);
        Ok(done)
    }

    /// Reactivates an account, without a password: an administrator sets one next.
    #[boxed]
    pub async fn reopen(&self, user: UserSn) -> Result<()> {
        let core = Arc::clone(&self.core);
        let write = self.core.store.write("account_reopen", move |tx| {
            let row = table::get(tx.tx(), user)?.ok_or_else(|| Error::not_found("There is no such account."))?;
            tell(&core, tx, user);
            erased_changed(&core, tx);
            table::reactivate(tx.tx(), user, row.flags & !table::ERASED)
        });
        write.await
    }
}

/// Reloads the set of erased users when the transaction commits.
fn erased_changed(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>) {
    let core = Arc::clone(core);
    tx.after_commit(move || core.erased.changed());
}

/// Invalidates the caches of account status when the transaction commits.
fn tell(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, user: UserSn) {
    let core = Arc::clone(core);
    tx.after_commit(move || core.notifier.account_status_changed(user));
}
