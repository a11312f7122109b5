//! Requests to other servers about their users: keys and profiles.

mod claim;
mod lists;
mod profile;
mod query;

use std::time::Duration;

use hearth_base::Error;
pub use hearth_base::limits::federation::{KEYS_WAIT_MAX, REMOTE_USERS_KEYS_WAIT};
use hearth_base::limits::federation::{REMOTE_USERS_FAILING_WAIT, SERVERS_AT_ONCE_MAX};
use ruma::ServerName;
use serde_json::{Value, json};

use super::Federation;

/// The entry in `failures` for a server.
fn failure(error: &Error) -> Value {
    json!({ "error": error.to_string() })
}

impl Federation {
    /// The time limit for a server, given the client's.
    fn patience(&self, server: &ServerName, wanted: Option<Duration>) -> Duration {
        let wait = wanted.map_or(REMOTE_USERS_KEYS_WAIT, |wanted| wanted.min(KEYS_WAIT_MAX));
        if self.is_failing(server) { wait.min(REMOTE_USERS_FAILING_WAIT) } else { wait }
    }
}
