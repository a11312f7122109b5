//! Wakes downloads that wait for a pending upload. A wake carries no data: the download reads the database again.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::MediaId;

/// Waiting downloads by media ID. Dropping a sender wakes them.
#[derive(Debug, Default)]
pub(super) struct Arrivals(Mutex<HashMap<MediaId, watch::Sender<()>>>);

/// A waiting download.
pub(super) struct Arrival(watch::Receiver<()>);

impl Arrivals {
    /// Subscribes. Subscribe first, then read the database, then wait: an upload in between is not missed.
    pub(super) fn expect(&self, id: &MediaId) -> Arrival {
        let mut waiting = self.0.lock();
        waiting.retain(|_, sender| sender.receiver_count() > 0);
        Arrival(waiting.entry(id.clone()).or_insert_with(|| watch::Sender::new(())).subscribe())
    }

    /// Wakes all downloads that wait for this ID.
    pub(super) fn came(&self, id: &MediaId) {
        self.0.lock().remove(id);
    }
}

impl Arrival {
    /// Waits until the media was uploaded.
    pub(super) async fn come(&mut self) {
        while self.0.changed().await.is_ok() {}
    }
}
