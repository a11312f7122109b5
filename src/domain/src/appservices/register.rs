//! Registration of an application service's users (application-service API, "Server admin style permissions").

use hearth_base::boxed;
use hearth_base::{Reason, Result, error::refuse};
use hearth_core::username;
use hearth_users::accounts::{Authority, DeviceRequest, LoggedIn, NewAccount};
use ruma::OwnedUserId;

use super::{Appservices, Registration};

impl Appservices {
    /// Creates a user without a password, and with `device` logs them in.
    ///
    /// Refuses with `M_EXCLUSIVE` (outside its namespaces), `M_USER_IN_USE`, `M_INVALID_USERNAME`, `M_MISSING_PARAM`.
    #[boxed]
    pub async fn register(
        &self,
        service: &Registration,
        localpart: Option<String>,
        device: Option<DeviceRequest>,
    ) -> Result<(OwnedUserId, Option<LoggedIn>)> {
        let localpart =
            localpart.ok_or_else(|| refuse(Reason::MissingParam, "Say in `username` which user to register."))?;
        self.core.appservices.check_user(&username::parse(&localpart, &self.core.server_name)?, Some(service))?;
        let new = NewAccount {
            localpart: Some(localpart),
            displayname: None,
            password: None,
            admin: false,
            authority: Authority::Appservice,
        };
        self.accounts.register(new, device).await
    }
}
