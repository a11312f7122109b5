//! The store in a folder: `root/ab/cd/<hash in hex>`, and `root/tmp` for writes under way.
//!
//! Files appear whole or not at all: written to `tmp`, synced, renamed, and the folder synced, so
//! what [`BlobWriter::finish`] has answered survives a power cut. All disk work happens on tokio's
//! blocking threads.
//!
//! One process owns a root: opening it clears `tmp`. Deleting a file while the same bytes are being
//! uploaded is for the caller to prevent, since only it knows who refers to what.

mod list;
mod reader;
mod writer;

pub use list::Usage;
pub use reader::{Blob, BlobStream};
pub use writer::BlobWriter;

use super::{BlobError, BlobHash, hex};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A store of files in one folder. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct Blobs {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    tmp: PathBuf,
    next_temporary: AtomicU64,
}

impl Blobs {
    /// Opens the store in `root`, creating the folder when it is new and removing what
    /// interrupted writes have left. Blocks; call it at start.
    ///
    /// # Errors
    /// [`BlobError::Io`] or [`BlobError::Full`], naming the folder.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, BlobError> {
        let root = root.into();
        let tmp = root.join("tmp");
        fs::create_dir_all(&tmp).map_err(|error| BlobError::io("create the folder", &tmp, error))?;
        remove_leftovers(&tmp)?;
        sync_dir(&root)?;
        Ok(Self { shared: Arc::new(Shared { root, tmp, next_temporary: AtomicU64::new(0) }) })
    }

    /// Starts writing a file of at most `max_bytes`.
    ///
    /// # Errors
    /// [`BlobError::Full`] or [`BlobError::Io`] when no temporary file can be made.
    pub async fn writer(&self, max_bytes: u64) -> Result<BlobWriter, BlobError> {
        BlobWriter::create(self.clone(), max_bytes).await
    }

    /// Opens a stored file; `None` when it is not in the store.
    ///
    /// # Errors
    /// [`BlobError::Io`] when it cannot be opened for another reason.
    pub async fn open_blob(&self, hash: &BlobHash) -> Result<Option<Blob>, BlobError> {
        let path = self.path(hash);
        blocking(move || Blob::open(path)).await
    }

    /// Opens a file that must be there with the length it was stored with.
    ///
    /// # Errors
    /// [`BlobError::Missing`] and [`BlobError::Damaged`] name the file; else [`BlobError::Io`].
    pub async fn open_expected(&self, hash: &BlobHash, expected_bytes: u64) -> Result<Blob, BlobError> {
        let blob = self.open_blob(hash).await?.ok_or_else(|| BlobError::Missing { path: self.path(hash) })?;
        if blob.bytes() == expected_bytes {
            Ok(blob)
        } else {
            Err(BlobError::Damaged { path: self.path(hash), expected_bytes, found_bytes: blob.bytes() })
        }
    }

    /// Whether a file is in the store.
    ///
    /// # Errors
    /// [`BlobError::Io`] when the disk does not tell.
    pub async fn exists(&self, hash: &BlobHash) -> Result<bool, BlobError> {
        let path = self.path(hash);
        blocking(move || path.try_exists().map_err(|error| BlobError::io("look at", &path, error))).await
    }

    /// Deletes a file; `false` when there was none. A [`Blob`] opened before can still be read. Blocks.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    pub fn delete_blocking(&self, hash: &BlobHash) -> Result<bool, BlobError> {
        let path = self.path(hash);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(BlobError::io("delete", &path, error)),
        }
    }

    /// As [`Blobs::delete_blocking`], on a blocking thread. Goes on when its future is dropped.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    pub async fn delete(&self, hash: &BlobHash) -> Result<bool, BlobError> {
        let (blobs, hash) = (self.clone(), *hash);
        blocking(move || blobs.delete_blocking(&hash)).await
    }

    /// Where a file is or would be, for messages and backups.
    pub fn path(&self, hash: &BlobHash) -> PathBuf {
        let name = hex(hash);
        self.shared.root.join(&name[0..2]).join(&name[2..4]).join(name)
    }

    /// A name in `tmp` that no other writer of this process has.
    fn temporary_path(&self) -> PathBuf {
        self.shared.tmp.join(self.shared.next_temporary.fetch_add(1, Ordering::Relaxed).to_string())
    }
}

fn remove_leftovers(tmp: &Path) -> Result<(), BlobError> {
    let failed = |error| BlobError::io("clear", tmp, error);
    for entry in fs::read_dir(tmp).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        fs::remove_file(&path).map_err(|error| BlobError::io("remove the leftover", &path, error))?;
    }
    Ok(())
}

/// Makes the names in a folder durable.
fn sync_dir(dir: &Path) -> Result<(), BlobError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| BlobError::io("sync the folder", dir, error))
}

/// Runs disk work on a blocking thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        // The runtime is stopping, or the work panicked (which the panic hook has logged).
        Err(_) => Err(BlobError::Interrupted),
    }
}

#[cfg(test)]
mod tests;
