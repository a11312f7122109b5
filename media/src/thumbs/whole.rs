//! GIF and WebP: formats that can only be decoded whole, so their size is bounded by memory.

use super::ThumbError;
use super::input::Input;
use super::make::{Header, Picture, check_memory};
use super::pixels::{Layout, Pixels, unreadable};
use super::size::Target;
use crate::limits::{THUMB_DECODE_BYTES_MAX, THUMB_WHOLE_FILE_BYTES_MAX};
use image::codecs::{gif::GifDecoder, webp::WebPDecoder};
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, Limits};
use std::io::BufReader;

/// The canvas in four channels, and a frame beside it.
const GIF_BYTES_PER_PIXEL: u64 = 8;

/// The planes or the lossless frame beside the result.
const WEBP_BYTES_PER_PIXEL_HALVES: u64 = 11;

struct Whole<D> {
    header: Header,
    decoder: D,
}

/// Reads the header of a GIF.
pub(super) fn open_gif(input: Input, file_bytes: u64) -> Result<impl Picture, ThumbError> {
    check_file(file_bytes)?;
    let decoder = GifDecoder::new(BufReader::new(input)).map_err(unreadable)?;
    let (width, height) = decoder.dimensions();
    check_memory(u64::from(width) * u64::from(height) * GIF_BYTES_PER_PIXEL)?;
    let header = Header { width, height, orientation: Orientation::NoTransforms, may_move: true };
    Ok(Whole { header, decoder })
}

/// Reads the header of a WebP.
pub(super) fn open_webp(input: Input, file_bytes: u64) -> Result<impl Picture, ThumbError> {
    check_file(file_bytes)?;
    let mut decoder = WebPDecoder::new(BufReader::new(input)).map_err(unreadable)?;
    let (width, height) = decoder.dimensions();
    check_memory(u64::from(width) * u64::from(height) * WEBP_BYTES_PER_PIXEL_HALVES / 2)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let header = Header { width, height, orientation, may_move: decoder.has_animation() };
    Ok(Whole { header, decoder })
}

fn check_file(file_bytes: u64) -> Result<(), ThumbError> {
    if file_bytes > THUMB_WHOLE_FILE_BYTES_MAX {
        return Err(ThumbError::TooLarge("its file is too large"));
    }
    Ok(())
}

impl<D: ImageDecoder> Picture for Whole<D> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn decode(self: Box<Self>, _: Target) -> Result<Pixels, ThumbError> {
        let Self { header, mut decoder } = *self;
        let mut limits = Limits::default();
        limits.max_alloc = Some(THUMB_DECODE_BYTES_MAX);
        decoder.set_limits(limits).map_err(unreadable)?;
        let layout = match decoder.color_type() {
            ColorType::L8 => Layout::Gray,
            ColorType::La8 => Layout::GrayAlpha,
            ColorType::Rgb8 => Layout::Rgb,
            ColorType::Rgba8 => Layout::Rgba,
            other => return Err(unreadable(format_args!("its colours are stored as {other:?}"))),
        };
        let total_bytes = decoder.total_bytes();
        check_memory(total_bytes)?;
        let mut bytes = vec![0; usize::try_from(total_bytes).map_err(unreadable)?];
        decoder.read_image(&mut bytes).map_err(unreadable)?;
        Ok(Pixels { width: header.width, height: header.height, layout, bytes, premultiplied: false })
    }
}
