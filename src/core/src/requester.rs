//! The requester: the result of authentication, an argument of every action of a user.

use std::sync::Arc;

use crate::appservices::Registration;
use hearth_base::{Error, Result};
use hearth_store::ids::{DeviceSn, UserSn};
use ruma::{OwnedDeviceId, OwnedUserId, UserId};

/// An authenticated local user on one of their devices.
#[derive(Debug, Clone)]
pub struct Requester {
    /// The user's serial number in the database.
    pub user: UserSn,
    /// The full user id, such as `@alice:home.example`.
    pub user_id: OwnedUserId,
    /// The device's serial number in the database; see [`Requester::has_device`].
    pub device: DeviceSn,
    /// The device id that the client sees; empty without a device.
    pub device_id: OwnedDeviceId,
    /// Whether the user is a server administrator.
    pub admin: bool,
    /// Whether the account is a guest account, with restricted access.
    pub guest: bool,
    /// Locked by an administrator: may only log out.
    pub locked: bool,
    /// Suspended by an administrator: may only read, leave rooms and redact own events.
    pub suspended: bool,
    /// The application service that acts for the user; `None` for the user's own requests.
    pub appservice: Option<Arc<Registration>>,
}

impl Requester {
    /// A user without a device and without any right or restriction, for work that no request of theirs does: counting
    /// for a pusher, or an action resumed after a restart.
    #[must_use]
    pub fn without_device(user: UserSn, user_id: OwnedUserId) -> Self {
        Self {
            user,
            user_id,
            device: Self::no_device(user),
            device_id: "".into(),
            admin: false,
            guest: false,
            locked: false,
            suspended: false,
            appservice: None,
        }
    }

    /// The device number of a requester without a device. Devices have positive numbers, so this one is unique to the
    /// user and names no device.
    #[must_use]
    pub fn no_device(user: UserSn) -> DeviceSn {
        DeviceSn(-user.0)
    }

    /// `M_FORBIDDEN` when `user` is another user: for endpoints with the user id in the path.
    pub fn must_be(&self, user: &UserId) -> Result<()> {
        if *self.user_id == *user {
            return Ok(());
        }
        Err(Error::forbidden(format!("You are {}, and this belongs to {user}.", self.user_id)))
    }

    /// `M_FORBIDDEN` without administrator rights.
    pub fn must_administer(&self) -> Result<()> {
        if self.admin { Ok(()) } else { Err(Error::forbidden("Only an administrator of this server can do this.")) }
    }

    /// `M_INVALID_PARAM` for a requester without a device, as application services may be: for data that belongs to a
    /// device.
    pub fn must_have_device(&self) -> Result<()> {
        if self.has_device() {
            return Ok(());
        }
        Err(Error::invalid("This belongs to a device: say which one, with ?device_id= in the request."))
    }

    /// Whether the requester has a device; application services need none. Without one, `device` is a number that
    /// belongs to the user and to no device, which scopes transaction ids, and `device_id` is empty.
    #[must_use]
    pub fn has_device(&self) -> bool {
        !self.device_id.as_str().is_empty()
    }

    /// Whether rate limits do not apply: to an application service's own user, and to its other users if its
    /// registration disables `rate_limited` (application-service API, "Registration").
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        self.appservice.as_ref().is_some_and(|service| !service.rate_limited || service.sender == self.user_id)
    }
}
