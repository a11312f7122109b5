//! The user for whom a room is read.

use hearth_core::Requester;
use hearth_store::ids::{DeviceSn, UserSn};
use ruma::UserId;

/// A user who reads, on one of their devices.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// Serial number of the user.
    pub user: UserSn,
    /// User id.
    pub user_id: &'a UserId,
    /// The device, to match its local echo; none for reads on the user's behalf.
    pub device: Option<DeviceSn>,
}

impl<'a> From<&'a Requester> for Reader<'a> {
    fn from(requester: &'a Requester) -> Self {
        Self { user: requester.user, user_id: &requester.user_id, device: Some(requester.device) }
    }
}
