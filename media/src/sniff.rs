//! Detects file types from the first bytes, never from the name or the declared type.
//!
//! Only types that affect a decision are known: those with thumbnails, those that players seek in, and those
//! that a browser would execute. It is not a general `file(1)`.

/// A recognised type of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// PNG, animated or not.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF, animated or not.
    Gif,
    /// WebP, animated or not.
    WebP,
    /// AVIF.
    Avif,
    /// MP4 video (or audio in the same container).
    Mp4,
    /// QuickTime video.
    QuickTime,
    /// WebM or Matroska.
    WebM,
    /// Ogg (Vorbis, Opus, Theora).
    Ogg,
    /// MP3.
    Mp3,
    /// FLAC.
    Flac,
    /// WAV.
    Wav,
    /// PDF.
    Pdf,
    /// HTML, SVG or other XML: text that a browser may execute. Never shown inline.
    Markup,
}

impl FileKind {
    /// The content type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::WebP => "image/webp",
            Self::Avif => "image/avif",
            Self::Mp4 => "video/mp4",
            Self::QuickTime => "video/quicktime",
            Self::WebM => "video/webm",
            Self::Ogg => "audio/ogg",
            Self::Mp3 => "audio/mpeg",
            Self::Flac => "audio/flac",
            Self::Wav => "audio/wav",
            Self::Pdf => "application/pdf",
            // Not text/html or image/svg+xml, as this value may reach a browser.
            Self::Markup => "application/octet-stream",
        }
    }
}

/// Detects the type from the first bytes; 512 suffice. `None` if unknown.
pub fn sniff(head: &[u8]) -> Option<FileKind> {
    let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    if at(0, b"\x89PNG\r\n\x1a\n") {
        Some(FileKind::Png)
    } else if at(0, b"\xff\xd8\xff") {
        Some(FileKind::Jpeg)
    } else if at(0, b"GIF87a") || at(0, b"GIF89a") {
        Some(FileKind::Gif)
    } else if at(0, b"RIFF") {
        riff(head)
    } else if at(4, b"ftyp") {
        iso_media(head)
    } else if at(0, b"\x1a\x45\xdf\xa3") {
        Some(FileKind::WebM)
    } else if at(0, b"OggS\0") {
        Some(FileKind::Ogg)
    } else if at(0, b"fLaC") {
        Some(FileKind::Flac)
    } else if at(0, b"ID3") || mpeg_audio_frame(head) {
        Some(FileKind::Mp3)
    } else if at(0, b"%PDF-") {
        Some(FileKind::Pdf)
    } else if is_markup(head) {
        Some(FileKind::Markup)
    } else {
        None
    }
}

fn riff(head: &[u8]) -> Option<FileKind> {
    match head.get(8..12)? {
        b"WEBP" => Some(FileKind::WebP),
        b"WAVE" => Some(FileKind::Wav),
        _ => None,
    }
}

/// The major brand of an ISO base media file, or a compatible brand for AVIF.
fn iso_media(head: &[u8]) -> Option<FileKind> {
    let brand = head.get(8..12)?;
    let box_bytes = u32::from_be_bytes(head.get(..4)?.try_into().ok()?) as usize;
    let compatible = head.get(16..box_bytes.min(head.len())).unwrap_or_default();
    let avif = |brand: &[u8]| brand == b"avif" || brand == b"avis";
    match brand {
        b"qt  " => Some(FileKind::QuickTime),
        _ if avif(brand) => Some(FileKind::Avif),
        // HEIC and related formats share the container, but browsers do not show them.
        b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" => None,
        b"mif1" | b"msf1" => compatible.chunks_exact(4).any(avif).then_some(FileKind::Avif),
        _ => Some(FileKind::Mp4),
    }
}

/// Whether this is an MPEG-1/2 layer III frame header without an ID3 tag: sync, layer, valid bit and sample
/// rates.
fn mpeg_audio_frame(head: &[u8]) -> bool {
    matches!(head, [0xff, second, third, ..]
        if second & 0xe0 == 0xe0 && second & 0x18 != 0x08 && second & 0x06 == 0x02
            && third >> 4 != 0x0f && third >> 4 != 0 && third & 0x0c != 0x0c)
}

/// Whether a browser could take the bytes for HTML, SVG or XML: a tag comes first, in UTF-8 or UTF-16.
///
/// Executable tags also count after some text, since lenient parsers skip the text.
fn is_markup(head: &[u8]) -> bool {
    let narrow: Vec<u8> = match head {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => head[2..].iter().copied().filter(|byte| *byte != 0).collect(),
        [0xef, 0xbb, 0xbf, rest @ ..] => rest.to_vec(),
        // UTF-16 without a byte order mark: `<` and a zero byte in either order.
        [b'<', 0, ..] | [0, b'<', ..] => head.iter().copied().filter(|byte| *byte != 0).collect(),
        _ => head.to_vec(),
    };
    let text = narrow.trim_ascii_start().to_ascii_lowercase();
    if let [b'<', next, ..] = text.as_slice()
        && (next.is_ascii_alphabetic() || matches!(next, b'!' | b'?' | b'/'))
    {
        return true;
    }
    // Binary files are not text: "<svg" may occur in compressed data by chance.
    let is_text = !text.iter().any(|byte| matches!(byte, 0..=8 | 14..=31));
    const RUNS: [&[u8]; 4] = [b"<html", b"<script", b"<svg", b"<!doctype"];
    is_text && RUNS.iter().any(|tag| text.windows(tag.len()).any(|window| window == *tag))
}

#[cfg(test)]
mod tests {
    use super::{FileKind, sniff};

    #[test]
    fn knows_each_kind() {
        for (head, kind) in [
            (&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], FileKind::Png),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", FileKind::Jpeg),
            (b"GIF89a\x01\0\x01\0", FileKind::Gif),
            (b"RIFF\x10\0\0\0WEBPVP8 ", FileKind::WebP),
            (b"RIFF\x10\0\0\0WAVEfmt ", FileKind::Wav),
            (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", FileKind::Avif),
            (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", FileKind::Avif),
            (b"\0\0\0\x18ftypisom\0\0\0\0isomavc1", FileKind::Mp4),
            (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", FileKind::QuickTime),
            (b"\x1a\x45\xdf\xa3\x01", FileKind::WebM),
            (b"OggS\0\x02", FileKind::Ogg),
            (b"ID3\x04\0", FileKind::Mp3),
            (b"\xff\xfb\x90\x64", FileKind::Mp3),
            (b"fLaC\0", FileKind::Flac),
            (b"%PDF-1.7", FileKind::Pdf),
        ] {
            assert_eq!(sniff(head), Some(kind), "{:?}", String::from_utf8_lossy(head));
        }
    }

    #[test]
    fn disguised_markup() {
        for head in [
            &b"<svg xmlns='http://www.w3.org/2000/svg'>"[..],
            b"\n\t <!DOCTYPE html>",
            b"<?xml version='1.0'?>",
            b"\xef\xbb\xbf<html>",
            b"\xff\xfe<\0s\0v\0g\0",
            b"\xfe\xff\0<\0s\0v\0g",
            b"<\0h\0t\0m\0l\0>\0",
            b"hello <ScRiPt>alert(1)</script>",
            b"<!-- x --><b>",
        ] {
            assert_eq!(sniff(head), Some(FileKind::Markup), "{:?}", String::from_utf8_lossy(head));
        }
    }

    #[test]
    fn unknown_short_and_hostile() {
        for head in [
            &b""[..],
            b"\x89PN",
            b"RIFF",
            b"RIFF\0\0\0\0",
            b"\xff",
            b"\xff\xfe",
            b"\0\0\0\x08ftyp",
            b"hello",
            b"a < b",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
            b"\xff\xff\xff\xffftypmif1",
            b"\0\0\0\0ftypmif1\0\0\0\0avif",
            b"\x01\x02<svg",
        ] {
            assert_eq!(sniff(head), None, "{:?}", String::from_utf8_lossy(head));
        }
    }
}
