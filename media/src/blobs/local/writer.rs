//! One file on its way into the store.
//!
//! Chunks are collected without copying until there is enough for one hand-over to a blocking
//! thread, which hashes them and writes them with one vectored call.

use super::{Blobs, blocking, sync_dir};
use crate::blobs::{BlobError, BlobHash, Stored};
use crate::limits::{HEAD_BYTES, WRITE_CHUNK_BYTES, WRITE_SLICES_MAX};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{IoSlice, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file being written. Dropping it before [`BlobWriter::finish`] leaves nothing behind.
#[derive(Debug)]
pub struct BlobWriter {
    blobs: Blobs,
    max_bytes: u64,
    bytes: u64,
    head: Vec<u8>,
    collected: Vec<Bytes>,
    collected_bytes: usize,
    /// Away on a blocking thread while a write is under way; gone when that write was cancelled or failed.
    partial: Option<Partial>,
}

/// The part on disk, moved to a blocking thread for each write and back.
#[derive(Debug)]
struct Partial {
    file: File,
    path: TemporaryPath,
    hasher: Sha256,
}

/// A name in `tmp`, removed when dropped unless the file was renamed.
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
            tracing::warn!(media.path = %path.display(), %error, "cannot remove a temporary media file; the next start will");
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

    /// Bytes taken so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The first bytes taken so far, at most [`HEAD_BYTES`].
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Takes the next bytes of the file; they may reach the disk later.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`] as soon as the limit is passed, [`BlobError::Full`], [`BlobError::Io`];
    /// after any of them, and after dropping this future half-way, the writer is of no more use.
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

    /// Puts the file into the store. When this returns, it is there after a power cut too.
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

    /// Names the file by its hash. Of two writers of the same bytes either may win: the bytes are the same.
    fn store(mut self, blobs: &Blobs, bytes: u64) -> Result<(BlobHash, bool), BlobError> {
        let hash: BlobHash = std::mem::take(&mut self.hasher).finalize().into();
        let target = blobs.path(&hash);
        let leaf = target.parent().unwrap_or(&blobs.shared.root);
        // A file of another length was cut short by a failing disk; the fresh bytes replace it.
        let existed = fs::metadata(&target).is_ok_and(|there| there.len() == bytes);
        if !existed {
            self.file.sync_all().map_err(|error| BlobError::io("sync", self.path.path(), error))?;
            create_leaf(&blobs.shared.root, leaf)?;
            fs::rename(self.path.path(), &target).map_err(|error| BlobError::io("rename to", &target, error))?;
            self.path.0 = None;
        }
        // Also when it existed: the other writer may be between its rename and its sync.
        sync_dir(leaf)?;
        Ok((hash, existed))
    }
}

/// Creates `root/ab/cd`, with its names durable.
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
