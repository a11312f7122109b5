//! JPEG, decoded at 1/2, 1/4 or 1/8 of its size where that suffices. The inverse DCT then computes only the
//! pixels that are kept.

use super::ThumbError;
use super::input::Input;
use super::jpeg_header::{self, JpegHeader};
use super::make::{EncodedImage, ImageHeader, check_memory};
use super::pixels::{Layout, Pixels, unreadable};
use super::size::TargetSize;
use crate::limits::THUMB_JPEG_MARKERS_MAX;
use jpeg_decoder::{Decoder, PixelFormat};
use std::io::{self, BufReader, Cursor, Read, Seek};

pub(super) struct Jpeg {
    header: ImageHeader,
    coefficient_bytes: u64,
    /// The tables before the first scan, followed by the scans.
    reader: BufReader<MarkerGuard<io::Chain<Cursor<Vec<u8>>, Input>>>,
}

/// Reads the header of a JPEG, up to the first scan.
pub(super) fn open(input: Input) -> Result<Jpeg, ThumbError> {
    let mut reader = BufReader::new(input);
    let JpegHeader { width, height, orientation, coefficient_bytes, tables } = jpeg_header::read(&mut reader)?;
    let scan_at = reader.stream_position()?;
    let mut input = reader.into_inner();
    input.seek(io::SeekFrom::Start(scan_at))?;
    let header = ImageHeader { width, height, orientation, may_move: false };
    let guard = MarkerGuard { inner: Cursor::new(tables).chain(input), last_byte: 0, markers: 0 };
    Ok(Jpeg { header, coefficient_bytes, reader: BufReader::with_capacity(64 * 1024, guard) })
}

impl EncodedImage for Jpeg {
    fn header(&self) -> &ImageHeader {
        &self.header
    }

    fn decode(self: Box<Self>, target: TargetSize) -> Result<Pixels, ThumbError> {
        let mut decoder = Decoder::new(self.reader);
        let clamp = |length: u32| u16::try_from(length).unwrap_or(u16::MAX);
        let (width, height) =
            decoder.scale(clamp(target.needed_width), clamp(target.needed_height)).map_err(unreadable)?;
        let format = decoder.info().map(|info| info.pixel_format).ok_or_else(|| unreadable("it has no size"))?;
        let pixels = u64::from(width) * u64::from(height);
        // The planes and the interleaved result are in memory at the same time.
        check_memory(self.coefficient_bytes + pixels * format.pixel_bytes() as u64 * 2)?;
        let bytes = decoder.decode().map_err(unreadable)?;
        drop(decoder);
        let (layout, bytes) = match format {
            PixelFormat::L8 => (Layout::Gray, bytes),
            PixelFormat::RGB24 => (Layout::Rgb, bytes),
            PixelFormat::CMYK32 => (Layout::Rgb, cmyk_to_rgb(bytes)),
            PixelFormat::L16 => return Err(unreadable("it has 16 bits a pixel")),
        };
        Ok(Pixels { width: width.into(), height: height.into(), layout, bytes, premultiplied: false })
    }
}

/// Converts CMYK to RGB in place.
fn cmyk_to_rgb(mut bytes: Vec<u8>) -> Vec<u8> {
    let pixels = bytes.len() / 4;
    for pixel in 0..pixels {
        let paper = 255 - u32::from(bytes[4 * pixel + 3]);
        for channel in 0..3 {
            let light = 255 - u32::from(bytes[4 * pixel + channel]);
            // Writes never overtake reads: 3 * pixel + channel <= 4 * pixel + channel.
            bytes[3 * pixel + channel] = (light * paper / 255) as u8;
        }
    }
    bytes.truncate(3 * pixels);
    bytes
}

/// Fails the input if it has more markers than any real image. Each scan of a progressive image costs a pass
/// over all its blocks, however few bytes it has.
struct MarkerGuard<R> {
    inner: R,
    last_byte: u8,
    markers: usize,
}

impl<R: Read> Read for MarkerGuard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let bytes = &buffer[..count];
        if let (Some(first), Some(last)) = (bytes.first(), bytes.last()) {
            self.markers += usize::from(is_marker(self.last_byte, *first));
            self.markers += bytes.iter().zip(&bytes[1..]).filter(|(a, b)| is_marker(**a, **b)).count();
            self.last_byte = *last;
        }
        if self.markers > THUMB_JPEG_MARKERS_MAX {
            return Err(io::Error::other("it has too many scans"));
        }
        Ok(count)
    }
}

/// Excludes stuffed zeros, fill bytes and restart markers, which are frequent in ordinary scans.
fn is_marker(first: u8, second: u8) -> bool {
    first == 0xff && second >= 0xc0 && second != 0xff && !(0xd0..=0xd7).contains(&second)
}
