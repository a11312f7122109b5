//! The TURN relay: `/api/v1/relay`.

use serde::{Deserialize, Serialize};

/// Response to `GET /api/v1/relay`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RelayStatus {
    /// The server's clock. Clients compute rates from two responses.
    #[serde(default)]
    pub now_ms: u64,
    /// Whether the built-in relay runs.
    pub running: bool,
    /// Why it does not run, and what to do. Absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absence: Option<String>,
    /// The TURN URIs that clients get, of the built-in relay or of another one.
    pub uris: Vec<String>,
    /// The public addresses of the relay.
    pub public: Vec<String>,
    /// Current problems, in sentences.
    pub warnings: Vec<String>,
    /// Current allocations, oldest first.
    pub allocations: Vec<RelayAllocation>,
    /// Usage per user since the relay was started.
    pub users: Vec<RelayUser>,
    /// Refusals by reason since the relay was started, without those that are zero.
    pub refused: Vec<RelayRefusals>,
}

/// An allocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayAllocation {
    /// Identifies the allocation for ending it.
    pub id: String,
    /// Matrix id of its owner.
    pub user_id: String,
    /// Address and port of the client.
    pub client: String,
    /// Transport between client and relay: `udp`, `tcp` or `tls`.
    pub transport: String,
    /// Relayed transport addresses, as peers see them.
    pub relayed: Vec<String>,
    /// Peer addresses with a permission.
    pub peers: Vec<String>,
    /// Age, in seconds.
    pub age_s: u64,
    /// Datagrams from the client to peers.
    pub packets_out: u64,
    /// Bytes from the client to peers.
    pub bytes_out: u64,
    /// Datagrams from peers to the client.
    pub packets_in: u64,
    /// Bytes from peers to the client.
    pub bytes_in: u64,
}

/// Usage of the relay by one user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayUser {
    /// Matrix id.
    pub user_id: String,
    /// Current allocations.
    pub allocations: u32,
    /// Ended allocations.
    pub ended: u64,
    /// Bytes relayed in both directions.
    pub relayed_bytes: u64,
}

/// Response to `DELETE /api/v1/relay/users/{user}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayEnded {
    /// Number of allocations that were ended.
    pub allocations: u64,
}

/// Number of refusals for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayRefusals {
    /// The reason: a label of the relay's metrics.
    pub reason: String,
    /// Refusals since the relay was started.
    pub count: u64,
}

impl RelayRefusals {
    /// A description of the reason for people. An unknown reason is returned as it is.
    pub fn words(&self) -> &str {
        match self.reason.as_str() {
            "malformed" => "malformed packets",
            "rate_limited" => "requests without credentials, sent too often",
            "credentials" => "unknown users, wrong or expired passwords",
            "stale_nonce" => "expired nonces (normal after an hour)",
            "bad_request" => "invalid requests",
            "mismatch" => "relayed addresses that are missing or another user's",
            "peer" => "forbidden peer addresses",
            "quota" => "relayed addresses beyond the user's limit",
            "capacity" => "requests beyond the relay's capacity",
            "permission" => "data without a permission",
            "bandwidth" => "data beyond the user's bandwidth",
            "backpressure" => "data that the network did not take",
            "streams" => "connections beyond the limit",
            other => other,
        }
    }
}

/// Response to `POST /api/v1/relay/test`: one check per URI.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RelayCheckList {
    /// The checks, in the order of the URIs that clients get.
    pub items: Vec<RelayCheck>,
}

/// The test of one relay URI. Two clients allocate there and send datagrams to each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RelayCheck {
    /// The tested URI.
    pub uri: String,
    /// Whether relaying works.
    pub works: bool,
    /// The result, and what to do if it fails.
    pub message: String,
    /// Median round trip, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip_ms: Option<f64>,
    /// Share of lost datagrams, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<f64>,
}
