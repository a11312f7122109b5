//! PNG, read row by row and averaged down while reading.
//!
//! Only interlaced images are decoded as a whole. Text chunks and colour profiles are skipped without inflating
//! them, as they are where compression bombs hide.

use super::ThumbError;
use super::input::Input;
use super::make::{EncodedImage, ImageHeader, check_memory};
use super::pixels::{Layout, Pixels, unreadable};
use super::size::TargetSize;
use crate::limits::{THUMB_DECODE_BYTES_MAX, THUMB_PNG_RAW_BYTES_MAX};
use image::metadata::Orientation;
use png::{BitDepth, ColorType, Decoder, Limits, Reader, Transformations};
use std::io::BufReader;

/// Rows that the decoder holds at once: raw, previous and expanded row, and the inflate window.
const ROWS_HELD: u64 = 8;

pub(super) struct Png {
    header: ImageHeader,
    reader: Reader<BufReader<Input>>,
}

/// Reads the header of a PNG, up to the first image data.
pub(super) fn open(input: Input) -> Result<Png, ThumbError> {
    let limits = Limits { bytes: usize::try_from(THUMB_DECODE_BYTES_MAX).unwrap_or(usize::MAX) };
    let mut decoder = Decoder::new_with_limits(BufReader::new(input), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let info = decoder.read_header_info().map_err(unreadable)?;
    let row_bytes = info.raw_row_length() as u64;
    if row_bytes.saturating_mul(u64::from(info.height)) > THUMB_PNG_RAW_BYTES_MAX {
        return Err(ThumbError::TooLarge("it takes too long to unpack"));
    }
    check_memory(row_bytes * ROWS_HELD)?;
    let reader = decoder.read_info().map_err(unreadable)?;
    let info = reader.info();
    let orientation = info.exif_metadata.as_deref().and_then(Orientation::from_exif_chunk);
    let header = ImageHeader {
        width: info.width,
        height: info.height,
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
        may_move: info.animation_control.is_some(),
    };
    Ok(Png { header, reader })
}

impl EncodedImage for Png {
    fn header(&self) -> &ImageHeader {
        &self.header
    }

    fn decode(self: Box<Self>, target: TargetSize) -> Result<Pixels, ThumbError> {
        let Self { header: ImageHeader { width, height, .. }, mut reader } = *self;
        let layout = match reader.output_color_type() {
            (ColorType::Grayscale, BitDepth::Eight) => Layout::Gray,
            (ColorType::GrayscaleAlpha, BitDepth::Eight) => Layout::GrayAlpha,
            (ColorType::Rgb, BitDepth::Eight) => Layout::Rgb,
            (ColorType::Rgba, BitDepth::Eight) => Layout::Rgba,
            other => return Err(unreadable(format_args!("its colours are stored as {other:?}"))),
        };
        // The filter that follows gives the best result with twice the pixels of its output.
        let factor = if reader.info().interlaced {
            1
        } else {
            (width / target.needed_width / 2).min(height / target.needed_height / 2).max(1)
        };
        let (width, height) = if factor == 1 { (width, height) } else { (width / factor, height / factor) };
        let total_bytes = u64::from(width) * u64::from(height) * layout.channels() as u64;
        check_memory(total_bytes)?;
        let bytes = if factor == 1 {
            let mut bytes = vec![0; reader.output_buffer_size().unwrap_or(0)];
            check_memory(bytes.len() as u64)?;
            reader.next_frame(&mut bytes).map_err(unreadable)?;
            bytes
        } else {
            average(&mut reader, width, height, layout, factor as usize)?
        };
        Ok(Pixels { width, height, layout, bytes, premultiplied: factor > 1 && layout.has_alpha() })
    }
}

/// Averages squares of `factor` by `factor` pixels, weighting colours by alpha.
fn average(
    reader: &mut Reader<BufReader<Input>>,
    width: u32,
    height: u32,
    layout: Layout,
    factor: usize,
) -> Result<Vec<u8>, ThumbError> {
    let channels = layout.channels();
    let row_samples = width as usize * channels;
    let mut sums = vec![0u64; row_samples];
    let mut bytes = Vec::with_capacity(row_samples * height as usize);
    for _ in 0..height {
        for _ in 0..factor {
            let row = reader.next_row().map_err(unreadable)?.ok_or_else(|| unreadable("it ends early"))?;
            add_row(row.data(), &mut sums, layout, factor);
        }
        let count = (factor * factor) as u64;
        for (index, sum) in sums.iter_mut().enumerate() {
            let weighed = layout.has_alpha() && index % channels != channels - 1;
            let divisor = if weighed { count * 255 } else { count };
            bytes.push(((*sum + divisor / 2) / divisor) as u8);
            *sum = 0;
        }
    }
    Ok(bytes)
}

fn add_row(row: &[u8], sums: &mut [u64], layout: Layout, factor: usize) {
    match layout {
        Layout::Gray => add_opaque::<1>(row, sums, factor),
        Layout::Rgb => add_opaque::<3>(row, sums, factor),
        Layout::GrayAlpha => add_weighed::<2>(row, sums, factor),
        Layout::Rgba => add_weighed::<4>(row, sums, factor),
    }
}

fn add_opaque<const CHANNELS: usize>(row: &[u8], sums: &mut [u64], factor: usize) {
    for (square, sums) in row.chunks_exact(factor * CHANNELS).zip(sums.chunks_exact_mut(CHANNELS)) {
        // 32 bits suffice per row of a square: it would overflow at 2^24 pixels, and no row is that long.
        let mut local = [0u32; CHANNELS];
        for pixel in square.chunks_exact(CHANNELS) {
            for channel in 0..CHANNELS {
                local[channel] += u32::from(pixel[channel]);
            }
        }
        for channel in 0..CHANNELS {
            sums[channel] += u64::from(local[channel]);
        }
    }
}

fn add_weighed<const CHANNELS: usize>(row: &[u8], sums: &mut [u64], factor: usize) {
    for (square, sums) in row.chunks_exact(factor * CHANNELS).zip(sums.chunks_exact_mut(CHANNELS)) {
        for pixel in square.chunks_exact(CHANNELS) {
            let alpha = u64::from(pixel[CHANNELS - 1]);
            for channel in 0..CHANNELS - 1 {
                sums[channel] += u64::from(pixel[channel]) * alpha;
            }
            sums[CHANNELS - 1] += alpha;
        }
    }
}
