//! Pictures for the tests, honest and hostile, made from code: no files of unknown origin.

use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ExtendedColorType, Frame, ImageFormat, RgbImage, Rgba, RgbaImage};
use std::io::Cursor;

/// Red in the top left quarter, a soft pattern elsewhere.
pub(super) fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        if x < width / 2 && y < height / 2 {
            image::Rgb([220, 20, 20])
        } else {
            image::Rgb([(x * 200 / width) as u8, (y * 200 / height) as u8, ((x / 8 + y / 8) % 2 * 60 + 100) as u8])
        }
    })
}

pub(super) fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 90).encode_image(picture).unwrap();
    bytes
}

pub(super) fn png(picture: &DynamicImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

pub(super) fn webp(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (width, height) = picture.dimensions();
    WebPEncoder::new_lossless(&mut bytes).encode(picture, width, height, ExtendedColorType::Rgb8).unwrap();
    bytes
}

pub(super) fn gif(width: u32, height: u32, frames: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 30);
    for frame in 0..frames {
        let picture = RgbaImage::from_pixel(width, height, Rgba([frame * 40, 200, 30, 255]));
        encoder.encode_frame(Frame::new(picture)).unwrap();
    }
    drop(encoder);
    bytes
}

/// The same JPEG with an EXIF orientation (1 to 8) and, after it, an unneeded segment.
pub(super) fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let tiff = [b'M', b'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend(segment(0xe1, &[b"Exif\0\0", tiff.as_slice()].concat()));
    bytes.extend(segment(0xe2, &[0xff; 60_000]));
    bytes.extend(&jpeg[2..]);
    bytes
}

fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xff, marker];
    bytes.extend((content.len() as u16 + 2).to_be_bytes());
    bytes.extend(content);
    bytes
}

/// A progressive grey JPEG of one shade with a DC scan and many empty AC scans.
pub(super) fn progressive(width: u16, height: u16, scans: usize) -> Vec<u8> {
    let blocks = usize::from(width.div_ceil(8)) * usize::from(height.div_ceil(8));
    let mut bytes = vec![0xff, 0xd8];
    bytes.extend(segment(0xdb, &[&[0][..], &[8; 64]].concat()));
    let (h, w) = (height.to_be_bytes(), width.to_be_bytes());
    bytes.extend(segment(0xc2, &[8, h[0], h[1], w[0], w[1], 1, 1, 0x11, 0]));
    // Code 0: the first value; code 10: the second. DC: difference 0 or of 7 bits. AC: end of one block, or of 2^14 and more.
    let table = |class: u8, symbols: [u8; 2]| {
        let counts = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        segment(0xc4, &[&[class][..], &counts, &symbols].concat())
    };
    bytes.extend(table(0x00, [0, 7]));
    bytes.extend(table(0x10, [0, 0xe0]));
    bytes.extend(segment(0xda, &[1, 1, 0, 0, 0, 0]));
    let mut dc = vec![true, false, true, true, false, false, true, false, false];
    dc.resize(9 + blocks - 1, false);
    bytes.extend(entropy_coded(dc));
    for _ in 0..scans {
        bytes.extend(segment(0xda, &[1, 1, 0, 1, 63, 0]));
        let long_run = [true, false].into_iter().chain([true; 14]);
        bytes.extend(entropy_coded(long_run.cycle().take(16 * blocks.div_ceil(32_767)).collect()));
    }
    bytes.extend([0xff, 0xd9]);
    bytes
}

fn entropy_coded(mut bits: Vec<bool>) -> Vec<u8> {
    bits.resize(bits.len().next_multiple_of(8), true);
    let bytes = bits.chunks(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | u8::from(*bit)));
    bytes.flat_map(|byte| if byte == 0xff { vec![0xff, 0] } else { vec![byte] }).collect()
}

/// A PNG chunk with its check sum.
pub(super) fn png_chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut bytes = (content.len() as u32).to_be_bytes().to_vec();
    bytes.extend(kind);
    bytes.extend(content);
    let sum = bytes[4..].iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 })
    });
    bytes.extend((!sum).to_be_bytes());
    bytes
}

/// The start of a PNG: signature and header.
pub(super) fn png_start(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([depth, colour, 0, 0, 0]);
    [b"\x89PNG\r\n\x1a\n".to_vec(), png_chunk(b"IHDR", &header)].concat()
}
