//! Closing an account for good. Here, above accounts and rooms, because it concerns both.

use hearth_base::Result;
use hearth_store::ids::{DeviceSn, UserSn};
use ruma::UserId;

use crate::{Domain, Requester};

impl Domain {
    /// Deactivates an account: it loses its password and its devices and leaves its rooms; with `erase` it loses its profile
    /// as well. The name is never given away again. Doing it twice does no harm, and finishes what was interrupted.
    pub async fn deactivate(&self, user: UserSn, user_id: &UserId, erase: bool) -> Result<()> {
        self.accounts.close(user, erase).await?;
        self.crypto.forget_user(user).await?;
        self.personal.forget_user(user).await?;
        self.delayed.forget_user(user).await?;
        self.federation.leave_all(&without_device(user, user_id)).await?;
        tracing::info!(user = %user_id, erase, "Deactivated an account.");
        Ok(())
    }
}

/// The user as one who acts without a device, since all are gone.
fn without_device(user: UserSn, user_id: &UserId) -> Requester {
    Requester {
        user,
        user_id: user_id.to_owned(),
        // No device has this number: positions begin at 1.
        device: DeviceSn(0),
        device_id: "".into(),
        admin: false,
        guest: false,
        locked: false,
        suspended: false,
        appservice: None,
    }
}
