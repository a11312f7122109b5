//! Contents of the store: totals for the dashboard, lists and checks for backups and maintenance.

use super::{Blob, Blobs, blocking};
use crate::blobs::{BlobError, BlobHash};
use crate::limits::READ_CHUNK_BYTES;
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fs::{self, ReadDir};
use std::io;
use std::path::Path;

/// Size of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlobUsage {
    /// Number of blobs.
    pub files: u64,
    /// Sum of their lengths, in bytes.
    pub bytes: u64,
}

impl Blobs {
    /// Counts all blobs. Reads every folder, so do not call it per request.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    pub async fn usage(&self) -> Result<BlobUsage, BlobError> {
        let mut usage = BlobUsage::default();
        for first_byte in 0..=u8::MAX {
            for (_, bytes) in self.list(first_byte).await? {
                usage.files += 1;
                usage.bytes += bytes;
            }
        }
        Ok(usage)
    }

    /// Free bytes on the file system of the store.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    pub async fn free_bytes(&self) -> Result<u64, BlobError> {
        let root = self.shared.root.clone();
        blocking(move || {
            let system = rustix::fs::statvfs(&root).map_err(|error| BlobError::io("look at", &root, error.into()))?;
            Ok(system.f_bavail.saturating_mul(system.f_frsize))
        })
        .await
    }

    /// The blobs whose hash starts with this byte, with their lengths in bytes: one of 256 parts of the whole
    /// list.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    pub async fn list(&self, first_byte: u8) -> Result<Vec<(BlobHash, u64)>, BlobError> {
        let branch = self.shared.root.join(format!("{first_byte:02x}"));
        blocking(move || list_branch(&branch)).await
    }

    /// Reads a blob and compares its hash. Returns its length in bytes.
    ///
    /// # Errors
    /// [`BlobError::Missing`], [`BlobError::Damaged`], [`BlobError::Io`].
    pub async fn verify(&self, hash: &BlobHash) -> Result<u64, BlobError> {
        let (path, hash) = (self.path(hash), *hash);
        blocking(move || {
            let Some(blob) = Blob::open(path.clone())? else {
                return Err(BlobError::Missing { path });
            };
            let bytes = blob.bytes();
            let mut hasher = Sha256::new();
            let mut reader = io::BufReader::with_capacity(READ_CHUNK_BYTES, blob.into_file());
            let found_bytes =
                io::copy(&mut reader, &mut hasher).map_err(|error| BlobError::io("read", &path, error))?;
            if BlobHash::from(hasher.finalize()) == hash {
                Ok(found_bytes)
            } else {
                Err(BlobError::Damaged { path, expected_bytes: bytes, found_bytes })
            }
        })
        .await
    }
}

fn list_branch(branch: &Path) -> Result<Vec<(BlobHash, u64)>, BlobError> {
    let mut found = Vec::new();
    for leaf in entries(branch)? {
        let leaf = leaf.map_err(|error| BlobError::io("list", branch, error))?.path();
        for entry in entries(&leaf)? {
            let entry = entry.map_err(|error| BlobError::io("list", &leaf, error))?;
            // Skip names that are not hashes, and files that are deleted concurrently.
            let Some(hash) = parse_name(&entry.file_name()) else { continue };
            if let Ok(metadata) = entry.metadata() {
                found.push((hash, metadata.len()));
            }
        }
    }
    Ok(found)
}

fn entries(dir: &Path) -> Result<impl Iterator<Item = io::Result<fs::DirEntry>>, BlobError> {
    let listing: Option<ReadDir> = match fs::read_dir(dir) {
        Ok(listing) => Some(listing),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
        Err(error) => return Err(BlobError::io("list", dir, error)),
    };
    Ok(listing.into_iter().flatten())
}

fn parse_name(name: &OsStr) -> Option<BlobHash> {
    let name = name.to_str().filter(|name| name.len() == 64 && name.is_ascii())?;
    let mut hash = BlobHash::default();
    for (index, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&name[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(hash)
}
