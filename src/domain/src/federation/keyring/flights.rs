//! One request at a time for the keys of one server: whoever wants the same waits for the answer that is on its way.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use ruma::{OwnedServerName, ServerName};
use tokio::sync::OwnedMutexGuard;

/// Locks that may lie around unused before they are swept up.
const UNUSED_MAX: usize = 256;

/// A lock for each server that is being asked.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<OwnedServerName, Arc<tokio::sync::Mutex<()>>>>);

impl Flights {
    /// Waits until nobody asks this server. As long as the guard is held, nobody does.
    pub(super) async fn take_off(&self, server: &ServerName) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock();
            if locks.len() > UNUSED_MAX {
                locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            }
            Arc::clone(locks.entry(server.to_owned()).or_default())
        };
        lock.lock_owned().await
    }
}
