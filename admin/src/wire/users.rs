//! Local accounts: `/api/v1/users`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One row of `GET /api/v1/users`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSummary {
    /// Full Matrix id, `@name:server`.
    pub user_id: String,
    /// What the user calls themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// May administer the server.
    pub admin: bool,
    /// Closed for good: cannot log in, the name stays taken.
    pub deactivated: bool,
    /// Shut out until unlocked; devices and data stay.
    pub locked: bool,
    /// When the account was made.
    pub created_ms: u64,
    /// Last authenticated request; absent if never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_ms: Option<u64>,
    /// Devices logged in.
    pub devices: u64,
    /// Rooms joined.
    pub joined_rooms: u64,
    /// Bytes of media uploaded.
    pub media_bytes: u64,
}

/// `GET /api/v1/users/{user}`: the row and what hangs on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserDetail {
    /// The row of the list.
    #[serde(flatten)]
    pub summary: UserSummary,
    /// Devices logged in, most recently seen first.
    #[serde(default)]
    pub device_list: Vec<Device>,
    /// Rooms joined; the server caps the list, [`UserSummary::joined_rooms`] is the true count.
    #[serde(default)]
    pub rooms: Vec<UserRoom>,
}

/// One logged-in device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The device id.
    pub device_id: String,
    /// Name chosen by the client or the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Last request; absent if never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_ms: Option<u64>,
    /// Address of the last request; absent if never seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_ip: Option<String>,
}

/// One room a user has joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRoom {
    /// The room id.
    pub room_id: String,
    /// The room's name, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// `POST /api/v1/users`: make an account.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The part of the id between `@` and `:`.
    pub username: String,
    /// The password; the server makes one and returns it when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Whether the account may administer the server.
    #[serde(default)]
    pub admin: bool,
    /// Display name to begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

/// Answer to [`NewUser`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedUser {
    /// Full id of the new account.
    pub user_id: String,
    /// The password if the server made it; this is the only time it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// `POST /api/v1/users/{user}/password`: set a new password.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The password; the server makes one and returns it when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Whether all devices are logged out too.
    #[serde(default)]
    pub logout_devices: bool,
}

/// Answer to [`NewPassword`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordSet {
    /// The password if the server made it; this is the only time it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// `POST /api/v1/users/{user}/deactivate`: close an account for good. The answer is [`super::Done`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeactivateUser {
    /// Whether profile, media and messages are erased as far as the protocol allows.
    #[serde(default)]
    pub erase: bool,
}

/// Answer to `POST /api/v1/users/{user}/logout`, whose request is the empty object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedOut {
    /// Devices that were logged out.
    pub devices: u64,
}

/// `PUT /api/v1/users/{user}/locked`. The answer is [`super::Done`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetLocked {
    /// True shuts the account out, false lets it in again.
    pub locked: bool,
}

/// `PUT /api/v1/users/{user}/admin`. The answer is [`super::Done`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetAdmin {
    /// Whether the account may administer the server.
    pub admin: bool,
}

// Passwords must not reach a log through `{:?}`, so these types describe themselves without them.

fn hidden(password: &Option<String>) -> &'static str {
    if password.is_some() { "(set)" } else { "(none)" }
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser")
            .field("username", &self.username)
            .field("password", &hidden(&self.password))
            .field("admin", &self.admin)
            .field("display_name", &self.display_name)
            .finish()
    }
}

impl fmt::Debug for CreatedUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedUser")
            .field("user_id", &self.user_id)
            .field("password", &hidden(&self.password))
            .finish()
    }
}

impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewPassword")
            .field("password", &hidden(&self.password))
            .field("logout_devices", &self.logout_devices)
            .finish()
    }
}

impl fmt::Debug for PasswordSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordSet").field("password", &hidden(&self.password)).finish()
    }
}
