//! Takes the answer to `send_join` apart while it arrives: the state of a large room need not lie in memory as one piece, and
//! a room that is too large is noticed before all of it has been sent.
//!
//! Knows where values of JSON begin and end, and nothing else of them; whoever gets a piece parses it.

use hearth_base::{Reason, Result, error::refuse};

/// The largest event that is looked at: what travels beside an event (`unsigned`) counts here, and not in its own limit.
const EVENT_BYTES_MAX: usize = 256 * 1024;

/// A piece of the answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// An event of `auth_chain`.
    Auth(Vec<u8>),
    /// An event of `state`.
    State(Vec<u8>),
    /// The member event, with the resident's signature.
    Event(Vec<u8>),
    /// `members_omitted`.
    Omitted(Vec<u8>),
}

/// What a value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Auth,
    State,
    Event,
    Omitted,
    Other,
}

/// What is expected next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// The answer, or the `[200,` that the first version of the endpoint puts before it.
    Start,
    /// The `200`, and the comma after it.
    Status,
    /// A key, or the end of the answer.
    Key,
    InKey,
    Colon,
    Value,
    InValue,
    /// A comma between fields, or the end of the answer.
    AfterValue,
    /// An event of a list, or the list's end.
    Element,
    InElement,
    AfterElement,
    End,
}

/// Finds the end of one value.
#[derive(Debug, Default)]
struct Extent {
    depth: u32,
    in_string: bool,
    escaped: bool,
    is_scalar: bool,
}

/// Where a byte leaves a value.
enum Reach {
    Inside,
    Last,
    /// The value ended before this byte.
    Past,
}

impl Extent {
    fn feed(&mut self, byte: u8) -> Reach {
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
                b'}' | b']' | b',' if self.depth == 0 => return Reach::Past,
                b' ' | b'\t' | b'\r' | b'\n' if self.depth == 0 => return Reach::Past,
                _ if self.depth == 0 => self.is_scalar = true,
                _ => {}
            }
        }
        if self.depth == 0 && !self.in_string && !self.is_scalar { Reach::Last } else { Reach::Inside }
    }
}

/// The answer so far.
#[derive(Debug)]
pub(super) struct Splitter {
    at: At,
    field: Field,
    extent: Extent,
    piece: Vec<u8>,
}

impl Default for Splitter {
    fn default() -> Self {
        Self { at: At::Start, field: Field::Other, extent: Extent::default(), piece: Vec::new() }
    }
}

fn wrong(what: &str) -> hearth_base::Error {
    refuse(Reason::ConnectionFailed, format!("The answer to the join cannot be read: {what}."))
}

impl Splitter {
    /// Takes what has arrived; `each` gets every piece that is complete.
    pub(super) fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Piece) -> Result<()>) -> Result<()> {
        bytes.iter().try_for_each(|byte| self.take(*byte, each))
    }

    /// The answer has ended. Refuses one that was cut off.
    pub(super) fn finish(self) -> Result<()> {
        if self.at == At::End { Ok(()) } else { Err(wrong("it ends too early")) }
    }

    fn take(&mut self, byte: u8, each: &mut dyn FnMut(Piece) -> Result<()>) -> Result<()> {
        match self.at {
            At::InKey | At::InValue | At::InElement => return self.inside(byte, each),
            _ if byte.is_ascii_whitespace() => return Ok(()),
            _ => {}
        }
        self.at = match (self.at, byte) {
            (At::Start, b'{') => At::Key,
            (At::Start, b'[') => At::Status,
            (At::Status, b'0'..=b'9' | b',') => At::Status,
            (At::Status, b'{') => At::Key,
            (At::Key, b'}') | (At::AfterValue, b'}') => At::End,
            (At::Key, b'"') => return self.begin(At::InKey, byte, each),
            (At::Colon, b':') => At::Value,
            (At::Value, b'[') if matches!(self.field, Field::Auth | Field::State) => At::Element,
            (At::Value, _) => return self.begin(At::InValue, byte, each),
            (At::AfterValue, b',') => At::Key,
            (At::Element, b']') | (At::AfterElement, b']') => At::AfterValue,
            (At::Element, b'{') => return self.begin(At::InElement, byte, each),
            (At::AfterElement, b',') => At::Element,
            // The bracket that closes the old form, and nothing else of interest.
            (At::End, b']') => At::End,
            _ => return Err(wrong("it is not the JSON that it should be")),
        };
        Ok(())
    }

    fn begin(&mut self, at: At, byte: u8, each: &mut dyn FnMut(Piece) -> Result<()>) -> Result<()> {
        self.at = at;
        self.extent = Extent::default();
        self.piece.clear();
        self.inside(byte, each)
    }

    fn inside(&mut self, byte: u8, each: &mut dyn FnMut(Piece) -> Result<()>) -> Result<()> {
        let reach = self.extent.feed(byte);
        let is_kept = self.at != At::InValue || self.field != Field::Other;
        if is_kept && !matches!(reach, Reach::Past) {
            if self.piece.len() >= EVENT_BYTES_MAX {
                return Err(wrong("an event in it is too large"));
            }
            self.piece.push(byte);
        }
        match reach {
            Reach::Inside => Ok(()),
            Reach::Last => self.end(each),
            Reach::Past => {
                self.end(each)?;
                self.take(byte, each)
            }
        }
    }

    fn end(&mut self, each: &mut dyn FnMut(Piece) -> Result<()>) -> Result<()> {
        let piece = std::mem::take(&mut self.piece);
        let (next, piece) = match (self.at, self.field) {
            (At::InKey, _) => {
                self.field = match piece.as_slice() {
                    b"\"auth_chain\"" => Field::Auth,
                    b"\"state\"" => Field::State,
                    b"\"event\"" => Field::Event,
                    b"\"members_omitted\"" => Field::Omitted,
                    _ => Field::Other,
                };
                (At::Colon, None)
            }
            (At::InElement, Field::Auth) => (At::AfterElement, Some(Piece::Auth(piece))),
            (At::InElement, _) => (At::AfterElement, Some(Piece::State(piece))),
            (_, Field::Event) => (At::AfterValue, Some(Piece::Event(piece))),
            (_, Field::Omitted) => (At::AfterValue, Some(Piece::Omitted(piece))),
            _ => (At::AfterValue, None),
        };
        self.at = next;
        piece.map_or(Ok(()), each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(json: &str, step: usize) -> Result<Vec<Piece>> {
        let (mut splitter, mut pieces) = (Splitter::default(), Vec::new());
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
            Piece::Auth(br#"{"a":"}\\"}"#.to_vec()),
            Piece::Auth(br#"{"b":[1,{"c":2}]}"#.to_vec()),
            Piece::Omitted(b"false".to_vec()),
            Piece::State(b"{}".to_vec()),
            Piece::Event(br#"{"e":null}"#.to_vec()),
        ];
        for step in [1, 2, 3, 7, 1000] {
            assert_eq!(split(json, step).expect("readable"), expected);
        }
        let old = split(r#"[200, {"state":[{"s":1}],"auth_chain":[]}]"#, 5).expect("the old form");
        assert_eq!(old, vec![Piece::State(br#"{"s":1}"#.to_vec())]);
    }

    #[test]
    fn what_is_cut_off_or_no_json_is_refused() {
        let wrong = ["", "{", r#"{"state":[{"#, r#"{"state":[1]}"#, r#"{"state":[{}"#, r#"{"state":{}"#, "nope", "[]"];
        for json in wrong {
            assert!(split(json, 3).is_err(), "{json}");
        }
        let large = format!(r#"{{"state":[{{"a":"{}"}}]}}"#, "x".repeat(EVENT_BYTES_MAX));
        assert!(split(&large, 4096).is_err());
        let skipped = format!(r#"{{"other":["{}"]}}"#, "x".repeat(2 * EVENT_BYTES_MAX));
        assert_eq!(split(&skipped, 4096).expect("skipped"), []);
    }
}
