//! Errors of the blob store, in words that an operator can act on.

use std::io;
use std::path::{Path, PathBuf};

/// A failed operation of the store. Messages contain paths: log them, but do not return them to clients.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The upload exceeds the writer's limit.
    #[error("the file is larger than the limit of {limit_bytes} bytes")]
    TooLarge {
        /// The writer's limit, in bytes.
        limit_bytes: u64,
    },
    /// The disk or the quota is full. Nothing was stored.
    #[error("no space left to write {}: free some space or delete old media, then try again", path.display())]
    Full {
        /// The file being written.
        path: PathBuf,
    },
    /// A file is missing.
    #[error("media file {} is missing: restore it from a backup", path.display())]
    Missing {
        /// The expected path.
        path: PathBuf,
    },
    /// The length or the hash of a file differs from when it was stored.
    #[error(
        "media file {} is damaged ({found_bytes} bytes, expected {expected_bytes}): restore it from a backup",
        path.display()
    )]
    Damaged {
        /// The damaged file.
        path: PathBuf,
        /// Expected length, in bytes.
        expected_bytes: u64,
        /// Actual length, in bytes. Equal to the expected one if only the hash differs.
        found_bytes: u64,
    },
    /// An earlier write failed or was cancelled. Start with a new writer.
    #[error("an earlier write to this file was interrupted: start the upload again")]
    Interrupted,
    /// Any other error of the file system.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The attempted operation, as a verb.
        action: &'static str,
        /// The affected file or folder.
        path: PathBuf,
        /// The error of the system call.
        source: io::Error,
    },
}

impl BlobError {
    /// Classifies an I/O error: a full disk or quota is distinct, because callers handle it.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            _ => Self::Io { action, path, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::BlobError;
    use std::io;
    use std::path::Path;

    #[test]
    fn a_full_disk_is_a_separate_error() {
        const ENOSPC: i32 = 28;
        let error = BlobError::io("write", Path::new("tmp/1"), io::Error::from_raw_os_error(ENOSPC));
        assert!(matches!(error, BlobError::Full { .. }), "{error}");
        assert!(error.to_string().contains("tmp/1"));
    }
}
