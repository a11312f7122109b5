//! Other homeservers, and how sending to them goes: `/api/v1/federation/destinations`.

use serde::{Deserialize, Serialize};

/// One row of `GET /api/v1/federation/destinations`, in the order of the names; also what a single one answers with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The server name.
    pub server_name: String,
    /// Whether the last attempt to send something succeeded; true while there was none.
    pub reachable: bool,
    /// When something was last sent; may be up to an hour behind after a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success_ms: Option<u64>,
    /// Since when attempts fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since_ms: Option<u64>,
    /// How many attempts have failed since the last that succeeded.
    #[serde(default)]
    pub failures: u32,
    /// When the next attempt is due. Anything that comes from the server makes it sooner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at_ms: Option<u64>,
    /// Why the last attempt failed, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Items that were left out since the server's start, as they cannot be written in a form that other servers take.
    #[serde(default)]
    pub left_out: u64,
    /// What the last of them was, and why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out_reason: Option<String>,
    /// Events that wait to be sent. While a server is away, only the newest of each room are kept.
    #[serde(default)]
    pub queued_events: u64,
    /// Other things that wait: messages to devices, changes of devices, receipts.
    #[serde(default)]
    pub queued_edus: u64,
    /// Whether something is being sent at this moment.
    #[serde(default)]
    pub sending: bool,
}
