//! Search terms: the words, and the event fields to search.

use hearth_base::{Error, Result, limits};
use hearth_store::ids::RoomSn;
use hearth_store::tables::search_words::WordQuery;

use crate::event::Pdu;
use crate::search::text;
pub use crate::search::text::SearchField;
use crate::search::words::{self, ComparedText, Word};

/// A part of a term: what stands between spaces, or in quotation marks. Its words must follow one another in the text.
#[derive(Debug)]
struct Phrase {
    /// As typed, in small letters.
    typed: String,
    words: Vec<Word>,
    /// Whether its last word may be the beginning of a longer one. Not in quotation marks.
    is_open: bool,
}

/// A search term.
#[derive(Debug)]
pub struct SearchTerm {
    phrases: Vec<Phrase>,
    fields: Vec<SearchField>,
}

impl SearchTerm {
    /// Parses a term: words, and phrases in quotation marks, that an event must all contain. Punctuation is ignored: a term
    /// of nothing else matches no event. `M_INVALID_PARAM` when it is empty or too long.
    pub fn new(text: &str, fields: Vec<SearchField>) -> Result<Self> {
        if text.len() > limits::SEARCH_TERM_BYTES_MAX {
            return Err(Error::invalid("The search term is too long; search for fewer words."));
        }
        if text.trim().is_empty() {
            return Err(Error::invalid("The search term has no words in it."));
        }
        let (mut phrases, mut left) = (Vec::new(), limits::SEARCH_WORDS_MAX);
        for (typed, is_open) in split(text) {
            let mut words = words::words(typed);
            words.truncate(left);
            left -= words.len();
            if !words.is_empty() {
                phrases.push(Phrase { typed: typed.to_lowercase(), words, is_open });
            }
        }
        let all = vec![SearchField::Body, SearchField::Name, SearchField::Topic];
        Ok(Self { phrases, fields: if fields.is_empty() { all } else { fields } })
    }

    /// Returns the words, for clients to highlight.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        self.phrases.iter().map(|phrase| phrase.typed.clone()).collect()
    }

    /// Returns the words of an event that match a word of the term in another spelling: longer, or with accents.
    pub(super) fn spellings(&self, pdu: &Pdu) -> Vec<String> {
        let Some((_, text)) = text::of(pdu) else { return Vec::new() };
        let is_match = |piece: &&str| {
            let found = ComparedText::new(piece);
            let matches = |phrase: &Phrase| found.occurrences(&phrase.words, phrase.is_open) > 0;
            found.is_one_word() && self.phrases.iter().any(matches)
        };
        let pieces = text.split(|c: char| !c.is_alphanumeric()).filter(|piece| !piece.is_empty());
        pieces.filter(is_match).map(str::to_lowercase).collect()
    }

    /// Returns what the index must have for an event to match, in one of `rooms`; none if nothing can match.
    pub(super) fn queries(&self, rooms: &mut dyn Iterator<Item = RoomSn>) -> Option<Vec<Vec<WordQuery>>> {
        let mark = |mark: String| WordQuery { word: mark, is_prefix: false };
        let mut groups: Vec<Vec<WordQuery>> = self
            .phrases
            .iter()
            .flat_map(|phrase| words::queries(&phrase.words, phrase.is_open))
            .map(|word| vec![word, mark(words::LONG_MARK.to_owned())])
            .collect();
        if groups.is_empty() {
            return None;
        }
        let rooms: Vec<WordQuery> = rooms.take(limits::SEARCH_ROOMS_MAX + 1).map(words::room_mark).map(mark).collect();
        match rooms.len() {
            0 => return None,
            1..=limits::SEARCH_ROOMS_MAX => groups.push(rooms),
            _ => {}
        }
        let fields: Option<Vec<_>> =
            self.fields.iter().map(|field| words::field_mark(*field).map(|name| mark(name.to_owned()))).collect();
        groups.extend(fields);
        Some(groups)
    }

    /// Returns whether stored JSON may match. A fast check without parsing; it never misses a match.
    #[must_use]
    pub fn may_match(&self, json: &[u8]) -> bool {
        let has = |text: &str| json.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()));
        if !["m.room.message", "m.room.name", "m.room.topic"].into_iter().any(has) {
            return false;
        }
        // Other characters can have ASCII letters below their accents, and other case rules.
        let plain = |word: &Word| match word {
            Word::Letters(letters) => !letters.is_ascii() || has(letters),
            Word::Character(_) | Word::Symbol(_) => true,
        };
        !json.is_ascii() || self.phrases.iter().flat_map(|phrase| &phrase.words).all(plain)
    }

    /// Returns the rank of an event: the number of occurrences of the words. None when a word is missing, or the
    /// event type is not searched.
    #[must_use]
    pub fn rank(&self, pdu: &Pdu) -> Option<usize> {
        let field = text::field(pdu)?;
        if !self.fields.contains(&field) || self.phrases.is_empty() {
            return None;
        }
        let (_, text) = text::of(pdu)?;
        let text = ComparedText::new(&text);
        self.phrases.iter().try_fold(0, |sum, phrase| match text.occurrences(&phrase.words, phrase.is_open) {
            0 => None,
            count => Some(sum + count),
        })
    }
}

/// Splits a term into its parts, each with whether its last word may go on.
fn split(text: &str) -> Vec<(&str, bool)> {
    let mut parts = Vec::new();
    for (at, quoted) in text.split('"').enumerate() {
        match at % 2 {
            1 => parts.push((quoted, false)),
            _ => parts.extend(quoted.split_whitespace().map(|part| (part, true))),
        }
    }
    // A quotation mark without its partner: what follows is words.
    if text.matches('"').count() % 2 == 1
        && let Some((open, _)) = parts.pop()
    {
        parts.extend(open.split_whitespace().map(|part| (part, true)));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, content: &str) -> (Pdu, Vec<u8>) {
        let json =
            format!(r#"{{"content":{content},"origin_server_ts":1,"sender":"@a:b","type":"{kind}"}}"#).into_bytes();
        (Pdu::parse(ruma::event_id!("$1").to_owned(), &json).expect("an event"), json)
    }

    #[test]
    fn all_words_must_be_there() {
        let (pdu, json) = event("m.room.message", r#"{"body":"Hay NEEDLE hay, ärger \"q\" foo.bar"}"#);
        for (term, rank) in [
            ("needle", 1),
            ("need", 1),
            ("hay", 2),
            ("hay needle", 3),
            ("needle hay", 3),
            ("Ärger", 1),
            ("arger", 1),
            ("\"q\"", 1),
            ("\"needle hay\"", 1),
            ("foo.ba", 1),
            ("needle \"hay", 3),
        ] {
            let term = SearchTerm::new(term, Vec::new()).expect("a term");
            assert!(term.may_match(&json), "{term:?}");
            assert_eq!(term.rank(&pdu), Some(rank), "{term:?}");
        }
        for absent in ["hay straw", "\"hay ne\"", "\"needle ärger\"", "bar.foo", ":)", "\"\""] {
            let absent = SearchTerm::new(absent, Vec::new()).expect("a term");
            assert_eq!(absent.rank(&pdu), None, "{absent:?}");
        }
        let absent = SearchTerm::new("hay straw", Vec::new()).expect("a term");
        assert!(!absent.may_match(&event("m.room.message", r#"{"body":"hay"}"#).1));
        assert!(!absent.may_match(&event("m.reaction", r#"{"body":"hay straw"}"#).1));
        assert_eq!(SearchTerm::new("arg nee", Vec::new()).expect("a term").spellings(&pdu), ["needle", "ärger"]);
    }

    #[test]
    fn only_the_fields_asked_for_are_searched() {
        let topic = SearchTerm::new("x", vec![SearchField::Topic]).expect("a term");
        assert_eq!(topic.rank(&event("m.room.topic", r#"{"topic":"x"}"#).0), Some(1));
        assert_eq!(topic.rank(&event("m.room.message", r#"{"body":"x","topic":"x"}"#).0), None);
        assert_eq!(topic.rank(&event("m.room.topic", r#"{"topic":["x"]}"#).0), None);
        assert_eq!(topic.rank(&event("m.room.topic", "{}").0), None);
    }

    #[test]
    fn an_edit_is_searched_by_its_new_text() {
        let content = r#"{"body":"* old","m.new_content":{"body":"fresh"},"m.relates_to":{"rel_type":"m.replace"}}"#;
        let (pdu, _) = event("m.room.message", content);
        let rank = |term: &str| SearchTerm::new(term, Vec::new()).expect("a term").rank(&pdu);
        assert_eq!((rank("fresh"), rank("old")), (Some(1), None));
    }

    #[test]
    fn empty_and_endless_terms_are_refused_and_many_words_are_cut() {
        assert!(SearchTerm::new(" \t", Vec::new()).is_err());
        assert!(SearchTerm::new(&"x".repeat(10_000), Vec::new()).is_err());
        let many = SearchTerm::new(&"a b ".repeat(100), Vec::new()).expect("a term");
        let queries = many.queries(&mut std::iter::once(RoomSn(1))).expect("queries");
        assert_eq!(queries.len(), limits::SEARCH_WORDS_MAX + 1);
    }
}
