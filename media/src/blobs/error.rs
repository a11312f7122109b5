//! What can go wrong between us and the disk, in words an operator can act on.

use std::io;
use std::path::{Path, PathBuf};

/// A failed operation of the store. Paths are for the operator's log, not for a client.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// More bytes came than the writer was opened for.
    #[error("the file is larger than the limit of {limit_bytes} bytes")]
    TooLarge {
        /// The writer's limit, in bytes.
        limit_bytes: u64,
    },
    /// No room on the disk or in the quota. Nothing was stored.
    #[error("no space left to write {}: free some space or delete old media, then try again", path.display())]
    Full {
        /// The file being written.
        path: PathBuf,
    },
    /// A file that should be there is not.
    #[error("media file {} is missing: restore it from a backup", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// A file is shorter or longer than it was stored, or its bytes have changed.
    #[error("media file {} is damaged ({found_bytes} bytes, expected {expected_bytes}): restore it from a backup", path.display())]
    Damaged {
        /// The damaged file.
        path: PathBuf,
        /// Bytes it should have.
        expected_bytes: u64,
        /// Bytes it has; the same as expected when only the hash differs.
        found_bytes: u64,
    },
    /// The writer was dropped half-way through a write before; start a new one.
    #[error("an earlier write to this file was interrupted: start the upload again")]
    Interrupted,
    /// Any other failure of the file system.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl BlobError {
    /// Sorts an error of the file system into the kinds a caller treats differently.
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
    fn a_full_disk_is_its_own_kind() {
        const ENOSPC: i32 = 28;
        let error = BlobError::io("write", Path::new("tmp/1"), io::Error::from_raw_os_error(ENOSPC));
        assert!(matches!(error, BlobError::Full { .. }), "{error}");
        assert!(error.to_string().contains("tmp/1"));
    }
}
