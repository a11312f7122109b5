//! Wakes downloads that wait for announced media. Carries no news but that it is worth looking again.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::MediaId;

/// Who waits for what. A sender that goes away is the wake.
#[derive(Debug, Default)]
pub(super) struct Arrivals(Mutex<HashMap<MediaId, watch::Sender<()>>>);

/// One who waits.
pub(super) struct Arrival(watch::Receiver<()>);

impl Arrivals {
    /// Begins to wait. Begin first, look then, sleep last: nothing is missed.
    pub(super) fn expect(&self, id: &MediaId) -> Arrival {
        let mut waiting = self.0.lock();
        waiting.retain(|_, sender| sender.receiver_count() > 0);
        Arrival(waiting.entry(id.clone()).or_insert_with(|| watch::Sender::new(())).subscribe())
    }

    /// Wakes all who wait for this id.
    pub(super) fn came(&self, id: &MediaId) {
        self.0.lock().remove(id);
    }
}

impl Arrival {
    /// Sleeps until the media has come.
    pub(super) async fn come(&mut self) {
        while self.0.changed().await.is_ok() {}
    }
}
