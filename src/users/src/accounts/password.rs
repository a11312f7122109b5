//! Changing a password.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_core::also::Also;
use hearth_store::ids::{DeviceSn, UserSn};
use hearth_store::tables::accounts as table;

use super::{Accounts, log_out};

impl Accounts {
    /// Sets the password of a user who has authenticated, or on behalf of an administrator. With `log_out_others`, logs
    /// out all devices but `kept`. `also` runs in the same transaction.
    #[boxed]
    pub async fn set_password(
        &self,
        user: UserSn,
        password: String,
        log_out_others: bool,
        kept: Option<DeviceSn>,
        also: Also,
    ) -> Result<()> {
        self.hasher.check_strength(&password)?;
        // Hash before the transaction: it is slow, and all writes wait for the writer thread.
        let hash = self.hasher.hash(password).await?;
        let (core, sessions) = (Arc::clone(&self.core), Arc::clone(&self.sessions));
        let write = self.core.store.write("password_set", move |tx| {
            let account = table::get(tx.tx(), user)?.ok_or_else(|| Error::not_found("There is no such account."))?;
            if account.deactivated_ms.is_some() {
                return Err(Error::forbidden("This account has been deactivated: no password can log in to it."));
            }
            table::set_password(tx.tx(), user, Some(&hash))?;
            also(tx)?;
            if log_out_others {
                log_out::end_all_but(&core, &sessions, tx, user, kept)?;
            }
            Ok(())
        });
        write.await?;
        if log_out_others {
            self.revoke_login_tokens(user);
        }
        Ok(())
    }
}
