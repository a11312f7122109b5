//! Who changed what: `GET /api/v1/audit`.

use serde::{Deserialize, Serialize};

/// Query string of `GET /api/v1/audit`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// Entries wanted; the server caps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Answer to [`AuditQuery`], newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditList {
    /// The entries.
    pub items: Vec<AuditEntry>,
}

/// One change made through the admin plane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub ts_ms: u64,
    /// Who: a Matrix id, or `uid 1000` for someone on the socket.
    pub actor: String,
    /// What was done, a steady word such as `user.deactivate`.
    pub action: String,
    /// To whom or what: an id.
    pub target: String,
    /// What else matters, never a secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}
