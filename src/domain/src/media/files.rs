//! Files without a row: keeping them while their row is on its way, deleting them when no row is left.

use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_store::engine::Tx;
use hearth_store::tables::media::Hash;
use hearth_store::tables::{media, remote_media, thumbnails};
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use super::{Media, refuse};

/// Between a file's last byte and its row's commit the file has no row and must not be deleted, nor may one with the same
/// bytes be. Those who bring files in share the gate; whoever deletes has it alone.
#[derive(Debug, Default)]
pub(super) struct FileGuard(Arc<RwLock<()>>);

/// Held from before a file is finished until its row is committed. It goes into the write's closure and its effects,
/// because the write goes on when the request's future is dropped.
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

/// Whether a file was uploaded, here or elsewhere: then thumbnails may be made of it.
pub(super) fn is_original(tx: &mut dyn Tx, hash: &Hash) -> Result<bool> {
    Ok(media::has_hash(tx, hash)? || remote_media::has_hash(tx, hash)?)
}

impl Media {
    /// Deletes a file that no row refers to; says whether it did.
    pub(super) async fn delete_unused(&self, hash: Hash) -> Result<bool> {
        let alone = self.gate.0.clone().write_owned().await;
        if self.core.store.read("media_file_used", move |tx| is_used(tx.tx(), &hash)).await? {
            return Ok(false);
        }
        let blobs = self.blobs.clone();
        // The gate goes along: the deletion goes on when this future is dropped.
        let deleting = tokio::task::spawn_blocking(move || {
            let deleted = blobs.delete_blocking(&hash);
            drop(alone);
            deleted
        });
        deleting.await.map_err(|error| Error::fault("deleting a media file", error))?.map_err(refuse::disk)
    }
}
