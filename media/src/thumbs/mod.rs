//! Thumbnails of PNG, JPEG, GIF and WebP pictures.
//!
//! The pictures are a stranger's: their type is sniffed, their size is read from the header and
//! checked before anything is decoded, and decoding shrinks on the way where the format allows
//! (JPEG by its DCT, PNG row by row), so that memory follows the thumbnail and not the picture.
//!
//! No animated thumbnails are made: a small animated picture may be its own thumbnail, of others
//! the first frame is shown. Colour profiles are not applied. Where thumbnails are kept is the
//! caller's matter; [`Spec::standard`] has only five values, so few are kept per picture.

mod encode;
mod input;
mod jpeg;
mod jpeg_header;
mod make;
mod pixels;
mod png;
mod pool;
mod size;
mod whole;

pub use input::Source;
pub use pool::Thumbnailer;
pub use size::{Method, Spec, StandardSize};

use std::io;

/// A finished thumbnail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumb {
    /// The encoded picture.
    pub bytes: Vec<u8>,
    /// `image/png` when something in it is transparent, else `image/jpeg`.
    pub content_type: &'static str,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// The answer to a request for a thumbnail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A smaller picture was made.
    Made(Thumb),
    /// The picture is not larger than the thumbnail would be (or is a small animation and
    /// animation was asked for): serve the file itself, under this sniffed content type.
    Original {
        /// One of `image/png`, `image/jpeg`, `image/gif`, `image/webp`.
        content_type: &'static str,
    },
}

/// Why there is no thumbnail.
#[derive(Debug, thiserror::Error)]
pub enum ThumbError {
    /// Not a PNG, JPEG, GIF or WebP picture, whatever it is called.
    #[error("no thumbnails are made of this type of file")]
    Unsupported,
    /// It would take more pixels, memory or time than one picture may.
    #[error("the picture is too large to make a thumbnail of: {0}")]
    TooLarge(&'static str),
    /// Truncated, damaged, or of a variety that is not decoded.
    #[error("the picture cannot be read: {0}")]
    Unreadable(String),
    /// Too many thumbnails are being made: try again in a few seconds.
    #[error("too many thumbnails are being made, try again in a few seconds")]
    Busy,
    /// The file could not be read, or no thread could be started.
    #[error("cannot make a thumbnail: {0}")]
    Io(#[from] io::Error),
}

#[cfg(test)]
mod bombs;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
