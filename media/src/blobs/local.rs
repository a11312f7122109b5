//! The store in a folder: `root/ab/cd/<hash in hex>`, and `root/tmp` for writes in progress.
//!
//! A file appears complete or not at all: it is written to `tmp`, synced, renamed, and the folder is synced.
//! What [`BlobWriter::finish`] has acknowledged therefore survives a power cut; a crash before leaves only a
//! file in `tmp`, which the next start removes. All disk I/O runs on tokio's blocking threads.
//!
//! One process owns a root, as opening it clears `tmp`. The caller must prevent deleting a file while the same
//! bytes are being uploaded, because only the caller knows the references.

mod list;
mod reader;
mod writer;

pub use list::BlobUsage;
pub use reader::{Blob, BlobStream};
pub use writer::BlobWriter;

use super::{BlobError, BlobHash, hex};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A blob store in one folder. Cheap to clone; clones share state.
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
    /// Opens the store in `root`. Creates the folder if it is new, and removes the temporary files of
    /// interrupted writes. Blocking: call it at start.
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

    /// Starts writing a blob of at most `max_bytes`.
    ///
    /// # Errors
    /// [`BlobError::Full`] or [`BlobError::Io`] if the temporary file cannot be created.
    pub async fn writer(&self, max_bytes: u64) -> Result<BlobWriter, BlobError> {
        BlobWriter::create(self.clone(), max_bytes).await
    }

    /// Opens a blob. `None` if it is not in the store.
    ///
    /// # Errors
    /// [`BlobError::Io`] if it exists but cannot be opened.
    pub async fn open_blob(&self, hash: &BlobHash) -> Result<Option<Blob>, BlobError> {
        let path = self.path(hash);
        blocking(move || Blob::open(path)).await
    }

    /// Opens a blob that must exist with this length.
    ///
    /// # Errors
    /// [`BlobError::Missing`] or [`BlobError::Damaged`] with the path; otherwise [`BlobError::Io`].
    pub async fn open_expected(&self, hash: &BlobHash, expected_bytes: u64) -> Result<Blob, BlobError> {
        let blob = self.open_blob(hash).await?.ok_or_else(|| BlobError::Missing { path: self.path(hash) })?;
        if blob.bytes() == expected_bytes {
            Ok(blob)
        } else {
            Err(BlobError::Damaged { path: self.path(hash), expected_bytes, found_bytes: blob.bytes() })
        }
    }

    /// Whether a blob is in the store.
    ///
    /// # Errors
    /// [`BlobError::Io`] if the file system cannot tell.
    pub async fn exists(&self, hash: &BlobHash) -> Result<bool, BlobError> {
        let path = self.path(hash);
        blocking(move || path.try_exists().map_err(|error| BlobError::io("look at", &path, error))).await
    }

    /// Deletes a blob. `false` if there was none. A [`Blob`] that is already open stays readable. Blocking.
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

    /// Like [`Blobs::delete_blocking`], on a blocking thread. Completes even if its future is dropped.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    pub async fn delete(&self, hash: &BlobHash) -> Result<bool, BlobError> {
        let (blobs, hash) = (self.clone(), *hash);
        blocking(move || blobs.delete_blocking(&hash)).await
    }

    /// The path of a blob, whether or not it exists. For messages and backups.
    pub fn path(&self, hash: &BlobHash) -> PathBuf {
        let name = hex(hash);
        self.shared.root.join(&name[0..2]).join(&name[2..4]).join(name)
    }

    /// A path in `tmp` that is unique within this process.
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

/// Syncs a folder, so that the names in it survive a power cut.
fn sync_dir(dir: &Path) -> Result<(), BlobError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| BlobError::io("sync the folder", dir, error))
}

/// Runs disk I/O on a blocking thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        // The runtime is shutting down, or the closure panicked (logged by the panic hook).
        Err(_) => Err(BlobError::Interrupted),
    }
}

#[cfg(test)]
mod tests;
