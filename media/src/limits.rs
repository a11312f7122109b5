//! The limits of this crate, each with its unit last.
//!
//! The caller chooses the upload size and the number of thumbnail threads. The limits here follow from the
//! formats, and from the promise that one thumbnail takes at most about 64 MiB.

/// Bytes collected before they are handed to a blocking thread for writing.
pub const WRITE_CHUNK_BYTES: usize = 256 * 1024;

/// Slices collected before writing, even if they are tiny: the maximum of one `writev` (`IOV_MAX`).
pub const WRITE_SLICES_MAX: usize = 1024;

/// Bytes per chunk of a read.
pub const READ_CHUNK_BYTES: usize = 256 * 1024;

/// Bytes kept from the start of an upload, enough for type detection.
pub const HEAD_BYTES: usize = 512;

/// Longest `Range` header that is parsed, in bytes. A longer one is ignored.
pub const RANGE_HEADER_BYTES_MAX: usize = 256;

/// Longest file name in `Content-Disposition`, in UTF-8 bytes before percent-encoding.
pub const FILE_NAME_BYTES_MAX: usize = 255;

/// Recommended `max_pixels` for [`crate::Thumbnailer::new`]: 64 megapixels.
pub const THUMB_SOURCE_PIXELS_MAX: u64 = 64_000_000;

/// Memory for one thumbnail: decoded pixels, coefficients and planes, in bytes.
pub const THUMB_DECODE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Largest GIF or WebP file to decode, in bytes: their decoders may hold whole chunks of the file.
pub const THUMB_WHOLE_FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Largest PNG to decode, in uncompressed bytes. Bounds the CPU time for inflating.
pub const THUMB_PNG_RAW_BYTES_MAX: u64 = 320 * 1024 * 1024;

/// JPEG tables (quantisation, Huffman) before the first scan, in bytes. Real files have less than 2 KiB.
pub const THUMB_JPEG_TABLES_BYTES_MAX: usize = 64 * 1024;

/// JPEG segments before the first scan. Real files have fewer than 40.
pub const THUMB_JPEG_SEGMENTS_MAX: usize = 2048;

/// JPEG markers from the first scan on. A progressive photo has about 50, a scan bomb thousands.
pub const THUMB_JPEG_MARKERS_MAX: usize = 256;

/// JPEG quality of thumbnails, in percent.
pub const THUMB_JPEG_QUALITY_PERCENT: u8 = 80;

/// Largest animated image that is served as its own animated thumbnail, in bytes.
pub const THUMB_ANIMATED_ORIGINAL_BYTES_MAX: u64 = 1024 * 1024;

/// Time after which an idle thumbnail thread ends, in seconds.
pub const THUMB_THREAD_IDLE_SECONDS: u64 = 30;
