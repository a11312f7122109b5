//! Login of an application service's users, without a password (`m.login.application_service`).

use hearth_base::boxed;
use hearth_base::{Error, Result};
use hearth_core::username;
use hearth_users::accounts::{DeviceRequest, LoggedIn};

use super::{Appservices, Registration};

impl Appservices {
    /// Logs in `alice` or `@alice:here`. Refuses with `M_EXCLUSIVE` users outside the service's namespaces, and with
    /// `M_FORBIDDEN` users without an account.
    #[boxed]
    pub async fn log_in(&self, service: &Registration, name: &str, device: DeviceRequest) -> Result<LoggedIn> {
        let localpart = self.accounts.localpart_of(name);
        let localpart = localpart.ok_or_else(|| Error::forbidden(format!("{name:?} is not a user of this server.")))?;
        let user_id = username::parse(&localpart, &self.core.server_name)?;
        self.core.appservices.check_user(&user_id, Some(service))?;
        self.accounts.log_in_trusted(&user_id, device).await
    }
}
