//! Local accounts: `/api/v1/users`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One row of `GET /api/v1/users`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSummary {
    /// Matrix user id, `@name:server`.
    pub user_id: String,
    /// The display name of the profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Whether the user may administer the server.
    pub admin: bool,
    /// Whether the account is deactivated: it cannot log in, and its name stays reserved.
    pub deactivated: bool,
    /// Whether the account is locked: it cannot be used until unlocked, but keeps devices and data.
    pub locked: bool,
    /// Creation time, in milliseconds since the epoch.
    pub created_ms: u64,
    /// Time of the last authenticated request. Absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_ms: Option<u64>,
    /// Number of logged-in devices.
    pub devices: u64,
    /// Number of joined rooms.
    pub joined_rooms: u64,
    /// Uploaded media, in bytes.
    pub media_bytes: u64,
}

/// Response to `GET /api/v1/users/{user}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserDetail {
    /// The fields of the list.
    #[serde(flatten)]
    pub summary: UserSummary,
    /// Logged-in devices, most recently seen first.
    #[serde(default)]
    pub device_list: Vec<Device>,
    /// Joined rooms. The server caps the list; [`UserSummary::joined_rooms`] is the full number.
    #[serde(default)]
    pub rooms: Vec<UserRoom>,
    /// What the account stores, and how much it may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotas: Vec<UserQuota>,
}

/// What an account uses of a quota.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserQuota {
    /// What is counted, with its unit last, such as `media_bytes` or `filters`.
    pub quota: String,
    /// How much the account has.
    pub used: u64,
    /// How much it may have. Absent without a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// A logged-in device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The device id.
    pub device_id: String,
    /// Display name, chosen by the client or the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Time of the last request. Absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_ms: Option<u64>,
    /// IP address of the last request. Absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_ip: Option<String>,
}

/// A joined room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRoom {
    /// The room id.
    pub room_id: String,
    /// The name of the room, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Body of `POST /api/v1/users`: creates an account.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The localpart: what is between `@` and `:`.
    pub username: String,
    /// The password. Absent: the server generates one and returns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Whether the account may administer the server.
    #[serde(default)]
    pub admin: bool,
    /// Initial display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

/// Response to [`NewUser`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedUser {
    /// Matrix id of the new account.
    pub user_id: String,
    /// The generated password, if one was generated. Shown only here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// Body of `POST /api/v1/users/{user}/password`: sets a new password.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The password. Absent: the server generates one and returns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Whether to log out all devices as well.
    #[serde(default)]
    pub logout_devices: bool,
}

/// Response to [`NewPassword`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordSet {
    /// The generated password, if one was generated. Shown only here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// Body of `POST /api/v1/users/{user}/deactivate`: closes the account permanently. The response is
/// [`super::Done`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeactivateUser {
    /// Whether to erase profile, media and messages as far as the protocol allows.
    #[serde(default)]
    pub erase: bool,
}

/// Response to `POST /api/v1/users/{user}/logout`. The request is an empty object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedOut {
    /// Number of devices that were logged out.
    pub devices: u64,
}

/// Body of `PUT /api/v1/users/{user}/locked`. The response is [`super::Done`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetLocked {
    /// True locks the account, false unlocks it.
    pub locked: bool,
}

/// Body of `PUT /api/v1/users/{user}/admin`. The response is [`super::Done`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetAdmin {
    /// Whether the account may administer the server.
    pub admin: bool,
}

// These types hold passwords. Their Debug output omits them, as it may end up in a log.

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
