//! The segments of a JPEG before its first scan (ITU-T T.81, annex B).
//!
//! They are parsed here instead of by the decoder for three reasons. The dimensions and the coding process are
//! known before anything is allocated. The EXIF orientation is found. Application data (profiles, previews,
//! whole other images) is skipped; the decoder would keep it in memory.

use super::ThumbError;
use super::pixels::unreadable;
use crate::limits::{THUMB_JPEG_SEGMENTS_MAX, THUMB_JPEG_TABLES_BYTES_MAX};
use image::metadata::Orientation;
use std::io::{BufRead, Read, Seek};

const SOF0: u8 = 0xc0;
const SOF2: u8 = 0xc2;
const DHT: u8 = 0xc4;
const SOI: u8 = 0xd8;
const SOS: u8 = 0xda;
const DQT: u8 = 0xdb;
const DRI: u8 = 0xdd;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP14: u8 = 0xee;

/// The data before the first scan.
pub(super) struct JpegHeader {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) orientation: Orientation,
    /// Size of the coefficient buffer of a progressive image, in bytes. 0 for others.
    pub(super) coefficient_bytes: u64,
    /// The segments that the decoder needs, starting with SOI. The scan follows.
    pub(super) tables: Vec<u8>,
}

/// Reads up to the first scan. Leaves the reader at its marker.
pub(super) fn read(reader: &mut (impl BufRead + Seek)) -> Result<JpegHeader, ThumbError> {
    let mut frame = None;
    let mut orientation = None;
    let mut tables = vec![0xff, SOI];
    let mut start = [0; 2];
    reader.read_exact(&mut start).map_err(unreadable)?;
    for _ in 0..THUMB_JPEG_SEGMENTS_MAX {
        let marker = next_marker(reader)?;
        if marker == SOS {
            reader.seek_relative(-2)?;
            let frame: Frame = frame.ok_or_else(|| unreadable("it has a scan before its size"))?;
            return Ok(frame.header(orientation.unwrap_or(Orientation::NoTransforms), tables));
        }
        let length = segment_length(reader)?;
        match marker {
            SOF0..=0xcf | DQT | DRI | APP0 | APP14 => {
                let segment = keep(reader, marker, length, &mut tables)?;
                if matches!(marker, SOF0..=0xcf) && marker != DHT && marker != 0xc8 && marker != 0xcc {
                    frame = Some(parse_frame(marker, segment)?);
                }
            }
            APP1 if orientation.is_none() => {
                let mut segment = vec![0; length];
                reader.read_exact(&mut segment).map_err(unreadable)?;
                orientation = segment.strip_prefix(b"Exif\0\0").and_then(Orientation::from_exif_chunk);
            }
            _ => reader.seek_relative(length as i64)?,
        }
    }
    Err(ThumbError::TooLarge("it has too many segments before its pixels"))
}

/// The next marker with a segment. Skips bytes between segments, as decoders do.
fn next_marker(reader: &mut (impl BufRead + Seek)) -> Result<u8, ThumbError> {
    let mut passed_bytes = 0;
    let mut byte = read_u8(reader)?;
    loop {
        while byte != 0xff {
            passed_bytes += 1;
            if passed_bytes > THUMB_JPEG_TABLES_BYTES_MAX {
                return Err(unreadable("it has no image data"));
            }
            byte = read_u8(reader)?;
        }
        byte = read_u8(reader)?;
        if !matches!(byte, 0 | 1 | 0xd0..=0xd9 | 0xff) {
            return Ok(byte);
        }
        passed_bytes += 1;
    }
}

fn read_u8(reader: &mut impl Read) -> Result<u8, ThumbError> {
    let mut byte = [0];
    reader.read_exact(&mut byte).map_err(unreadable)?;
    Ok(byte[0])
}

/// Length of a segment without its length field, in bytes.
fn segment_length(reader: &mut impl Read) -> Result<usize, ThumbError> {
    let mut length = [0; 2];
    reader.read_exact(&mut length).map_err(unreadable)?;
    usize::from(u16::from_be_bytes(length)).checked_sub(2).ok_or_else(|| unreadable("a segment has no length"))
}

/// Copies a segment to the tables and returns its contents.
fn keep<'a>(
    reader: &mut impl Read,
    marker: u8,
    length: usize,
    tables: &'a mut Vec<u8>,
) -> Result<&'a [u8], ThumbError> {
    if tables.len() + length > THUMB_JPEG_TABLES_BYTES_MAX {
        return Err(ThumbError::TooLarge("it has too many tables"));
    }
    tables.extend_from_slice(&[0xff, marker]);
    // The length was read from 16 bits, minus 2.
    tables.extend_from_slice(&(length as u16 + 2).to_be_bytes());
    let start = tables.len();
    tables.resize(start + length, 0);
    reader.read_exact(&mut tables[start..]).map_err(unreadable)?;
    Ok(&tables[start..])
}

struct Frame {
    width: u32,
    height: u32,
    coefficient_bytes: u64,
}

impl Frame {
    fn header(self, orientation: Orientation, tables: Vec<u8>) -> JpegHeader {
        let Self { width, height, coefficient_bytes } = self;
        JpegHeader { width, height, orientation, coefficient_bytes, tables }
    }
}

fn parse_frame(marker: u8, segment: &[u8]) -> Result<Frame, ThumbError> {
    // Lossless, hierarchical and arithmetic coding do not occur in practice.
    if !(SOF0..=SOF2).contains(&marker) {
        return Err(unreadable("it is a kind of JPEG that is not decoded"));
    }
    let &[precision, height1, height0, width1, width0, components, ref rest @ ..] = segment else {
        return Err(unreadable("its frame header is too short"));
    };
    let sampling: Vec<(u64, u64)> =
        rest.chunks_exact(3).map(|component| (u64::from(component[1] >> 4), u64::from(component[1] & 15))).collect();
    let (width, height) = (u16::from_be_bytes([width1, width0]), u16::from_be_bytes([height1, height0]));
    let sane = sampling.iter().all(|(across, down)| (1..=4).contains(across) && (1..=4).contains(down));
    if precision != 8 || width == 0 || height == 0 || sampling.len() != usize::from(components) || !sane {
        return Err(unreadable("its frame header makes no sense"));
    }
    let across_max = sampling.iter().map(|(across, _)| *across).max().unwrap_or(1);
    let down_max = sampling.iter().map(|(_, down)| *down).max().unwrap_or(1);
    let units = u64::from(width).div_ceil(8 * across_max) * u64::from(height).div_ceil(8 * down_max);
    let blocks_per_unit: u64 = sampling.iter().map(|(across, down)| across * down).sum();
    let coefficient_bytes = if marker == SOF2 { units * blocks_per_unit * 64 * 2 } else { 0 };
    Ok(Frame { width: width.into(), height: height.into(), coefficient_bytes })
}
