//! Whose eyes a room is read through.

use hearth_store::ids::{DeviceSn, UserSn};
use ruma::UserId;

use crate::Requester;

/// A user who reads, on one of their devices.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// The user's serial number.
    pub user: UserSn,
    /// The user.
    pub user_id: &'a UserId,
    /// The device, which recognises what it sent itself; none for whoever reads on the user's behalf.
    pub device: Option<DeviceSn>,
}

impl<'a> From<&'a Requester> for Reader<'a> {
    fn from(requester: &'a Requester) -> Self {
        Self { user: requester.user, user_id: &requester.user_id, device: Some(requester.device) }
    }
}
