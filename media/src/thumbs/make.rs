//! One thumbnail from start to end, on the thread that calls it.

use super::input::{Input, Source};
use super::pixels::Pixels;
use super::size::{Spec, Target};
use super::{Outcome, ThumbError, encode, jpeg, png, whole};
use crate::limits::{HEAD_BYTES, THUMB_ANIMATED_ORIGINAL_BYTES_MAX, THUMB_DECODE_BYTES_MAX};
use crate::sniff::{Kind, sniff};
use image::metadata::Orientation;
use std::io::{Read, Seek, SeekFrom};

/// What a picture's header says, before any pixel is decoded.
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) orientation: Orientation,
    /// It moves, or cannot be told not to without decoding it.
    pub(super) may_move: bool,
}

/// A picture whose header was read.
pub(super) trait Picture {
    fn header(&self) -> &Header;

    /// Decodes the first frame, at the target's needed size or larger.
    fn decode(self: Box<Self>, target: Target) -> Result<Pixels, ThumbError>;
}

/// Makes the thumbnail, or says why not.
pub(super) fn make(source: Source, spec: &Spec, max_pixels: u64) -> Result<Outcome, ThumbError> {
    let mut input = Input::new(source);
    let file_bytes = input.seek(SeekFrom::End(0))?;
    input.rewind()?;
    let mut head = Vec::with_capacity(HEAD_BYTES);
    input.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    input.rewind()?;
    let kind = sniff(&head).ok_or(ThumbError::Unsupported)?;
    let picture: Box<dyn Picture> = match kind {
        Kind::Jpeg => Box::new(jpeg::open(input)?),
        Kind::Png => Box::new(png::open(input)?),
        Kind::Gif => Box::new(whole::open_gif(input, file_bytes)?),
        Kind::WebP => Box::new(whole::open_webp(input, file_bytes)?),
        _ => return Err(ThumbError::Unsupported),
    };
    let header = picture.header();
    if u64::from(header.width) * u64::from(header.height) > max_pixels {
        return Err(ThumbError::TooLarge("it has too many pixels"));
    }
    let original = Outcome::Original { content_type: kind.content_type() };
    if spec.animated && header.may_move && file_bytes <= THUMB_ANIMATED_ORIGINAL_BYTES_MAX {
        return Ok(original);
    }
    let sideways = turns_sideways(header.orientation);
    let (width, height) = if sideways { (header.height, header.width) } else { (header.width, header.height) };
    let target = match spec.standard().target(width, height) {
        Some(target) => target,
        // The original would move, which was not asked for: show its first frame in the same size.
        None if header.may_move && !spec.animated => Target::same(width, height),
        None => return Ok(original),
    };
    let target = if sideways { target.turned() } else { target };
    let orientation = header.orientation;
    let small = picture.decode(target)?.resize(target)?;
    encode::encode(small, orientation).map(Outcome::Made)
}

fn turns_sideways(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    )
}

/// Refuses to decode what would not fit into the memory one thumbnail may take.
pub(super) fn check_memory(bytes: u64) -> Result<(), ThumbError> {
    if bytes > THUMB_DECODE_BYTES_MAX {
        return Err(ThumbError::TooLarge("it takes too much memory to decode"));
    }
    Ok(())
}
