//! Authentication of application services, as themselves or as one of their users (application-service API, "Identity
//! assertion").

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::Requester;
use hearth_store::ids::{DeviceSn, UserSn};
use hearth_store::tables::{accounts, devices};
use ruma::{OwnedDeviceId, OwnedUserId, UserId};

use super::{Appservices, Registration};

/// The identity that an application service asserts for one request.
#[derive(Debug, Clone, Default)]
pub struct AssertedIdentity {
    /// The user; `None` for the service's own user.
    pub user: Option<String>,
    /// A device of that user; `None` for no device.
    pub device: Option<String>,
}

impl Appservices {
    /// The application service of a token.
    #[must_use]
    pub fn by_token(&self, token: &str) -> Option<Arc<Registration>> {
        self.core.appservices.by_token(token)
    }

    /// The requester for an asserted identity.
    ///
    /// Refuses with `M_FORBIDDEN` users that are outside its namespaces or have no account, `M_USER_DEACTIVATED`, and
    /// `M_UNKNOWN_DEVICE`. Does not refuse locked and suspended users: the caller knows what they may still do.
    #[boxed]
    pub async fn requester(&self, service: Arc<Registration>, guise: AssertedIdentity) -> Result<Requester> {
        let user_id = self.assumed(&service, guise.user)?;
        let (localpart, device_id) = (user_id.localpart().to_owned(), guise.device);
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let Some(account) = accounts::by_name(tx.tx(), &localpart)? else { return Err(unregistered()) };
            let device = device_id.map(|id| device(tx.tx(), account.user, &id)).transpose()?;
            Ok((account, device))
        };
        let (account, device) = self.core.store.read("appservice_authenticate", read).await?;
        if account.deactivated_ms.is_some() {
            return Err(refuse(Reason::UserDeactivated, "This account has been deactivated."));
        }
        let (device, device_id) = device.unwrap_or_else(|| (Requester::no_device(account.user), "".into()));
        Ok(Requester {
            user: account.user,
            user_id,
            device,
            device_id,
            admin: account.is(accounts::ADMIN),
            guest: false,
            locked: account.is(accounts::LOCKED),
            suspended: account.is(accounts::SUSPENDED),
            appservice: Some(service),
        })
    }

    /// The user of an asserted identity, if the service may act as that user.
    fn assumed(&self, service: &Registration, user: Option<String>) -> Result<OwnedUserId> {
        let Some(user) = user else { return Ok(service.sender.clone()) };
        let user = UserId::parse(user).map_err(|_| Error::invalid("`user_id` in the query is not a user id."))?;
        if !self.core.is_local(&user) || !service.owns_user(&user) {
            return Err(Error::forbidden(format!(
                "{user} is not in the namespaces of {:?}: see its registration.",
                service.id
            )));
        }
        Ok(user)
    }
}

fn unregistered() -> Error {
    Error::forbidden("The application service has not registered this user: do that first.")
}

fn device(tx: &mut dyn hearth_store::engine::Tx, user: UserSn, id: &str) -> Result<(DeviceSn, OwnedDeviceId)> {
    let known = if id.is_empty() || id.len() > limits::ID_BYTES_MAX || id.contains('\0') {
        None
    } else {
        devices::find(tx, user, id)?
    };
    let row = known.ok_or_else(|| refuse(Reason::UnknownDevice, "The user has no device of the id in `device_id`."))?;
    Ok((row.sn, row.id.into()))
}
