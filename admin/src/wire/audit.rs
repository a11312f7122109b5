//! The audit log of admin actions: `GET /api/v1/audit`.

use serde::{Deserialize, Serialize};

/// Query string of `GET /api/v1/audit`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// Maximum number of entries. The server caps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Response to [`AuditQuery`], newest entries first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditList {
    /// The entries, newest first.
    pub items: Vec<AuditEntry>,
}

/// One action through the admin API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Time, in milliseconds since the epoch.
    pub ts_ms: u64,
    /// Who acted: a Matrix user id, or `uid 1000` for a client of the socket.
    pub actor: String,
    /// A stable identifier of the action, such as `user.deactivate`.
    pub action: String,
    /// The id of the affected user, room, token or server.
    pub target: String,
    /// Further details. Never contains a secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}
