//! Files without a row: protected while their row is being written, deleted once no row refers to them.

use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_store::engine::Tx;
use hearth_store::tables::media::Hash;
use hearth_store::tables::{media, remote_media, thumbnails};
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use super::{Media, refuse};

/// A file has no row between its last byte and the commit. It must not be deleted then, nor may one with the same bytes
/// be. Uploads hold this lock shared, deletions hold it exclusively.
#[derive(Debug, Default)]
pub(super) struct FileGuard(Arc<RwLock<()>>);

/// A shared hold, from before a file is finished until its row is committed. It moves into the write's closure, because
/// the write continues when the request's future is dropped.
pub(super) type ComingIn = OwnedRwLockReadGuard<()>;

impl FileGuard {
    pub(super) async fn come_in(&self) -> ComingIn {
        self.0.clone().read_owned().await
    }
}

/// Whether any row refers to a file.
pub(super) fn is_used(tx: &mut dyn Tx, hash: &Hash) -> Result<bool> {
    Ok(is_original(tx, hash)? || thumbnails::has_hash(tx, hash)?)
}

/// Whether a file is an upload, local or remote: only then can it have thumbnails.
pub(super) fn is_original(tx: &mut dyn Tx, hash: &Hash) -> Result<bool> {
    Ok(media::has_hash(tx, hash)? || remote_media::has_hash(tx, hash)?)
}

impl Media {
    /// Deletes a file if no row refers to it; returns whether it did.
    pub(super) async fn delete_unused(&self, hash: Hash) -> Result<bool> {
        let alone = self.gate.0.clone().write_owned().await;
        // Check under the exclusive lock: no upload of the same bytes is then between its file and its row.
        if self.core.store.read("media_file_used", move |tx| is_used(tx.tx(), &hash)).await? {
            return Ok(false);
        }
        let blobs = self.blobs.clone();
        // The lock moves along: the deletion continues when this future is dropped.
        let deleting = tokio::task::spawn_blocking(move || {
            let deleted = blobs.delete_blocking(&hash);
            drop(alone);
            deleted
        });
        deleting.await.map_err(|error| Error::fault("deleting a media file", error))?.map_err(refuse::disk)
    }
}
