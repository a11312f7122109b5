//! Rooms in whose inbox a write has put something by itself: told to the worker of the inbox after the commit. What is lost of
//! this with the memory is found at the next start, when the inbox is read.

use hearth_store::ids::RoomSn;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The rooms.
#[derive(Debug, Default)]
pub struct Incoming {
    rooms: Mutex<Vec<RoomSn>>,
    bell: Notify,
}

impl Incoming {
    /// Tells of a room. Called after the commit.
    pub(crate) fn tell(&self, room: RoomSn) {
        self.rooms.lock().push(room);
        self.bell.notify_one();
    }

    /// Waits until there is one, and takes all.
    pub(crate) async fn rooms(&self) -> Vec<RoomSn> {
        loop {
            self.bell.notified().await;
            let rooms = std::mem::take(&mut *self.rooms.lock());
            if !rooms.is_empty() {
                return rooms;
            }
        }
    }
}
