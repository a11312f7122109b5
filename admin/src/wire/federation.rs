//! Other homeservers and the state of sending to them: `/api/v1/federation/destinations`.

use serde::{Deserialize, Serialize};

/// One row of `GET /api/v1/federation/destinations`, ordered by name. Also the response for a single server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The server name, with its port if it has one.
    pub server_name: String,
    /// Whether the last transaction to the server succeeded. True before the first one.
    pub reachable: bool,
    /// Time of the last success. May be up to an hour too old after a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success_ms: Option<u64>,
    /// Time of the first failure since the last success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since_ms: Option<u64>,
    /// Failures since the last success.
    #[serde(default)]
    pub failures: u32,
    /// Time of the next attempt. A request from the server triggers an earlier one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at_ms: Option<u64>,
    /// Reason of the last failure, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Items left out since the server started, because they have no canonical JSON.
    #[serde(default)]
    pub left_out: u64,
    /// What the last of them was, and why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out_reason: Option<String>,
    /// To-device messages (EDUs) that the server never gets: they expired, or its queue was full.
    #[serde(default)]
    pub given_up: u64,
    /// When the last of them was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up_at_ms: Option<u64>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up_reason: Option<String>,
    /// Queued events. While a server is unreachable, only the newest one of each room is kept.
    #[serde(default)]
    pub queued_events: u64,
    /// Queued EDUs: to-device messages, device list updates, receipts.
    #[serde(default)]
    pub queued_edus: u64,
    /// Whether a transaction is in progress.
    #[serde(default)]
    pub sending: bool,
}
