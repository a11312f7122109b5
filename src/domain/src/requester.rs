//! Who asks: the result of authentication, which every use case of a user takes.

use hearth_base::{Error, Result};
use hearth_store::ids::{DeviceSn, UserSn};
use ruma::{OwnedDeviceId, OwnedUserId, UserId};

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
}
