//! Parses a media response incrementally: `multipart/mixed` with a JSON object first, then the file or its location
//! (server-server API, "Content Repository"; RFC 2046, section 5.1). Pure: bytes in, items out; it buffers at most a
//! line of the file.

use bytes::{Buf, Bytes, BytesMut};
use hearth_base::limits::federation::{
    MULTIPART_BOUNDARY_BYTES_MAX, MULTIPART_HEADERS_BYTES_MAX, MULTIPART_METADATA_BYTES_MAX,
    MULTIPART_PREAMBLE_BYTES_MAX,
};
use hearth_base::{Reason, Result, error::refuse};

/// The headers of the second part.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// `Content-Type`.
    pub(super) content_type: Option<String>,
    /// `Content-Disposition`.
    pub(super) disposition: Option<String>,
    /// `Location`: the file is stored there, and not in this response.
    pub(super) location: Option<String>,
}

/// An item of the parsed response.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum MultipartItem {
    /// The headers of the second part.
    Head(Head),
    /// A chunk of its body.
    Data(Bytes),
    /// The end of its body.
    End,
}

/// The parser's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Preamble,
    Headers { second: bool },
    Metadata,
    File,
    End,
}

/// An incremental parser for one response.
#[derive(Debug)]
pub(super) struct Multipart {
    /// CRLF, two hyphens and the boundary.
    delimiter: Vec<u8>,
    buffer: BytesMut,
    stage: Stage,
}

impl Multipart {
    /// Starts a parser for a response of this `Content-Type`; refuses other types than `multipart/mixed`.
    pub(super) fn new(content_type: Option<&str>) -> Result<Self> {
        let boundary = content_type.and_then(boundary).ok_or_else(|| unreadable("is not in parts"))?;
        let delimiter = [b"\r\n--", boundary.as_bytes()].concat();
        // The first delimiter may stand at the start of the body, without a preceding line break.
        Ok(Self { delimiter, buffer: BytesMut::from(&b"\r\n"[..]), stage: Stage::Preamble })
    }

    /// Appends the next bytes of the response.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next item; `None` when it needs more bytes.
    pub(super) fn next(&mut self) -> Result<Option<MultipartItem>> {
        loop {
            match self.stage {
                Stage::Preamble => match self.pass_delimiter(MULTIPART_PREAMBLE_BYTES_MAX)? {
                    Some(()) => self.stage = Stage::Headers { second: false },
                    None => return Ok(None),
                },
                Stage::Headers { second } => {
                    let Some(head) = self.headers()? else { return Ok(None) };
                    if second {
                        self.stage = Stage::File;
                        return Ok(Some(MultipartItem::Head(head)));
                    }
                    self.stage = Stage::Metadata;
                }
                Stage::Metadata => match self.pass_delimiter(MULTIPART_METADATA_BYTES_MAX)? {
                    Some(()) => self.stage = Stage::Headers { second: true },
                    None => return Ok(None),
                },
                Stage::File => return Ok(self.file()),
                Stage::End => return Ok(None),
            }
        }
    }

    /// Whether the final delimiter was parsed.
    pub(super) fn is_complete(&self) -> bool {
        self.stage == Stage::End
    }

    /// Drops everything up to and including the next delimiter.
    fn pass_delimiter(&mut self, bytes_max: usize) -> Result<Option<()>> {
        match find(&self.buffer, &self.delimiter) {
            Some(at) => {
                self.buffer.advance(at + self.delimiter.len());
                Ok(Some(()))
            }
            None if self.buffer.len() > bytes_max => Err(unreadable("goes on and on before the file")),
            None => Ok(None),
        }
    }

    /// The headers after a delimiter: the rest of its line, then lines up to an empty one.
    fn headers(&mut self) -> Result<Option<Head>> {
        if self.buffer.starts_with(b"--") {
            return Err(unreadable("ends before the file"));
        }
        let Some((head, bytes)) = parse_headers(&self.buffer) else {
            if self.buffer.len() > MULTIPART_HEADERS_BYTES_MAX {
                return Err(unreadable("has headers that are too long"));
            }
            return Ok(None);
        };
        self.buffer.advance(bytes);
        Ok(Some(head))
    }

    fn file(&mut self) -> Option<MultipartItem> {
        if let Some(at) = find(&self.buffer, &self.delimiter) {
            if at > 0 {
                return Some(MultipartItem::Data(self.buffer.split_to(at).freeze()));
            }
            self.stage = Stage::End;
            return Some(MultipartItem::End);
        }
        // The last bytes may be the beginning of the delimiter.
        let certain = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
        (certain > 0).then(|| MultipartItem::Data(self.buffer.split_to(certain).freeze()))
    }
}

/// Parses complete headers; returns their length in bytes.
fn parse_headers(bytes: &[u8]) -> Option<(Head, usize)> {
    let mut head = Head::default();
    let mut at = line_end(bytes, 0)?;
    loop {
        let end = line_end(bytes, at)?;
        let line = bytes[at..end].trim_ascii_end();
        at = end;
        if line.is_empty() {
            return Some((head, at));
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let Ok(value) = str::from_utf8(line[colon + 1..].trim_ascii()) else { continue };
        let home = match &*line[..colon].trim_ascii().to_ascii_lowercase() {
            b"content-type" => &mut head.content_type,
            b"content-disposition" => &mut head.disposition,
            b"location" => &mut head.location,
            _ => continue,
        };
        *home = Some(value.to_owned());
    }
}

/// The end of the line that starts at `from`, with its line break; `None` for an incomplete line.
fn line_end(bytes: &[u8], from: usize) -> Option<usize> {
    bytes[from..].iter().position(|byte| *byte == b'\n').map(|at| from + at + 1)
}

/// The first position of `needle`, which starts with a carriage return.
fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == b'\r') {
        if bytes[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// The boundary parameter of a content type.
fn boundary(content_type: &str) -> Option<String> {
    let (essence, parameters) = content_type.split_once(';')?;
    if !essence.trim().eq_ignore_ascii_case("multipart/mixed") {
        return None;
    }
    // No boundary in use has a semicolon in it.
    let mut parameters = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let (_, value) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))?;
    let value = value.trim().trim_matches('"');
    let good = !value.is_empty() && value.len() <= MULTIPART_BOUNDARY_BYTES_MAX && !value.contains(['\r', '\n']);
    good.then(|| value.to_owned())
}

fn unreadable(why: &str) -> hearth_base::Error {
    refuse(Reason::ConnectionFailed, format!("The other server's answer {why}, so the media cannot be read."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/mixed; boundary=bound";

    /// Parses a response that arrives in chunks of `size` bytes.
    fn read(content_type: &str, answer: &[u8], size: usize) -> Result<(Head, Vec<u8>, bool)> {
        let mut multipart = Multipart::new(Some(content_type))?;
        let (mut head, mut file) = (Head::default(), Vec::new());
        for piece in answer.chunks(size) {
            multipart.feed(piece);
            while let Some(item) = multipart.next()? {
                match item {
                    MultipartItem::Head(found) => head = found,
                    MultipartItem::Data(bytes) => file.extend_from_slice(&bytes),
                    MultipartItem::End => {}
                }
            }
        }
        Ok((head, file, multipart.is_complete()))
    }

    #[test]
    fn a_file_is_read_however_it_is_cut() {
        let answer = b"--bound\r\nContent-Type: application/json\r\n\r\n{}\r\n--bound\r\nContent-Type: text/plain\r\n\
            Content-Disposition: inline; filename=a.txt\r\n\r\none\r\n--boun\r\r\n--two\r\n--bound--\r\n";
        for size in 1..answer.len() {
            let (head, file, complete) = read(TYPE, answer, size).expect("readable");
            assert_eq!(head.content_type.as_deref(), Some("text/plain"));
            assert_eq!(head.disposition.as_deref(), Some("inline; filename=a.txt"));
            assert_eq!(file, b"one\r\n--boun\r\r\n--two", "in pieces of {size}");
            assert!(complete);
        }
    }

    #[test]
    fn what_servers_do_differently_is_understood() {
        // A preamble, bare line feeds in headers, a boundary in quotes, no final hyphens.
        let answer = b"\r\n--b\r\n\r\n{}\r\n--b\ncontent-type:image/png\n\nPNG\r\n--b";
        let (head, file, complete) = read("Multipart/Mixed; charset=x; boundary=\"b\"", answer, 7).expect("readable");
        assert_eq!((head.content_type.as_deref(), &*file, complete), (Some("image/png"), &b"PNG"[..], true));
        let elsewhere = b"--b\r\n\r\n{}\r\n--b\r\nLocation: https://cdn.example/x\r\n\r\n\r\n--b--";
        let (head, file, complete) = read("multipart/mixed; boundary=b", elsewhere, 5).expect("readable");
        assert_eq!((head.location.as_deref(), file.len(), complete), (Some("https://cdn.example/x"), 0, true));
    }

    #[test]
    fn hostile_answers_are_refused_or_incomplete() {
        let long = [b"--bound\r\nX: ".to_vec(), vec![b'x'; MULTIPART_HEADERS_BYTES_MAX + 10]].concat();
        assert!(read(TYPE, &long, 1_000).is_err());
        assert!(read(TYPE, &vec![b'x'; MULTIPART_PREAMBLE_BYTES_MAX + 10], 1_000).is_err());
        let metadata = [b"--bound\r\n\r\n".to_vec(), vec![b'x'; MULTIPART_METADATA_BYTES_MAX + 10]].concat();
        assert!(read(TYPE, &metadata, 1_000).is_err());
        assert!(read(TYPE, b"--bound--\r\n", 3).is_err());
        let cut = b"--bound\r\n\r\n{}\r\n--bound\r\n\r\nhalf of";
        assert!(!read(TYPE, cut, 4).expect("so far so good").2);
        for other in ["text/html", "multipart/mixed", "multipart/mixed; boundary=", "multipart/form-data; boundary=b"] {
            assert!(Multipart::new(Some(other)).is_err(), "{other}");
        }
        assert!(Multipart::new(None).is_err());
    }
}
