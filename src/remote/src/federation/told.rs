//! Limits how often the log names a server that cannot be reached: once an hour for each server.

use std::time::{Duration, Instant};

use hearth_base::limits::remote::TOLD_SERVERS_MAX;
use quick_cache::sync::Cache;

/// The pause between two lines about the same server.
const PAUSE: Duration = Duration::from_secs(60 * 60);

/// When the log last named each server.
#[derive(Debug)]
pub(super) struct Told(Cache<Box<str>, Instant>);

impl Default for Told {
    fn default() -> Self {
        Self(Cache::new(TOLD_SERVERS_MAX))
    }
}

impl Told {
    /// Whether the log should name this server now; if so, notes that it does.
    pub(super) fn is_due(&self, server: &str) -> bool {
        let now = Instant::now();
        if self.0.get(server).is_some_and(|last| now.duration_since(last) < PAUSE) {
            return false;
        }
        self.0.insert(server.into(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_is_named_once() {
        let told = Told::default();
        let due = ["a.example", "a.example", "b.example"].map(|server| told.is_due(server));
        assert_eq!(due, [true, false, true]);
    }
}
