//! Asking other servers about their users: keys and profiles.

mod claim;
mod lists;
mod profile;
mod query;
#[cfg(test)]
mod tests;

use std::time::Duration;

use hearth_base::Error;
use ruma::ServerName;
use serde_json::{Value, json};

use super::Federation;

/// How long servers are asked, all at the same time, where the client does not say.
pub const KEYS_WAIT: Duration = Duration::from_secs(10);
/// How long servers are asked at most, whatever the client says.
pub const KEYS_WAIT_MAX: Duration = Duration::from_secs(30);
/// How long servers are asked that could not be reached lately.
const FAILING_WAIT: Duration = Duration::from_secs(2);
/// Servers that are asked at the same time for one request.
const SERVERS_AT_ONCE_MAX: usize = 32;

/// How `failures` tells that a server could not be asked.
fn failure(error: &Error) -> Value {
    json!({ "error": error.to_string() })
}

impl Federation {
    /// How long a server is asked, where the client would wait for so long.
    fn patience(&self, server: &ServerName, wanted: Option<Duration>) -> Duration {
        let wait = wanted.map_or(KEYS_WAIT, |wanted| wanted.min(KEYS_WAIT_MAX));
        if self.is_failing(server) { wait.min(FAILING_WAIT) } else { wait }
    }
}
