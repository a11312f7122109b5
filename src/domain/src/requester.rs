//! Who asks: the result of authentication, which every use case of a user takes.

use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_store::ids::{DeviceSn, UserSn};
use ruma::{OwnedDeviceId, OwnedUserId, UserId};

use crate::appservices::Registration;

/// An authenticated user of this server, on one of their devices.
#[derive(Debug, Clone)]
pub struct Requester {
    /// The user's serial number.
    pub user: UserSn,
    /// The user.
    pub user_id: OwnedUserId,
    /// The device's serial number.
    pub device: DeviceSn,
    /// The device.
    pub device_id: OwnedDeviceId,
    /// May administer the server.
    pub admin: bool,
    /// Registered as a guest, who may do little.
    pub guest: bool,
    /// Locked by an administrator: may do nothing but log out.
    pub locked: bool,
    /// Suspended by an administrator: may read, leave and take back, and nothing else.
    pub suspended: bool,
    /// The application service that asks in the user's name; none when the user asks.
    pub appservice: Option<Arc<Registration>>,
}

impl Requester {
    /// Refuses with `M_FORBIDDEN` when `user` is somebody else: for paths that name the user they act on.
    pub fn must_be(&self, user: &UserId) -> Result<()> {
        if *self.user_id == *user {
            return Ok(());
        }
        Err(Error::forbidden(format!("You are {}, and this belongs to {user}.", self.user_id)))
    }

    /// Refuses with `M_FORBIDDEN` whoever does not administer the server.
    pub fn must_administer(&self) -> Result<()> {
        if self.admin { Ok(()) } else { Err(Error::forbidden("Only an administrator of this server can do this.")) }
    }

    /// Refuses with `M_INVALID_PARAM` whoever acts without a device, as application services may: for what a device holds.
    pub fn must_have_device(&self) -> Result<()> {
        if self.has_device() {
            return Ok(());
        }
        Err(Error::invalid("This belongs to a device: say which one, with ?device_id= in the request."))
    }

    /// Whether the requester acts on a device; application services need not. Without one, `device` is a number that is the
    /// user's own and no device's, under which transactions are told apart, and `device_id` is empty.
    #[must_use]
    pub fn has_device(&self) -> bool {
        !self.device_id.as_str().is_empty()
    }

    /// Whether no rate limit holds: for an application service as itself, and for its users if its registration says so
    /// (application-service API, "Registration", `rate_limited`).
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        self.appservice.as_ref().is_some_and(|service| !service.rate_limited || service.sender == self.user_id)
    }
}
