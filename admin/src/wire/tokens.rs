//! Registration tokens, the "invitation codes" of the house: `/api/v1/registration-tokens`.

use serde::{Deserialize, Serialize};

/// One registration token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationToken {
    /// The word a newcomer types.
    pub token: String,
    /// How many accounts it may make; absent means without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses_allowed: Option<u64>,
    /// Registrations that have begun with it and are not finished.
    #[serde(default)]
    pub pending: u64,
    /// Accounts made with it.
    #[serde(default)]
    pub completed: u64,
    /// When it stops working; absent means never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
    /// When it was made.
    #[serde(default)]
    pub created_ms: u64,
}

/// `GET /api/v1/registration-tokens`: all of them, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationTokenList {
    /// The tokens.
    pub items: Vec<RegistrationToken>,
}

/// `POST /api/v1/registration-tokens`: make one. The answer is the [`RegistrationToken`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRegistrationToken {
    /// The word; the server makes one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// How many accounts it may make; absent means without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses_allowed: Option<u64>,
    /// When it stops working; absent means never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
}
