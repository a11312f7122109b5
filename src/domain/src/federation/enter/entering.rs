//! One way into a room at a time: whoever else wants in waits, and mostly finds the door open then.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use ruma::{OwnedRoomId, RoomId};
use tokio::sync::{Mutex as Door, OwnedMutexGuard};

/// The rooms that this server is about to enter.
#[derive(Debug, Default)]
pub(in crate::federation) struct Entering(Mutex<HashMap<OwnedRoomId, Arc<Door<()>>>>);

impl Entering {
    /// Waits until nobody else is about to enter a room. The room is free again when what is returned is dropped.
    pub(super) async fn turn(&self, room_id: &RoomId) -> OwnedMutexGuard<()> {
        let door = {
            let mut rooms = self.0.lock();
            rooms.retain(|_, door| Arc::strong_count(door) > 1);
            rooms.entry(room_id.to_owned()).or_default().clone()
        };
        door.lock_owned().await
    }
}
