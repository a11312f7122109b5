//! How to serve stored bytes to a browser: inline or as a download, and with which headers.
//!
//! The bytes are untrusted, so a browser must never execute them on this server's origin. The caller decides
//! which file to serve and to whom.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::limits::FILE_NAME_BYTES_MAX;
use crate::sniff::{FileKind, sniff};

/// Headers for every response with stored bytes (client-server API, "Content repository").
pub const SAFE_HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "sandbox; default-src 'none'; script-src 'none'; style-src 'unsafe-inline'; media-src 'self'; object-src 'self';",
    ),
    ("x-content-type-options", "nosniff"),
    ("cross-origin-resource-policy", "cross-origin"),
];

/// What RFC 8187 percent-encodes in a `filename*`: all but its `attr-char`.
const NOT_ATTR_CHAR: AsciiSet = NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Content types that may be shown inline (client-server API, "Serving inline content").
const INLINE_TYPES: &[&str] = &[
    "text/css",
    "text/plain",
    "text/csv",
    "application/json",
    "application/ld+json",
    "image/jpeg",
    "image/gif",
    "image/png",
    "image/apng",
    "image/webp",
    "image/avif",
    "video/mp4",
    "video/webm",
    "video/ogg",
    "video/quicktime",
    "audio/mp4",
    "audio/webm",
    "audio/aac",
    "audio/mpeg",
    "audio/ogg",
    "audio/wave",
    "audio/wav",
    "audio/x-wav",
    "audio/x-pn-wav",
    "audio/flac",
    "audio/x-flac",
];

/// The disposition type of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The browser may show the file.
    Inline,
    /// The browser saves the file.
    Attachment,
}

/// Whether content of this type may be shown inline. Ignores case and parameters (`; charset=utf-8`).
pub fn inline_allowed(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    INLINE_TYPES.iter().any(|allowed| essence.eq_ignore_ascii_case(allowed))
}

/// The disposition of a file with this declared type and these first bytes.
///
/// Inline only if the type is allowed and the bytes are not HTML, SVG or XML: the declared type is the
/// uploader's and may be wrong.
pub fn disposition(content_type: &str, head: &[u8]) -> Disposition {
    if inline_allowed(content_type) && sniff(head) != Some(FileKind::Markup) {
        Disposition::Inline
    } else {
        Disposition::Attachment
    }
}

/// The value of a `Content-Disposition` header (RFC 6266), always valid header text.
///
/// Drops control and bidi characters, replaces `/` and `\` with `_`, and shortens long names before their
/// extension. A name beyond ASCII is sent as `filename*` (RFC 8187) with an ASCII fallback. Omits the parameter
/// if the cleaned name is empty.
pub fn content_disposition(disposition: Disposition, file_name: Option<&str>) -> String {
    let kind = match disposition {
        Disposition::Inline => "inline",
        Disposition::Attachment => "attachment",
    };
    let name = file_name.map(clean_file_name).unwrap_or_default();
    if name.is_empty() {
        return kind.to_owned();
    }
    let quoted: String = name.chars().map(|c| if c.is_ascii() { c } else { '_' }).collect();
    // A clean name has no backslash, so only quotes need escaping.
    let quoted = quoted.replace('"', "\\\"");
    if name.is_ascii() {
        format!("{kind}; filename=\"{quoted}\"")
    } else {
        format!("{kind}; filename=\"{quoted}\"; filename*=UTF-8''{}", utf8_percent_encode(&name, &NOT_ATTR_CHAR))
    }
}

/// Cleans a file name as [`content_disposition`] describes. May return an empty string.
pub fn clean_file_name(name: &str) -> String {
    let kept: String = name
        .chars()
        .filter(|c| !c.is_control() && !turns_text(*c))
        .map(|c| if matches!(c, '/' | '\\') { '_' } else { c })
        // Bounds the copy: more characters cannot survive the cut below.
        .take(4 * FILE_NAME_BYTES_MAX)
        .collect();
    shorten(kept.trim())
}

/// Characters that reorder or break text: with them, `gpj.exe` can be displayed as `exe.jpg`.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Shortens a name to [`FILE_NAME_BYTES_MAX`] bytes. Keeps a short extension, which determines how the file is
/// opened.
fn shorten(name: &str) -> String {
    if name.len() <= FILE_NAME_BYTES_MAX {
        return name.to_owned();
    }
    let extension =
        name.rfind('.').map(|dot| &name[dot..]).filter(|extension| extension.len() <= 16).unwrap_or_default();
    let stem = &name[..name.floor_char_boundary(FILE_NAME_BYTES_MAX - extension.len())];
    format!("{stem}{extension}")
}

#[cfg(test)]
mod tests {
    use super::{Disposition, SAFE_HEADERS, content_disposition, disposition, inline_allowed};

    #[test]
    fn only_listed_types_are_inline() {
        for inline in ["image/png", "IMAGE/PNG", "text/plain; charset=utf-8", " audio/ogg ", "application/json"] {
            assert!(inline_allowed(inline), "{inline}");
        }
        for attachment in [
            "",
            "text/html",
            "image/svg+xml",
            "application/xml",
            "text/xml",
            "application/pdf",
            "application/xhtml+xml",
            "image/png,text/html",
            "image/png\0",
            "text/javascript",
            "text/plainer",
            "application/octet-stream",
        ] {
            assert!(!inline_allowed(attachment), "{attachment}");
        }
    }

    #[test]
    fn markup_is_never_inline() {
        assert_eq!(disposition("image/png", b"\x89PNG\r\n\x1a\n"), Disposition::Inline);
        assert_eq!(disposition("text/plain", b"good day"), Disposition::Inline);
        assert_eq!(disposition("image/png", b"<svg onload=alert(1)>"), Disposition::Attachment);
        assert_eq!(disposition("text/plain", b"<!DOCTYPE html>"), Disposition::Attachment);
        assert_eq!(disposition("image/svg+xml", b"<svg>"), Disposition::Attachment);
    }

    #[test]
    fn nasty_names() {
        for (name, expected) in [
            ("cat.jpg", "inline; filename=\"cat.jpg\""),
            ("my cat;1.jpg", "inline; filename=\"my cat;1.jpg\""),
            ("a\"b.jpg", "inline; filename=\"a\\\"b.jpg\""),
            ("a\\\"; filename=\"b", "inline; filename=\"a_\\\"; filename=\\\"b\""),
            ("a\r\nSet-Cookie: x=y", "inline; filename=\"aSet-Cookie: x=y\""),
            ("a\0b\x1b[31m\x7f", "inline; filename=\"ab[31m\""),
            ("../../etc/passwd", "inline; filename=\".._.._etc_passwd\""),
            ("C:\\x.exe", "inline; filename=\"C:_x.exe\""),
            ("", "inline"),
            (" \r\n\t ", "inline"),
            ("\u{202e}gpj.exe", "inline; filename=\"gpj.exe\""),
            ("a\u{85}b\u{2028}c", "inline; filename=\"abc\""),
            ("Käse.png", "inline; filename=\"K_se.png\"; filename*=UTF-8''K%C3%A4se.png"),
            ("猫\".png", "inline; filename=\"_\\\".png\"; filename*=UTF-8''%E7%8C%AB%22.png"),
            ("100%.txt", "inline; filename=\"100%.txt\""),
            ("ä%41'().txt", "inline; filename=\"_%41'().txt\"; filename*=UTF-8''%C3%A4%2541%27%28%29.txt"),
        ] {
            let header = content_disposition(Disposition::Inline, Some(name));
            assert_eq!(header, expected, "{name:?}");
            assert!(header.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{header:?}");
        }
        assert_eq!(content_disposition(Disposition::Attachment, None), "attachment");
    }

    #[test]
    fn long_names_are_cut_before_the_extension() {
        let header = content_disposition(Disposition::Attachment, Some(&format!("{}.jpeg", "x".repeat(100_000))));
        assert_eq!(header, format!("attachment; filename=\"{}\"", "x".repeat(255)));
        let header = content_disposition(Disposition::Attachment, Some(&format!("{}.jpeg", "x".repeat(400))));
        assert!(header.ends_with("x.jpeg\"") && header.len() < 300, "{header}");
        let header = content_disposition(Disposition::Attachment, Some(&format!("{}.png", "猫".repeat(300))));
        assert!(header.len() < 1200 && header.ends_with(".png"), "{}", header.len());
    }

    #[test]
    fn safe_headers_are_valid_and_lower_case() {
        for (name, value) in SAFE_HEADERS {
            assert_eq!(*name, name.to_ascii_lowercase());
            assert!(value.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        }
    }
}
