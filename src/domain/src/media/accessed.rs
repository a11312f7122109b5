//! When media was last fetched: noted in memory at most once a day for each, written down by upkeep. A download never
//! writes.

use std::collections::HashMap;

use hearth_base::{Millis, Result, limits};
use hearth_store::Lane;
use hearth_store::tables::media::{self, MediaRow};
use parking_lot::Mutex;

use super::Media;

/// How exactly it is known when media was last fetched.
const GRAIN_MS: u64 = 24 * 60 * 60 * 1_000;

/// What is not yet written down.
#[derive(Debug, Default)]
pub(super) struct Accessed(Mutex<HashMap<String, Millis>>);

impl Accessed {
    /// Notes that media is fetched.
    pub(super) fn note(&self, row: &MediaRow, now_ms: Millis) {
        if now_ms.saturating_sub(row.accessed_ms) < GRAIN_MS {
            return;
        }
        let mut noted = self.0.lock();
        if noted.len() < limits::MEDIA_ACCESSES_NOTED_MAX {
            noted.insert(row.id.clone(), now_ms);
        }
    }
}

impl Media {
    /// Writes down what was noted.
    pub(super) async fn flush_accessed(&self) -> Result<()> {
        let noted = std::mem::take(&mut *self.accessed.0.lock());
        if noted.is_empty() {
            return Ok(());
        }
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            noted.iter().try_for_each(|(id, at_ms)| media::set_accessed(tx.tx(), id, *at_ms))
        };
        self.core.store.write_in(Lane::Upkeep, "media_accessed", write).await
    }
}
