//! Opening a session for a user of an application service, which needs no password (`m.login.application_service`).

use hearth_base::{Error, Result};

use super::{Appservices, Registration};
use crate::accounts::{DeviceRequest, LoggedIn, parse_username};

impl Appservices {
    /// Logs in a user, called `alice` or `@alice:here`. Refuses with `M_EXCLUSIVE` users that are not in its namespaces, and
    /// with `M_FORBIDDEN` those without an account.
    pub async fn log_in(&self, service: &Registration, name: &str, device: DeviceRequest) -> Result<LoggedIn> {
        let localpart = self.accounts.localpart_of(name);
        let localpart = localpart.ok_or_else(|| Error::forbidden(format!("{name:?} is not a user of this server.")))?;
        let user_id = parse_username(&localpart, &self.core.server_name)?;
        self.core.appservices.check_user(&user_id, Some(service))?;
        self.accounts.log_in_trusted(&user_id, device).await
    }
}
