//! A content-addressed store of media files. Each file is stored once, under the SHA-256 of its bytes.
//!
//! Blobs have no name, owner, type or reference count: these are rows in the caller's database. [`local`]
//! stores blobs in a folder.

mod error;
pub mod local;

pub use error::BlobError;
pub use local::{Blob, BlobStream, BlobUsage, BlobWriter, Blobs};

/// SHA-256 of a blob, which is its address in the store.
pub type BlobHash = [u8; 32];

/// Result of a finished write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Address of the blob.
    pub hash: BlobHash,
    /// Length in bytes.
    pub bytes: u64,
    /// First bytes, at most [`crate::limits::HEAD_BYTES`], for [`crate::sniff::sniff`].
    pub head: Vec<u8>,
    /// Whether the blob was in the store before.
    pub existed: bool,
}

/// The hash in lower-case hexadecimal, as in file names and logs.
pub fn hex(hash: &BlobHash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
