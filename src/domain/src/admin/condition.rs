//! Whether the server can do its work.

use super::Admin;

impl Admin {
    /// What keeps the server from taking what clients send, as a sentence; none when all is well.
    #[must_use]
    pub fn ailment(&self) -> Option<&'static str> {
        let health = self.core.store.health();
        if health.in_doubt {
            return Some("The database could not be written, and writing is not safe until it has been opened anew.\n");
        }
        health.out_of_space.then_some("The disk is full: reading works, writing does not.\n")
    }
}
