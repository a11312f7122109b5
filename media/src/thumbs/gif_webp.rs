//! GIF and WebP. These formats can only be decoded as a whole, so memory limits their dimensions.

use super::ThumbError;
use super::input::Input;
use super::make::{EncodedImage, ImageHeader, check_memory};
use super::pixels::{Layout, Pixels, unreadable};
use super::size::TargetSize;
use crate::limits::{THUMB_DECODE_BYTES_MAX, THUMB_WHOLE_FILE_BYTES_MAX};
use image::codecs::{gif::GifDecoder, webp::WebPDecoder};
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, Limits};
use std::io::BufReader;

/// The canvas in four channels, and one frame.
const GIF_BYTES_PER_PIXEL: u64 = 8;

/// The planes or the lossless frame, and the result.
const WEBP_BYTES_PER_PIXEL_HALVES: u64 = 11;

struct WholeImage<D> {
    header: ImageHeader,
    decoder: D,
}

/// Reads the header of a GIF.
pub(super) fn open_gif(input: Input, file_bytes: u64) -> Result<impl EncodedImage, ThumbError> {
    check_file(file_bytes)?;
    let decoder = GifDecoder::new(BufReader::new(input)).map_err(unreadable)?;
    let (width, height) = decoder.dimensions();
    check_memory(u64::from(width) * u64::from(height) * GIF_BYTES_PER_PIXEL)?;
    let header = ImageHeader { width, height, orientation: Orientation::NoTransforms, may_move: true };
    Ok(WholeImage { header, decoder })
}

/// Reads the header of a WebP.
pub(super) fn open_webp(input: Input, file_bytes: u64) -> Result<impl EncodedImage, ThumbError> {
    check_file(file_bytes)?;
    let mut decoder = WebPDecoder::new(BufReader::new(input)).map_err(unreadable)?;
    let (width, height) = decoder.dimensions();
    check_memory(u64::from(width) * u64::from(height) * WEBP_BYTES_PER_PIXEL_HALVES / 2)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let header = ImageHeader { width, height, orientation, may_move: decoder.has_animation() };
    Ok(WholeImage { header, decoder })
}

fn check_file(file_bytes: u64) -> Result<(), ThumbError> {
    if file_bytes > THUMB_WHOLE_FILE_BYTES_MAX {
        return Err(ThumbError::TooLarge("its file is too large"));
    }
    Ok(())
}

impl<D: ImageDecoder> EncodedImage for WholeImage<D> {
    fn header(&self) -> &ImageHeader {
        &self.header
    }

    fn decode(self: Box<Self>, _: TargetSize) -> Result<Pixels, ThumbError> {
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
