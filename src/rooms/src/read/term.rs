//! Search terms: the words, and the event fields to search.

use hearth_base::{Error, Result, limits};
use serde::Deserialize;

use crate::event::Pdu;

/// A field to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchField {
    /// `content.body` of messages.
    Body,
    /// `content.name` of room names.
    Name,
    /// `content.topic` of room topics.
    Topic,
}

/// A search term.
#[derive(Debug)]
pub struct SearchTerm {
    words: Vec<String>,
    fields: Vec<SearchField>,
}

#[derive(Default, Deserialize)]
struct Content {
    #[serde(default)]
    body: serde_json::Value,
    #[serde(default)]
    name: serde_json::Value,
    #[serde(default)]
    topic: serde_json::Value,
}

impl SearchTerm {
    /// Parses a term: words that an event must all contain. `M_INVALID_PARAM` when there are none, or too many.
    pub fn new(text: &str, fields: Vec<SearchField>) -> Result<Self> {
        if text.len() > limits::SEARCH_TERM_BYTES_MAX {
            return Err(Error::invalid("The search term is too long; search for fewer words."));
        }
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        if words.is_empty() {
            return Err(Error::invalid("The search term has no words in it."));
        }
        let all = vec![SearchField::Body, SearchField::Name, SearchField::Topic];
        Ok(Self { words, fields: if fields.is_empty() { all } else { fields } })
    }

    /// Returns the words, for clients to highlight.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Returns whether stored JSON may match. A fast check without parsing; it never misses a match.
    #[must_use]
    pub fn may_match(&self, json: &[u8]) -> bool {
        // Only ASCII alphanumeric words can be found without parsing: other letters have other case rules, and other
        // characters may be escaped.
        let mut plain = self.words.iter().filter(|word| word.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        plain.all(|word| json.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes())))
    }

    /// Returns the rank of an event: the number of occurrences of the words. None when a word is missing, or the
    /// event type is not searched.
    #[must_use]
    pub fn rank(&self, pdu: &Pdu) -> Option<usize> {
        let field = match pdu.kind.to_string().as_str() {
            "m.room.message" => SearchField::Body,
            "m.room.name" => SearchField::Name,
            "m.room.topic" => SearchField::Topic,
            _ => return None,
        };
        if !self.fields.contains(&field) {
            return None;
        }
        let content: Content = serde_json::from_str(pdu.content.get()).ok()?;
        let value = match field {
            SearchField::Body => content.body,
            SearchField::Name => content.name,
            SearchField::Topic => content.topic,
        };
        let text = value.as_str()?.to_lowercase();
        self.words.iter().try_fold(0, |sum, word| match text.matches(word.as_str()).count() {
            0 => None,
            count => Some(sum + count),
        })
    }
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
        let (pdu, json) = event("m.room.message", r#"{"body":"Hay NEEDLE hay, ärger \"q\""}"#);
        for (term, rank) in
            [("needle", Some(1)), ("hay", Some(2)), ("hay needle", Some(3)), ("Ärger", Some(1)), ("\"q\"", Some(1))]
        {
            let term = SearchTerm::new(term, Vec::new()).expect("a term");
            assert!(term.may_match(&json), "{term:?}");
            assert_eq!(term.rank(&pdu), rank, "{term:?}");
        }
        let absent = SearchTerm::new("hay straw", Vec::new()).expect("a term");
        assert!(!absent.may_match(&json));
        assert_eq!(absent.rank(&pdu), None);
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
    fn empty_and_endless_terms_are_refused() {
        assert!(SearchTerm::new(" \t", Vec::new()).is_err());
        assert!(SearchTerm::new(&"x".repeat(10_000), Vec::new()).is_err());
    }
}
