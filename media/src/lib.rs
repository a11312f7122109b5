//! Media without Matrix: bytes on disk, bytes out again, pictures made small.
//!
//! * [`blobs`]: a content-addressed store (SHA-256) with streaming writes and ranged reads.
//! * [`ranges`]: the HTTP `Range` header.
//! * [`sniff`]: what a file is, by its first bytes.
//! * [`serving`]: what may be shown inline, and the headers that keep a browser from running it.
//! * [`thumbs`]: thumbnails in a small pool of threads with bounded memory.
//! * [`limits`]: every bound of the above, by name.
//!
//! It knows no database, no media ids, no users and no HTTP types: who may see what, and which
//! file belongs to which `mxc://` address, is decided by the caller.

pub mod blobs;
pub mod limits;
pub mod ranges;
pub mod serving;
pub mod sniff;
pub mod thumbs;

pub use blobs::{Blob, BlobError, BlobHash, Blobs, Stored};
pub use ranges::{ByteRange, Requested};
pub use serving::{Disposition, SAFE_HEADERS};
pub use sniff::Kind;
pub use thumbs::{Method, Outcome, Source, Spec, Thumb, ThumbError, Thumbnailer};
