//! Every bound of this crate, named, with its unit last.
//!
//! The size of an upload and the number of thumbnail threads are the caller's to choose; what is
//! here follows from the formats and from the promise that one request takes at most about 64 MiB.

/// Bytes collected before a write goes to disk: one hand-over to a blocking thread for each.
pub const WRITE_CHUNK_BYTES: usize = 256 * 1024;

/// Slices collected before a write goes to disk even if they are tiny: what one `writev` takes.
pub const WRITE_SLICES_MAX: usize = 1024;

/// Bytes in one chunk of a read.
pub const READ_CHUNK_BYTES: usize = 256 * 1024;

/// Bytes kept from the start of an upload, enough to tell what it is.
pub const HEAD_BYTES: usize = 512;

/// Longest `Range` header that is looked at; a longer one is ignored.
pub const RANGE_HEADER_BYTES_MAX: usize = 256;

/// Longest file name in a `Content-Disposition` header, in UTF-8 before percent-encoding.
pub const FILE_NAME_BYTES_MAX: usize = 255;

/// Sensible `max_pixels` for [`crate::Thumbnailer::new`]: 64 megapixels.
pub const THUMB_SOURCE_PIXELS_MAX: u64 = 64_000_000;

/// Decoded pixels, coefficients and planes held at once for one thumbnail.
pub const THUMB_DECODE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Largest GIF or WebP file that is decoded: their decoders may hold whole chunks of the file.
pub const THUMB_WHOLE_FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Unpacked bytes of a PNG that are worth the time of inflating them for a thumbnail.
pub const THUMB_PNG_RAW_BYTES_MAX: u64 = 320 * 1024 * 1024;

/// JPEG tables (quantisation, Huffman) before the first scan; real files have under 2 KiB.
pub const THUMB_JPEG_TABLES_BYTES_MAX: usize = 64 * 1024;

/// JPEG segments before the first scan; real files have under 40.
pub const THUMB_JPEG_SEGMENTS_MAX: usize = 2048;

/// JPEG markers from the first scan on. A progressive photo has about 50; a scan bomb, thousands.
pub const THUMB_JPEG_MARKERS_MAX: usize = 256;

/// JPEG quality of thumbnails, in percent.
pub const THUMB_JPEG_QUALITY_PERCENT: u8 = 80;

/// An animated picture up to this size is its own animated thumbnail.
pub const THUMB_ANIMATED_ORIGINAL_BYTES_MAX: u64 = 1024 * 1024;

/// How long an idle thumbnail thread waits for more work before it ends.
pub const THUMB_THREAD_IDLE_SECONDS: u64 = 30;
