//! The keys with which the server signs: `/api/v1/signing-keys`. Only their public names; the keys themselves never leave
//! the database.

use serde::{Deserialize, Serialize};

/// One key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKey {
    /// Its id with its algorithm, such as `ed25519:h_Xy12ab`.
    pub id: String,
    /// When it was put out of use; absent for the one in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired_ms: Option<u64>,
}

/// `GET /api/v1/signing-keys`: all of them, the one in use first. `POST /api/v1/signing-keys/rotate`: the same, with a new
/// one in use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeyList {
    /// The keys.
    pub items: Vec<SigningKey>,
}
