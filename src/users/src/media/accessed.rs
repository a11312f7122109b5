//! Last-access times of media: recorded in memory at most once a day per item, written by upkeep. A download never
//! writes.

use std::collections::HashMap;

use hearth_base::{Millis, Result, limits};
use hearth_store::Lane;
use hearth_store::tables::media::{self, MediaRow};
use hearth_store::tables::remote_media::{self, RemoteMediaRow};
use parking_lot::Mutex;

use super::Media;

/// Resolution of the last-access time.
const GRAIN_MS: u64 = 24 * 60 * 60 * 1_000;

/// Times that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Accessed(Mutex<HashMap<MediaKey, Millis>>);

/// The server (`None` for this one) and the media ID.
type MediaKey = (Option<String>, String);

impl Accessed {
    /// Records an access.
    pub(super) fn note(&self, row: &MediaRow, now_ms: Millis) {
        self.note_at((None, &row.id), row.accessed_ms, now_ms);
    }

    /// Records an access to a cached copy of remote media.
    pub(super) fn note_remote(&self, row: &RemoteMediaRow, now_ms: Millis) {
        self.note_at((Some(&row.server), &row.id), row.accessed_ms, now_ms);
    }

    fn note_at(&self, (server, id): (Option<&String>, &str), before_ms: Millis, now_ms: Millis) {
        if now_ms.saturating_sub(before_ms) < GRAIN_MS {
            return;
        }
        let mut noted = self.0.lock();
        // Beyond the limit, which bounds memory, the access is dropped; a later one sets the time.
        if noted.len() < limits::MEDIA_ACCESSES_NOTED_MAX {
            noted.insert((server.cloned(), id.to_owned()), now_ms);
        }
    }
}

impl Media {
    /// Writes the recorded times.
    pub(super) async fn flush_accessed(&self) -> Result<()> {
        let noted = std::mem::take(&mut *self.accessed.0.lock());
        if noted.is_empty() {
            return Ok(());
        }
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            noted.iter().try_for_each(|((server, id), at_ms)| match server {
                Some(server) => remote_media::set_accessed(tx.tx(), server, id, *at_ms),
                None => media::set_accessed(tx.tx(), id, *at_ms),
            })
        };
        self.core.store.write_in(Lane::Upkeep, "media_accessed", write).await
    }
}
