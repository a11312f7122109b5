//! Registration tokens: `/api/v1/registration-tokens`.

use serde::{Deserialize, Serialize};

/// One registration token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationToken {
    /// The token that the user enters when registering.
    pub token: String,
    /// Maximum number of registrations. Absent: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses_allowed: Option<u64>,
    /// Registrations in progress with this token.
    #[serde(default)]
    pub pending: u64,
    /// Completed registrations.
    #[serde(default)]
    pub completed: u64,
    /// Expiry, in milliseconds since the epoch. Absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
    /// Creation time, in milliseconds since the epoch.
    #[serde(default)]
    pub created_ms: u64,
    /// The invite link: the page on which the token creates an account.
    #[serde(default)]
    pub link: String,
    /// Who created it, as in the audit log. Absent: the server, or unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator: Option<String>,
    /// The id of the local user whom the new user can ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// The ids of the rooms that the new user joins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rooms: Vec<String>,
    /// A note for administrators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The accounts that it created, newest first; the newest 200. Absent in lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<RegistrationTokenUse>,
    /// Why the server's configuration keeps this token from being used, and which setting changes that, as sentences.
    /// Absent: nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// Whether it creates an account now: it is neither used up nor expired, and registration is not closed.
    #[serde(default)]
    pub works: bool,
}

/// An account that a registration token created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationTokenUse {
    /// The user.
    pub user_id: String,
    /// When, in milliseconds since the epoch.
    pub used_ms: u64,
}

/// Response to `GET /api/v1/registration-tokens`: all tokens, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationTokenList {
    /// The tokens, newest first.
    pub items: Vec<RegistrationToken>,
}

/// Body of `POST /api/v1/registration-tokens`. The response is the [`RegistrationToken`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRegistrationToken {
    /// The token. Absent: the server generates one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Maximum number of registrations. Absent: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses_allowed: Option<u64>,
    /// Expiry, in milliseconds since the epoch. Absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
    /// The local user whom the new user can ask, and who lets them into `rooms`: a user id or a user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Ids or aliases of the rooms that the new user joins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rooms: Vec<String>,
    /// A note for administrators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Body of `PUT /api/v1/registration-mode`. The response is [`super::Done`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetRegistrationMode {
    /// Who may register, until the server stops. At its next start the configuration decides.
    pub mode: RegistrationMode,
}

/// Who may register, as `registration.mode` of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationMode {
    /// Only administrators create accounts.
    Closed,
    /// Users with a registration token.
    Token,
    /// Anyone.
    Open,
}
