//! The text of a page: its character encoding is what a byte order mark, the `Content-Type` or the page itself says, in this
//! order, as browsers do it. Without any it is UTF-8, or Windows-1252 if it cannot be that.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use hearth_base::limits::users::PREVIEW_CHARSET_BYTES_MAX;

/// Decodes a page. Malformed sequences become U+FFFD.
pub(super) fn decode(page: &[u8], content_type: &str) -> String {
    let declared = || label_in(content_type.as_bytes()).or_else(|| label_in_meta(page));
    let encoding = match Encoding::for_bom(page) {
        Some((encoding, _)) => encoding,
        // A page cut off in the middle of a character is UTF-8 all the same.
        None => declared().unwrap_or_else(|| if is_utf8(page) { UTF_8 } else { WINDOWS_1252 }),
    };
    encoding.decode(page).0.into_owned()
}

fn is_utf8(page: &[u8]) -> bool {
    std::str::from_utf8(page).map_or_else(|error| error.error_len().is_none(), |_| true)
}

/// The encoding in the first `<meta>` or XML declaration that names one.
fn label_in_meta(page: &[u8]) -> Option<&'static Encoding> {
    let head = &page[..page.len().min(PREVIEW_CHARSET_BYTES_MAX)];
    let head = head.to_ascii_lowercase();
    let xml = head.strip_prefix(b"<?xml").and_then(|rest| after(rest, b"encoding"));
    let meta = || {
        let mut tags = head.split(|byte| *byte == b'<').filter(|tag| tag.starts_with(b"meta"));
        tags.find_map(|tag| label_in(tag.split(|byte| *byte == b'>').next().unwrap_or_default()))
    };
    let found = xml.and_then(value).and_then(Encoding::for_label).or_else(meta)?;
    // The page was read as ASCII up to here, so it cannot be UTF-16, whatever it says (WHATWG, "prescan").
    Some(if found.is_ascii_compatible() { found } else { UTF_8 })
}

/// The encoding after `charset=`.
fn label_in(text: &[u8]) -> Option<&'static Encoding> {
    after(&text.to_ascii_lowercase(), b"charset").and_then(value).and_then(Encoding::for_label)
}

/// What follows `name` in a text.
fn after<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let at = text.windows(name.len()).position(|window| window == name)?;
    Some(&text[at + name.len()..])
}

/// The value after `=`, with or without quotes.
fn value(text: &[u8]) -> Option<&[u8]> {
    let text = text.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let text = text.strip_prefix(b"\"").or_else(|| text.strip_prefix(b"'")).unwrap_or(text);
    text.split(|byte| byte.is_ascii_whitespace() || b"\"';/?".contains(byte)).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_found_where_pages_say_them() {
        let latin = b"<title>Caf\xe9</title>";
        for (page, content_type) in [
            (latin.to_vec(), "text/html; charset=ISO-8859-1"),
            (latin.to_vec(), "text/html;charset=\"iso-8859-1\""),
            (latin.to_vec(), "text/html"),
            ([b"<meta charset=iso-8859-1>".as_slice(), latin].concat(), "text/html"),
            (
                [b"<META http-equiv='Content-Type' content='text/html; CHARSET=windows-1252'>".as_slice(), latin]
                    .concat(),
                "",
            ),
            ([b"<?xml version=\"1.0\" encoding='iso-8859-15'?>".as_slice(), latin].concat(), ""),
            ("<title>Café</title>".into(), "text/html; charset=utf-8"),
            ("<title>Café</title>".into(), "text/html; charset=nonsense"),
            ("<title>Café</title>".into(), ""),
            ("<meta charset='utf-16'><title>Café</title>".into(), ""),
            ("\u{feff}<title>Café</title>".into(), "text/html; charset=iso-8859-1"),
        ] {
            assert!(decode(&page, content_type).contains("Café"), "{content_type}: {page:?}");
        }
        let shift_jis = b"<meta charset=\"Shift_JIS\"><title>\x93\xfa\x96\x7b</title>";
        assert!(decode(shift_jis, "").contains("日本"));
        assert!(decode("<title>日本".as_bytes().split_last().expect("bytes").1, "").contains("日"));
    }

    #[test]
    fn anything_can_be_decoded() {
        for page in [
            b"".as_slice(),
            b"<meta",
            b"<meta charset",
            b"<meta charset=",
            b"<meta charset='",
            b"\xff\xfe\x00",
            b"<?xml",
        ] {
            decode(page, "charset=");
        }
    }
}
