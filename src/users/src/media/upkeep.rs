//! Maintenance: deletes unreferenced files and expired reservations, and writes last-access times.

use hearth_base::boxed;
use std::sync::atomic::Ordering;

use hearth_base::Result;
use hearth_store::Lane;
use hearth_store::tables::media::Hash;
use hearth_store::tables::{announced_media, media, remote_media};

use super::files::is_used;
use super::{Media, refuse};

/// A reservation stays this long after its deadline: an upload that began in time may still be in progress.
const ANNOUNCED_GRACE_MS: u64 = 60 * 60 * 1_000;

impl Media {
    /// Runs every few minutes. Writes nothing if there is nothing to do.
    #[boxed]
    pub async fn upkeep(&self) -> Result<()> {
        self.flush_accessed().await?;
        let before_ms = self.core.now_ms().saturating_sub(ANNOUNCED_GRACE_MS);
        let prune = move |tx: &mut hearth_store::WriteTx<'_>| announced_media::prune(tx.tx(), before_ms);
        self.core.store.write_in(Lane::Upkeep, "media_prune", prune).await?;
        self.evict_remote().await?;
        self.sweep().await
    }

    /// Runs once at shutdown, when no more requests arrive.
    #[boxed]
    pub async fn last_upkeep(&self) -> Result<()> {
        self.flush_accessed().await
    }

    /// Deletes files without a row in one of 256 parts of the store; the next call does the next part. Such files are
    /// left by a crash between file and row.
    async fn sweep(&self) -> Result<()> {
        let part = self.sweep_next.fetch_add(1, Ordering::Relaxed);
        let files = self.blobs.list(part).await.map_err(refuse::disk)?;
        if files.is_empty() {
            return Ok(());
        }
        let find = move |tx: &mut hearth_store::ReadTx<'_>| {
            // Safeguard: if the database has no media at all, it is more likely the wrong database than every file is
            // unreferenced.
            if !media::any(tx.tx())? && remote_media::usage(tx.tx())?.files == 0 {
                return Ok(Vec::new());
            }
            let mut unused: Vec<Hash> = Vec::new();
            for (hash, _) in files {
                if !is_used(tx.tx(), &hash)? {
                    unused.push(hash);
                }
            }
            Ok(unused)
        };
        for hash in self.core.store.read("media_sweep", find).await? {
            // This checks again under the exclusive lock: the row may have been committed meanwhile.
            if self.delete_unused(hash).await? {
                tracing::info!(media.hash = hearth_media::blobs::hex(&hash), "Deleted an orphaned media file.");
            }
        }
        Ok(())
    }
}
