//! Asking other servers about their users: keys and profiles.

mod claim;
mod lists;
mod profile;
mod query;
#[cfg(test)]
mod tests;
mod turns;

pub(super) use turns::Turns;

use std::time::Duration;

use hearth_base::Error;
use serde_json::{Value, json};

/// How long servers are asked, all at the same time, where the client does not say.
pub const KEYS_WAIT: Duration = Duration::from_secs(10);
/// How long servers are asked at most, whatever the client says.
pub const KEYS_WAIT_MAX: Duration = Duration::from_secs(30);
/// Servers that are asked at the same time for one request.
const SERVERS_AT_ONCE_MAX: usize = 32;

/// How `failures` tells that a server could not be asked.
fn failure(error: &Error) -> Value {
    json!({ "error": error.to_string() })
}

/// How long a client lets servers be asked.
fn wait(wanted: Option<Duration>) -> Duration {
    wanted.map_or(KEYS_WAIT, |wanted| wanted.min(KEYS_WAIT_MAX))
}
