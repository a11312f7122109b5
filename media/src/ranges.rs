//! The HTTP `Range` header (RFC 9110 section 14), for a single range.
//!
//! A request for several ranges gets the whole file, which the RFC allows: clients do not need
//! `multipart/byteranges`, and many tiny ranges are a known denial-of-service attack. `If-Range` can be
//! ignored, as content-addressed bytes never change.

use crate::limits::RANGE_HEADER_BYTES_MAX;

/// A satisfiable byte range: both ends are within the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    start: u64,
    last: u64,
}

impl ByteRange {
    /// The range from `start` to `last`, both included. `None` if it is empty or backwards, or if its length
    /// exceeds `u64`.
    pub fn new(start: u64, last: u64) -> Option<Self> {
        (start <= last && last < u64::MAX).then_some(Self { start, last })
    }

    /// First byte, counting from 0.
    pub fn start(self) -> u64 {
        self.start
    }

    /// Last byte, included.
    pub fn last(self) -> u64 {
        self.last
    }

    /// Number of bytes, never 0 (hence no `is_empty`).
    #[allow(clippy::len_without_is_empty, reason = "a range of bytes is never empty")]
    pub fn len(self) -> u64 {
        self.last - self.start + 1
    }

    /// Value of `Content-Range` in a 206 response, for a file of `size` bytes.
    pub fn content_range(self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.start, self.last)
    }
}

/// The meaning of a `Range` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestedRange {
    /// The whole file, status 200: there is no usable header.
    All,
    /// A range, status 206 with [`ByteRange::content_range`].
    Part(ByteRange),
    /// No byte of the file, status 416 with [`unsatisfied`] as `Content-Range`.
    Unsatisfiable,
}

/// Value of `Content-Range` in a 416 response, for a file of `size` bytes.
pub fn unsatisfied(size: u64) -> String {
    format!("bytes */{size}")
}

/// Parses a `Range` header for a file of `size` bytes.
///
/// Ignores malformed headers, other units and lists of ranges, as the RFC permits.
pub fn parse(header: Option<&str>, size: u64) -> RequestedRange {
    let Some(header) = header.filter(|header| header.len() <= RANGE_HEADER_BYTES_MAX) else {
        return RequestedRange::All;
    };
    let Some((unit, range)) = header.split_once('=') else {
        return RequestedRange::All;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return RequestedRange::All;
    }
    let Some((from, to)) = range.trim().split_once('-') else {
        return RequestedRange::All;
    };
    match (position(from), position(to)) {
        (Position::At(from), Position::Absent) => clamp(from, u64::MAX, size),
        (Position::At(from), Position::At(to)) if from <= to => clamp(from, to, size),
        (Position::Absent, Position::At(0)) => RequestedRange::Unsatisfiable,
        (Position::Absent, Position::At(suffix)) => clamp(size.saturating_sub(suffix), u64::MAX, size),
        _ => RequestedRange::All,
    }
}

enum Position {
    Absent,
    At(u64),
    Malformed,
}

/// Parses digits only, as `u64::from_str` also accepts a plus sign. A number that overflows is beyond the end
/// of any file.
fn position(text: &str) -> Position {
    if text.is_empty() {
        Position::Absent
    } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
        Position::At(text.parse().unwrap_or(u64::MAX))
    } else {
        Position::Malformed
    }
}

fn clamp(start: u64, last: u64, size: u64) -> RequestedRange {
    if start >= size {
        return RequestedRange::Unsatisfiable;
    }
    ByteRange::new(start, last.min(size - 1)).map_or(RequestedRange::All, RequestedRange::Part)
}

#[cfg(test)]
mod tests {
    use super::{ByteRange, RequestedRange, parse, unsatisfied};

    fn part(start: u64, last: u64) -> RequestedRange {
        RequestedRange::Part(ByteRange::new(start, last).unwrap())
    }

    #[test]
    fn single_ranges() {
        for (header, expected) in [
            ("bytes=0-499", part(0, 499)),
            ("bytes=500-", part(500, 999)),
            ("bytes=-100", part(900, 999)),
            ("bytes=-5000", part(0, 999)),
            ("BYTES=0-0", part(0, 0)),
            ("bytes=990-4000", part(990, 999)),
            ("bytes= 1-2 ", part(1, 2)),
            ("bytes=0-99999999999999999999999999", part(0, 999)),
        ] {
            assert_eq!(parse(Some(header), 1000), expected, "{header}");
        }
    }

    #[test]
    fn ranges_beyond_the_end() {
        for header in ["bytes=1000-", "bytes=1000-1001", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(parse(Some(header), 1000), RequestedRange::Unsatisfiable, "{header}");
        }
        assert_eq!(parse(Some("bytes=0-"), 0), RequestedRange::Unsatisfiable);
        assert_eq!(unsatisfied(1000), "bytes */1000");
    }

    #[test]
    fn other_headers_give_the_whole_file() {
        let long = format!("bytes=0-{}", "1".repeat(400));
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-2",
            "bytes=+1-2",
            "bytes=1-+2",
            "items=0-5",
            "bytes=0-1,5-9",
            "bytes=0 - 5",
            "bytes=0--5",
            "bytes=\u{661}-2",
            long.as_str(),
        ] {
            assert_eq!(parse(Some(header), 1000), RequestedRange::All, "{header}");
        }
        assert_eq!(parse(None, 1000), RequestedRange::All);
    }

    #[test]
    fn formats_content_range() {
        let range = ByteRange::new(5, 9).unwrap();
        assert_eq!((range.len(), range.content_range(20)), (5, "bytes 5-9/20".to_owned()));
        assert_eq!(ByteRange::new(9, 5), None);
        assert_eq!(ByteRange::new(0, u64::MAX), None);
    }
}
