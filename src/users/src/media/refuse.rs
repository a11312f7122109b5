//! Maps errors of `hearth-media` to protocol errors.

use hearth_base::{Error, Reason, error::refuse};
use hearth_media::{BlobError, ThumbError};

/// `retry_after_ms` when the thumbnail queue is full.
const BUSY_RETRY_MS: u64 = 2_000;

/// A failure to read or write a media file.
pub(super) fn disk(error: BlobError) -> Error {
    match error {
        BlobError::TooLarge { limit_bytes } => too_large(limit_bytes),
        BlobError::Full { .. } => full(),
        error => Error::fault("reading or writing media", error),
    }
}

/// The upload exceeds the limit.
pub(super) fn too_large(limit_bytes: u64) -> Error {
    let mib = limit_bytes / (1024 * 1024);
    refuse(Reason::TooLarge, format!("The file is larger than {mib} MiB, which is the most this server takes."))
}

/// The disk has no space for uploads.
pub(super) fn full() -> Error {
    refuse(Reason::OutOfSpace, "The server's disk is nearly full: it takes no uploads until there is more room.")
}

/// The media does not exist.
pub(super) fn unknown() -> Error {
    Error::not_found("There is no such media: it was never uploaded, has expired, or was deleted.")
}

/// A thumbnail that failed (client-server API, thumbnail's 400 and 413).
pub(super) fn thumbnail(error: ThumbError) -> Error {
    let message = error.to_string();
    match error {
        ThumbError::Unsupported => {
            refuse(Reason::Unknown, "No thumbnails are made of this type of file; download the file itself.")
        }
        ThumbError::Unreadable(_) => unreadable(),
        ThumbError::TooLarge(_) => refuse(Reason::TooLarge, message),
        ThumbError::Busy => refuse(Reason::LimitExceeded { retry_after_ms: BUSY_RETRY_MS }, message),
        error @ ThumbError::Io(_) => Error::fault("making a thumbnail", error),
    }
}

/// An image that no decoder can read.
pub(super) fn unreadable() -> Error {
    refuse(Reason::Unknown, "The picture is damaged, so no thumbnail can be made; download the file itself.")
}
