//! Media handling without Matrix: storing blobs, serving them safely, making thumbnails.
//!
//! * [`blobs`]: a content-addressed store (SHA-256) with streaming writes and ranged reads.
//! * [`ranges`]: the HTTP `Range` header.
//! * [`sniff`]: file types, detected from the first bytes.
//! * [`serving`]: which files may be shown inline, and the headers that prevent a browser from executing them.
//! * [`thumbs`]: thumbnails in a small thread pool with bounded memory.
//! * [`limits`]: every limit of the above.
//!
//! The crate knows no database, media ids, users or HTTP types. The caller decides who may access what, and
//! which blob belongs to which `mxc://` URI.

pub mod blobs;
pub mod limits;
pub mod ranges;
pub mod serving;
pub mod sniff;
pub mod thumbs;

pub use blobs::{Blob, BlobError, BlobHash, Blobs, Stored};
pub use ranges::{ByteRange, RequestedRange};
pub use serving::{Disposition, SAFE_HEADERS};
pub use sniff::FileKind;
pub use thumbs::{Method, Source, Spec, Thumb, ThumbError, ThumbnailOutcome, Thumbnailer};
