//! Rooms with inbox rows that a write has inserted by itself: passed to the inbox worker after the commit. After a
//! crash the list is lost; the next start reads the inbox instead.

use hearth_base::boxed;
use hearth_store::ids::RoomSn;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Rooms with new inbox rows.
#[derive(Debug, Default)]
pub struct Incoming {
    rooms: Mutex<Vec<RoomSn>>,
    bell: Notify,
}

impl Incoming {
    /// Adds a room. Called after the commit, so that the worker finds the row.
    pub fn tell(&self, room: RoomSn) {
        self.rooms.lock().push(room);
        self.bell.notify_one();
    }

    /// Waits for rooms, and takes all.
    #[boxed]
    pub async fn rooms(&self) -> Vec<RoomSn> {
        loop {
            self.bell.notified().await;
            let rooms = std::mem::take(&mut *self.rooms.lock());
            if !rooms.is_empty() {
                return rooms;
            }
        }
    }
}
