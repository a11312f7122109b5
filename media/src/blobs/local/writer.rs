//! Writes a blob.
//!
//! Chunks are collected without copying until a hand-over to a blocking thread pays off. The thread hashes them
//! and writes them with one vectored call.

use super::{Blobs, blocking, sync_dir};
use crate::blobs::{BlobError, BlobHash, Stored};
use crate::limits::{HEAD_BYTES, WRITE_CHUNK_BYTES, WRITE_SLICES_MAX};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{IoSlice, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A blob being written. Dropping it before [`BlobWriter::finish`] removes the temporary file.
#[derive(Debug)]
pub struct BlobWriter {
    blobs: Blobs,
    max_bytes: u64,
    bytes: u64,
    head: Vec<u8>,
    collected: Vec<Bytes>,
    collected_bytes: usize,
    /// `None` while a write is in progress on a blocking thread, and after one failed or was cancelled.
    partial: Option<Partial>,
}

/// The part on disk. Moves to a blocking thread for each write and back.
#[derive(Debug)]
struct Partial {
    file: File,
    path: TemporaryPath,
    hasher: Sha256,
}

/// A path in `tmp`, removed on drop unless the file has been renamed.
#[derive(Debug)]
struct TemporaryPath(Option<PathBuf>);

impl TemporaryPath {
    fn path(&self) -> &Path {
        self.0.as_deref().unwrap_or(Path::new(""))
    }
}

impl Drop for TemporaryPath {
    fn drop(&mut self) {
        if let Some(path) = &self.0
            && let Err(error) = fs::remove_file(path)
        {
            let path = path.display();
            tracing::warn!(media.path = %path, %error, "Failed to remove a temporary media file. The next start removes it.");
        }
    }
}

impl BlobWriter {
    pub(super) async fn create(blobs: Blobs, max_bytes: u64) -> Result<Self, BlobError> {
        let path = blobs.temporary_path();
        let partial = blocking(move || {
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)
                .map_err(|error| BlobError::io("create", &path, error))?;
            Ok(Partial { file, path: TemporaryPath(Some(path)), hasher: Sha256::new() })
        })
        .await?;
        Ok(Self {
            blobs,
            max_bytes,
            bytes: 0,
            head: Vec::new(),
            collected: Vec::new(),
            collected_bytes: 0,
            partial: Some(partial),
        })
    }

    /// Bytes accepted so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes that are in the file: those accepted, without those still collected.
    pub fn written_bytes(&self) -> u64 {
        self.bytes.saturating_sub(self.collected_bytes as u64)
    }

    /// The first bytes accepted, at most [`HEAD_BYTES`].
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Accepts the next bytes. They may reach the disk later.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`] as soon as the limit is exceeded, [`BlobError::Full`], [`BlobError::Io`]. After
    /// an error, or if this future is dropped before it completes, the writer is unusable.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), BlobError> {
        self.bytes = self.bytes.saturating_add(chunk.len() as u64);
        if self.bytes > self.max_bytes {
            self.partial = None;
            self.collected = Vec::new();
            return Err(BlobError::TooLarge { limit_bytes: self.max_bytes });
        }
        if chunk.is_empty() {
            return Ok(());
        }
        let wanted = HEAD_BYTES - self.head.len();
        self.head.extend_from_slice(&chunk[..chunk.len().min(wanted)]);
        self.collected_bytes += chunk.len();
        self.collected.push(chunk);
        if self.collected_bytes >= WRITE_CHUNK_BYTES || self.collected.len() >= WRITE_SLICES_MAX {
            let (mut partial, chunks) = self.take_collected()?;
            let partial = blocking(move || partial.append(&chunks).map(|()| partial)).await?;
            self.partial = Some(partial);
        }
        Ok(())
    }

    /// Stores the blob. Once this returns, the blob survives a power cut.
    ///
    /// # Errors
    /// [`BlobError::Full`], [`BlobError::Io`], or [`BlobError::Interrupted`] after an earlier failure.
    pub async fn finish(mut self) -> Result<Stored, BlobError> {
        let (mut partial, chunks) = self.take_collected()?;
        let (blobs, bytes) = (self.blobs.clone(), self.bytes);
        let (hash, existed) = blocking(move || {
            partial.append(&chunks)?;
            partial.store(&blobs, bytes)
        })
        .await?;
        Ok(Stored { hash, bytes, head: std::mem::take(&mut self.head), existed })
    }

    fn take_collected(&mut self) -> Result<(Partial, Vec<Bytes>), BlobError> {
        let partial = self.partial.take().ok_or(BlobError::Interrupted)?;
        self.collected_bytes = 0;
        Ok((partial, std::mem::take(&mut self.collected)))
    }
}

impl Partial {
    fn append(&mut self, chunks: &[Bytes]) -> Result<(), BlobError> {
        for chunk in chunks {
            self.hasher.update(chunk);
        }
        let mut slices: Vec<IoSlice<'_>> = chunks.iter().map(|chunk| IoSlice::new(chunk)).collect();
        write_all_vectored(&mut self.file, &mut slices).map_err(|error| BlobError::io("write", self.path.path(), error))
    }

    /// Renames the file to its hash. If two writers have the same bytes, either may win: the results are
    /// identical.
    fn store(mut self, blobs: &Blobs, bytes: u64) -> Result<(BlobHash, bool), BlobError> {
        let hash: BlobHash = std::mem::take(&mut self.hasher).finalize().into();
        let target = blobs.path(&hash);
        let leaf = target.parent().unwrap_or(&blobs.shared.root);
        // A file of another length was truncated by a failing disk. Replace it with the new bytes.
        let existed = fs::metadata(&target).is_ok_and(|there| there.len() == bytes);
        if !existed {
            self.file.sync_all().map_err(|error| BlobError::io("sync", self.path.path(), error))?;
            create_leaf(&blobs.shared.root, leaf)?;
            fs::rename(self.path.path(), &target).map_err(|error| BlobError::io("rename to", &target, error))?;
            self.path.0 = None;
        }
        // Even if the blob existed: another writer may be between its rename and its sync.
        sync_dir(leaf)?;
        Ok((hash, existed))
    }
}

/// Creates `root/ab/cd` and syncs the parents, so that the new folders survive a power cut.
fn create_leaf(root: &Path, leaf: &Path) -> Result<(), BlobError> {
    if leaf.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(leaf).map_err(|error| BlobError::io("create the folder", leaf, error))?;
    if let Some(branch) = leaf.parent() {
        sync_dir(branch)?;
    }
    sync_dir(root)
}

fn write_all_vectored(file: &mut File, mut slices: &mut [IoSlice<'_>]) -> std::io::Result<()> {
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match file.write_vectored(slices) {
            Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
