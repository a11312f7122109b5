//! Thumbnails of PNG, JPEG, GIF and WebP images.
//!
//! The images are untrusted. Their type is detected from the bytes, their dimensions are read from the header
//! and checked before decoding, and decoding scales down where the format permits (JPEG in the DCT, PNG row by
//! row). Memory then depends on the thumbnail instead of the image.
//!
//! There are no animated thumbnails: a small animated image may serve as its own thumbnail, of others the first
//! frame is shown. Colour profiles are not applied. The caller stores thumbnails; [`Spec::standard`] has only a
//! few values, so few are stored per image.

mod encode;
mod gif_webp;
mod input;
mod jpeg;
mod jpeg_header;
mod make;
mod pixels;
mod png;
mod pool;
mod size;

pub use input::Source;
pub use pool::Thumbnailer;
pub use size::{Method, Spec, StandardSize};

use std::io;

/// A finished thumbnail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumb {
    /// The encoded image.
    pub bytes: Vec<u8>,
    /// `image/png` if any pixel is transparent, else `image/jpeg`.
    pub content_type: &'static str,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// Result of a thumbnail request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThumbnailOutcome {
    /// A thumbnail was made.
    Made(Thumb),
    /// The image is not larger than the thumbnail would be, or is a small animation and animation was
    /// requested. Serve the file itself with this detected content type.
    Original {
        /// One of `image/png`, `image/jpeg`, `image/gif`, `image/webp`.
        content_type: &'static str,
    },
}

/// Why there is no thumbnail.
#[derive(Debug, thiserror::Error)]
pub enum ThumbError {
    /// Not a PNG, JPEG, GIF or WebP image, whatever its declared type.
    #[error("thumbnails are not supported for this file type")]
    Unsupported,
    /// Exceeds the limits on pixels, memory or time for one image.
    #[error("the image is too large for a thumbnail: {0}")]
    TooLarge(&'static str),
    /// Truncated, damaged, or in an unsupported variant of the format.
    #[error("the image cannot be decoded: {0}")]
    Unreadable(String),
    /// The queue is full. Retry in a few seconds.
    #[error("too many thumbnails are in progress, try again in a few seconds")]
    Busy,
    /// Reading the file or starting a thread failed.
    #[error("failed to make a thumbnail: {0}")]
    Io(#[from] io::Error),
}

#[cfg(test)]
mod bombs;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
