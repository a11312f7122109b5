//! Incremental parser of the `send_join` response: the state of a large room is never in memory as one buffer, and a
//! room above the limit is detected before all of it has been sent.
//!
//! It finds the bounds of JSON values and does not parse them; the caller parses each piece.

use hearth_base::limits::federation::SEND_JOIN_EVENT_BYTES_MAX;
use hearth_base::{Reason, Result, error::refuse};

/// A piece of the response.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ResponsePiece {
    /// An event of `auth_chain`.
    Auth(Vec<u8>),
    /// An event of `state`.
    State(Vec<u8>),
    /// `event`: the member event with the resident server's signature.
    Event(Vec<u8>),
    /// `members_omitted`.
    Omitted(Vec<u8>),
}

/// The field that a value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResponseField {
    Auth,
    State,
    Event,
    Omitted,
    Other,
}

/// The next expected token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ParserState {
    /// The response, or the `[200,` before it in version 1 of the endpoint.
    Start,
    /// The `200`, and the comma after it.
    Status,
    /// A key, or the end of the response.
    Key,
    InKey,
    Colon,
    Value,
    InValue,
    /// A comma between fields, or the end of the response.
    AfterValue,
    /// An event of a list, or the list's end.
    Element,
    InElement,
    AfterElement,
    End,
}

/// Finds the end of one JSON value.
#[derive(Debug, Default)]
struct ValueScanner {
    depth: u32,
    in_string: bool,
    escaped: bool,
    is_scalar: bool,
}

/// The effect of a byte on a value.
enum ByteEffect {
    Inside,
    Last,
    /// The value ended before this byte.
    Past,
}

impl ValueScanner {
    fn feed(&mut self, byte: u8) -> ByteEffect {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 0 => self.depth -= 1,
                b'}' | b']' | b',' if self.depth == 0 => return ByteEffect::Past,
                b' ' | b'\t' | b'\r' | b'\n' if self.depth == 0 => return ByteEffect::Past,
                _ if self.depth == 0 => self.is_scalar = true,
                _ => {}
            }
        }
        if self.depth == 0 && !self.in_string && !self.is_scalar { ByteEffect::Last } else { ByteEffect::Inside }
    }
}

/// An incremental parser for one response.
#[derive(Debug)]
pub(super) struct ResponseParser {
    at: ParserState,
    field: ResponseField,
    extent: ValueScanner,
    piece: Vec<u8>,
}

impl Default for ResponseParser {
    fn default() -> Self {
        Self { at: ParserState::Start, field: ResponseField::Other, extent: ValueScanner::default(), piece: Vec::new() }
    }
}

fn wrong(what: &str) -> hearth_base::Error {
    refuse(Reason::ConnectionFailed, format!("The answer to the join cannot be read: {what}."))
}

impl ResponseParser {
    /// Parses the next bytes; calls `each` with every complete piece.
    pub(super) fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(ResponsePiece) -> Result<()>) -> Result<()> {
        bytes.iter().try_for_each(|byte| self.take(*byte, each))
    }

    /// Ends the response. Refuses a truncated one.
    pub(super) fn finish(self) -> Result<()> {
        if self.at == ParserState::End { Ok(()) } else { Err(wrong("it ends too early")) }
    }

    fn take(&mut self, byte: u8, each: &mut dyn FnMut(ResponsePiece) -> Result<()>) -> Result<()> {
        match self.at {
            ParserState::InKey | ParserState::InValue | ParserState::InElement => return self.inside(byte, each),
            _ if byte.is_ascii_whitespace() => return Ok(()),
            _ => {}
        }
        self.at = match (self.at, byte) {
            (ParserState::Start, b'{') => ParserState::Key,
            (ParserState::Start, b'[') => ParserState::Status,
            (ParserState::Status, b'0'..=b'9' | b',') => ParserState::Status,
            (ParserState::Status, b'{') => ParserState::Key,
            (ParserState::Key, b'}') | (ParserState::AfterValue, b'}') => ParserState::End,
            (ParserState::Key, b'"') => return self.begin(ParserState::InKey, byte, each),
            (ParserState::Colon, b':') => ParserState::Value,
            (ParserState::Value, b'[') if matches!(self.field, ResponseField::Auth | ResponseField::State) => {
                ParserState::Element
            }
            (ParserState::Value, _) => return self.begin(ParserState::InValue, byte, each),
            (ParserState::AfterValue, b',') => ParserState::Key,
            (ParserState::Element, b']') | (ParserState::AfterElement, b']') => ParserState::AfterValue,
            (ParserState::Element, b'{') => return self.begin(ParserState::InElement, byte, each),
            (ParserState::AfterElement, b',') => ParserState::Element,
            // The closing bracket of the version 1 form.
            (ParserState::End, b']') => ParserState::End,
            _ => return Err(wrong("it is not the JSON that it should be")),
        };
        Ok(())
    }

    fn begin(&mut self, at: ParserState, byte: u8, each: &mut dyn FnMut(ResponsePiece) -> Result<()>) -> Result<()> {
        self.at = at;
        self.extent = ValueScanner::default();
        self.piece.clear();
        self.inside(byte, each)
    }

    fn inside(&mut self, byte: u8, each: &mut dyn FnMut(ResponsePiece) -> Result<()>) -> Result<()> {
        let reach = self.extent.feed(byte);
        let is_kept = self.at != ParserState::InValue || self.field != ResponseField::Other;
        if is_kept && !matches!(reach, ByteEffect::Past) {
            if self.piece.len() >= SEND_JOIN_EVENT_BYTES_MAX {
                return Err(wrong("an event in it is too large"));
            }
            self.piece.push(byte);
        }
        match reach {
            ByteEffect::Inside => Ok(()),
            ByteEffect::Last => self.end(each),
            ByteEffect::Past => {
                self.end(each)?;
                self.take(byte, each)
            }
        }
    }

    fn end(&mut self, each: &mut dyn FnMut(ResponsePiece) -> Result<()>) -> Result<()> {
        let piece = std::mem::take(&mut self.piece);
        let (next, piece) = match (self.at, self.field) {
            (ParserState::InKey, _) => {
                self.field = match piece.as_slice() {
                    b"\"auth_chain\"" => ResponseField::Auth,
                    b"\"state\"" => ResponseField::State,
                    b"\"event\"" => ResponseField::Event,
                    b"\"members_omitted\"" => ResponseField::Omitted,
                    _ => ResponseField::Other,
                };
                (ParserState::Colon, None)
            }
            (ParserState::InElement, ResponseField::Auth) => {
                (ParserState::AfterElement, Some(ResponsePiece::Auth(piece)))
            }
            (ParserState::InElement, _) => (ParserState::AfterElement, Some(ResponsePiece::State(piece))),
            (_, ResponseField::Event) => (ParserState::AfterValue, Some(ResponsePiece::Event(piece))),
            (_, ResponseField::Omitted) => (ParserState::AfterValue, Some(ResponsePiece::Omitted(piece))),
            _ => (ParserState::AfterValue, None),
        };
        self.at = next;
        piece.map_or(Ok(()), each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(json: &str, step: usize) -> Result<Vec<ResponsePiece>> {
        let (mut splitter, mut pieces) = (ResponseParser::default(), Vec::new());
        for bytes in json.as_bytes().chunks(step) {
            splitter.push(bytes, &mut |piece| {
                pieces.push(piece);
                Ok(())
            })?;
        }
        splitter.finish().map(|()| pieces)
    }

    #[test]
    fn pieces_come_out_whole_however_the_answer_is_cut() {
        let json = r#" {"origin":"a\"]}","auth_chain" : [{"a":"}\\"},{"b":[1,{"c":2}]}],
            "servers_in_room":["x",{"y":"]"}], "members_omitted":false,"state":[ {} ],"n":12 ,"event":{"e":null}} "#;
        let expected = vec![
            ResponsePiece::Auth(br#"{"a":"}\\"}"#.to_vec()),
            ResponsePiece::Auth(br#"{"b":[1,{"c":2}]}"#.to_vec()),
            ResponsePiece::Omitted(b"false".to_vec()),
            ResponsePiece::State(b"{}".to_vec()),
            ResponsePiece::Event(br#"{"e":null}"#.to_vec()),
        ];
        for step in [1, 2, 3, 7, 1000] {
            assert_eq!(split(json, step).expect("readable"), expected);
        }
        let old = split(r#"[200, {"state":[{"s":1}],"auth_chain":[]}]"#, 5).expect("the old form");
        assert_eq!(old, vec![ResponsePiece::State(br#"{"s":1}"#.to_vec())]);
    }

    #[test]
    fn what_is_cut_off_or_no_json_is_refused() {
        let wrong = ["", "{", r#"{"state":[{"#, r#"{"state":[1]}"#, r#"{"state":[{}"#, r#"{"state":{}"#, "nope", "[]"];
        for json in wrong {
            assert!(split(json, 3).is_err(), "{json}");
        }
        let large = format!(r#"{{"state":[{{"a":"{}"}}]}}"#, "x".repeat(SEND_JOIN_EVENT_BYTES_MAX));
        assert!(split(&large, 4096).is_err());
        let skipped = format!(r#"{{"other":["{}"]}}"#, "x".repeat(2 * SEND_JOIN_EVENT_BYTES_MAX));
        assert_eq!(split(&skipped, 4096).expect("skipped"), []);
    }
}
