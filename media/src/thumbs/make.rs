//! Makes one thumbnail, on the calling thread.

use super::input::{Input, Source};
use super::pixels::Pixels;
use super::size::{Spec, TargetSize};
use super::{ThumbError, ThumbnailOutcome, encode, gif_webp, jpeg, png};
use crate::limits::{HEAD_BYTES, THUMB_ANIMATED_ORIGINAL_BYTES_MAX, THUMB_DECODE_BYTES_MAX};
use crate::sniff::{FileKind, sniff};
use image::metadata::Orientation;
use std::io::{Read, Seek, SeekFrom};

/// The header of an image, known before any pixel is decoded.
pub(super) struct ImageHeader {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) orientation: Orientation,
    /// Whether it is animated, or could be: some formats tell only by decoding.
    pub(super) may_move: bool,
}

/// An image whose header has been read.
pub(super) trait EncodedImage {
    fn header(&self) -> &ImageHeader;

    /// Decodes the first frame at the target's needed size or larger.
    fn decode(self: Box<Self>, target: TargetSize) -> Result<Pixels, ThumbError>;
}

/// When an image serves as its own thumbnail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OriginalUse {
    /// When it is not larger than the thumbnail.
    IfSmall,
    /// Never: it is encoded anew.
    Never,
}

/// Makes the thumbnail, or returns why there is none.
pub(super) fn make(
    source: Source,
    spec: &Spec,
    max_pixels: u64,
    original_use: OriginalUse,
) -> Result<ThumbnailOutcome, ThumbError> {
    let mut input = Input::new(source);
    let file_bytes = input.seek(SeekFrom::End(0))?;
    input.rewind()?;
    let mut head = Vec::with_capacity(HEAD_BYTES);
    input.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    input.rewind()?;
    let kind = sniff(&head).ok_or(ThumbError::Unsupported)?;
    let picture: Box<dyn EncodedImage> = match kind {
        FileKind::Jpeg => Box::new(jpeg::open(input)?),
        FileKind::Png => Box::new(png::open(input)?),
        FileKind::Gif => Box::new(gif_webp::open_gif(input, file_bytes)?),
        FileKind::WebP => Box::new(gif_webp::open_webp(input, file_bytes)?),
        _ => return Err(ThumbError::Unsupported),
    };
    let header = picture.header();
    if u64::from(header.width) * u64::from(header.height) > max_pixels {
        return Err(ThumbError::TooLarge("it has too many pixels"));
    }
    let original = ThumbnailOutcome::Original { content_type: kind.content_type() };
    let is_anew = original_use == OriginalUse::Never;
    if !is_anew && spec.animated && header.may_move && file_bytes <= THUMB_ANIMATED_ORIGINAL_BYTES_MAX {
        return Ok(original);
    }
    let sideways = turns_sideways(header.orientation);
    let (width, height) = if sideways { (header.height, header.width) } else { (header.width, header.height) };
    let target = match spec.standard().target(width, height) {
        Some(target) => target,
        // The original is animated, but no animation was requested: return its first frame in the same size.
        None if is_anew || (header.may_move && !spec.animated) => TargetSize::same(width, height),
        None => return Ok(original),
    };
    let target = if sideways { target.turned() } else { target };
    let orientation = header.orientation;
    let small = picture.decode(target)?.resize(target)?;
    encode::encode(small, orientation).map(ThumbnailOutcome::Made)
}

fn turns_sideways(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    )
}

/// Refuses to decode an image that exceeds the memory limit of one thumbnail.
pub(super) fn check_memory(bytes: u64) -> Result<(), ThumbError> {
    if bytes > THUMB_DECODE_BYTES_MAX {
        return Err(ThumbError::TooLarge("it takes too much memory to decode"));
    }
    Ok(())
}
