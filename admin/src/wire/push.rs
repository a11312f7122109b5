//! Pushers and their deliveries: `/api/v1/pushers`.

use serde::{Deserialize, Serialize};

/// Response of `GET /api/v1/pushers`, ordered by account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PusherList {
    /// The pushers.
    pub items: Vec<Pusher>,
}

/// A pusher: an app of a user that has asked for notifications.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pusher {
    /// Its user.
    pub user_id: String,
    /// The device that set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// The name of that device, as the app gave it.
    pub device_name: String,
    /// The app.
    pub app_id: String,
    /// The beginning of the key under which the gateway knows the app.
    pub pushkey: String,
    /// The host of the push gateway, with its port if the URL has one.
    pub gateway: String,
    /// Whether it is switched on.
    pub enabled: bool,
    /// Time of the last success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success_ms: Option<u64>,
    /// Time of the first failure since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since_ms: Option<u64>,
    /// The last failure since then, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Time of the next attempt after a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at_ms: Option<u64>,
    /// Whether it has failed for three days: older notifications are not kept for it any more.
    #[serde(default)]
    pub stale: bool,
}

/// Response of `POST /api/v1/pushers/{user}/test`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PusherTestList {
    /// One test for each pusher of the account.
    pub items: Vec<PusherTest>,
}

/// The test of one pusher.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PusherTest {
    /// The pusher, before the test.
    pub pusher: Pusher,
    /// Whether the gateway took the notification.
    pub taken: bool,
    /// The gateway's answer, for people.
    pub answer: String,
}
