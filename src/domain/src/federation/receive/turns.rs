//! Turns: one at a time brings events into a room the slow way, so that nobody fetches or resolves the same twice. Quick ones
//! need no turn; the writer puts them in order.

use std::collections::HashMap;
use std::sync::Arc;

use hearth_store::ids::RoomSn;
use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

/// Rooms beyond which those are forgotten in which nobody has a turn.
const ROOMS_TIDIED_AT: usize = 256;

/// Whose turn it is, by room.
#[derive(Debug, Default)]
pub(in crate::federation) struct Turns(Mutex<HashMap<RoomSn, Arc<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// Waits for a turn in a room.
    pub(in crate::federation) async fn take(&self, room: RoomSn) -> OwnedMutexGuard<()> {
        let turn = {
            let mut rooms = self.0.lock();
            if rooms.len() > ROOMS_TIDIED_AT {
                rooms.retain(|_, turn| Arc::strong_count(turn) > 1);
            }
            rooms.entry(room).or_default().clone()
        };
        turn.lock_owned().await
    }
}
