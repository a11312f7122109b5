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
    /// Why the server's configuration keeps this token from being used, and which setting changes that, as sentences.
    /// Absent: nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
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
}
