//! How much can be typed or pasted.

/// Longest input of one line, in characters. Matrix identifiers have at most 255 bytes.
pub(super) const INPUT_CHARS_MAX: usize = 256;
/// Largest pasted document, in bytes.
pub(super) const DOCUMENT_BYTES_MAX: usize = 64 * 1_024;
