//! Requests to other servers about their users: keys and profiles.

mod claim;
mod lists;
mod profile;
mod query;

use std::time::Duration;

use hearth_base::Error;
use ruma::ServerName;
use serde_json::{Value, json};

use super::Federation;

/// Default time limit for concurrent key requests.
pub const KEYS_WAIT: Duration = Duration::from_secs(10);
/// Maximum time limit for key requests, whatever the client requests.
pub const KEYS_WAIT_MAX: Duration = Duration::from_secs(30);
/// Time limit for servers that could not be reached recently.
const FAILING_WAIT: Duration = Duration::from_secs(2);
/// Maximum of servers that are asked concurrently for one request.
const SERVERS_AT_ONCE_MAX: usize = 32;

/// The entry in `failures` for a server.
fn failure(error: &Error) -> Value {
    json!({ "error": error.to_string() })
}

impl Federation {
    /// The time limit for a server, given the client's.
    fn patience(&self, server: &ServerName, wanted: Option<Duration>) -> Duration {
        let wait = wanted.map_or(KEYS_WAIT, |wanted| wanted.min(KEYS_WAIT_MAX));
        if self.is_failing(server) { wait.min(FAILING_WAIT) } else { wait }
    }
}
