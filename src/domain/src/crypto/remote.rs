//! What concerns users of other servers. The one place to change when federation carries keys and to-device messages.

use std::collections::BTreeMap;

use ruma::UserId;
use serde_json::Value;

/// Servers whose users could not be served, as `failures` of `/keys/query` and `/keys/claim` lists them.
pub type Failures = BTreeMap<String, Value>;

/// Notes that a user's server cannot be asked.
pub(super) fn unreachable(failures: &mut Failures, user: &UserId) {
    failures.entry(user.server_name().to_string()).or_insert_with(|| Value::Object(serde_json::Map::new()));
}

/// Drops a to-device message for a user of another server.
pub(super) fn drop_message(user: &UserId) {
    tracing::debug!(user.id = %user, "A to-device message for another server was dropped.");
}
