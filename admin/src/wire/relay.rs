//! The relay for calls: `/api/v1/relay`.

use serde::{Deserialize, Serialize};

/// `GET /api/v1/relay`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RelayStatus {
    /// The server's clock when it answered: what was relayed between two answers, by time, is the rate.
    #[serde(default)]
    pub now_ms: u64,
    /// Whether Hearth's own relay runs.
    pub running: bool,
    /// Why it does not run, and what to do, in sentences; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absence: Option<String>,
    /// Where clients are sent, be it Hearth's own or another one.
    pub uris: Vec<String>,
    /// The addresses that others see.
    pub public: Vec<String>,
    /// What is wrong, in sentences.
    pub warnings: Vec<String>,
    /// Relayed addresses that are held now, oldest first.
    pub allocations: Vec<RelayAllocation>,
    /// Who has used it since it was started.
    pub users: Vec<RelayUser>,
    /// What was refused since it was started, by reason; only what was.
    pub refused: Vec<RelayRefusals>,
}

/// A relayed address that somebody holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayAllocation {
    /// To name it by.
    pub id: String,
    /// The user.
    pub user_id: String,
    /// Where the device is.
    pub client: String,
    /// `udp`, `tcp` or `tls`.
    pub transport: String,
    /// The addresses that others see.
    pub relayed: Vec<String>,
    /// Whom it may talk to.
    pub peers: Vec<String>,
    /// Since when, in seconds.
    pub age_s: u64,
    /// Datagrams from the device to others.
    pub packets_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// Datagrams from others to the device.
    pub packets_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
}

/// What a user has had of the relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayUser {
    /// The user.
    pub user_id: String,
    /// Relayed addresses held now.
    pub allocations: u32,
    /// Those given back.
    pub ended: u64,
    /// Bytes relayed for them, both ways.
    pub relayed_bytes: u64,
}

/// `DELETE /api/v1/relay/users/{user}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayEnded {
    /// Relayed addresses that were taken from the user.
    pub allocations: u64,
}

/// How often something was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayRefusals {
    /// Why.
    pub reason: String,
    /// How often.
    pub count: u64,
}

impl RelayRefusals {
    /// Why, in words for people; a reason that this version does not know speaks for itself.
    pub fn words(&self) -> &str {
        match self.reason.as_str() {
            "malformed" => "broken packets",
            "rate_limited" => "asked too often without a password",
            "credentials" => "unknown, wrong or expired passwords",
            "stale_nonce" => "had to ask again (normal after an hour)",
            "bad_request" => "requests that make no sense",
            "mismatch" => "addresses that are not there, or somebody else's",
            "peer" => "destinations that are not allowed",
            "quota" => "more addresses than one user may have",
            "capacity" => "no room: too many addresses in all",
            "permission" => "data without a permission",
            "bandwidth" => "data beyond a user's bandwidth",
            "backpressure" => "data that the network did not take",
            "streams" => "connections beyond the limit",
            other => other,
        }
    }
}

/// `POST /api/v1/relay/test`: one for each way to the relay.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RelayCheckList {
    /// The ways that clients are told.
    pub items: Vec<RelayCheck>,
}

/// A way to the relay, tried with two clients that send each other datagrams.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RelayCheck {
    /// The way.
    pub uri: String,
    /// Whether it works.
    pub works: bool,
    /// What came of it, and what to do where it does not work.
    pub message: String,
    /// Median time there and back, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip_ms: Option<f64>,
    /// Share of the datagrams that got lost, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<f64>,
}
