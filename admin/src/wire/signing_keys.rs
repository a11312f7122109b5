//! The server's signing keys: `/api/v1/signing-keys`. Key ids only; the private keys never leave the database.

use serde::{Deserialize, Serialize};

/// A signing key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKey {
    /// Key id with the algorithm, such as `ed25519:h_Xy12ab`.
    pub id: String,
    /// Time of its retirement, in milliseconds. Absent for the active key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired_ms: Option<u64>,
}

/// Response to `GET /api/v1/signing-keys`: all keys, the active one first. Also to `POST
/// /api/v1/signing-keys/rotate`, then with a new active key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeyList {
    /// The keys, the active one first.
    pub items: Vec<SigningKey>,
}
