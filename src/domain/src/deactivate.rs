//! Closing an account for good. Here, above accounts and rooms, because it concerns both.

use hearth_base::Result;
use hearth_store::ids::UserSn;
use ruma::UserId;

use crate::Domain;

impl Domain {
    /// Deactivates an account: it loses its password and its devices, and with `erase` what it said is kept from whoever
    /// joins later. The name is never given away again. Doing it twice does no harm.
    pub async fn deactivate(&self, user: UserSn, user_id: &UserId, erase: bool) -> Result<()> {
        self.accounts.close(user, erase).await?;
        self.crypto.forget_user(user).await?;
        self.personal.forget_user(user).await?;
        tracing::info!(user = %user_id, erase, "An account was deactivated.");
        Ok(())
    }
}
