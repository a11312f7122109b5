//! The store of media files: each is kept once, under the SHA-256 of its bytes.
//!
//! A file here has no name, owner, type or count of references: those are rows in the caller's
//! database. [`local`] keeps the files in a folder; another back end can stand beside it.

mod error;
pub mod local;

pub use error::BlobError;
pub use local::{Blob, BlobStream, BlobWriter, Blobs, Usage};

/// The SHA-256 of a file's bytes, which is its address in the store.
pub type BlobHash = [u8; 32];

/// What a finished write has put into the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Address of the file.
    pub hash: BlobHash,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its first bytes, at most [`crate::limits::HEAD_BYTES`], for [`crate::sniff::sniff`].
    pub head: Vec<u8>,
    /// Whether the same bytes were in the store already.
    pub existed: bool,
}

/// The hash in lower-case hexadecimal, as it stands in file names and logs.
pub fn hex(hash: &BlobHash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
