//! The searchable text of an event.

use serde::Deserialize;
use serde_json::Value;

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

#[derive(Default, Deserialize)]
struct Content {
    #[serde(default)]
    body: Value,
    #[serde(default)]
    name: Value,
    #[serde(default)]
    topic: Value,
    #[serde(default, rename = "m.new_content")]
    new_content: Value,
    #[serde(default, rename = "m.relates_to")]
    relates_to: Value,
}

/// Returns the field that an event of this type has.
pub(crate) fn field(pdu: &Pdu) -> Option<SearchField> {
    match pdu.kind.to_string().as_str() {
        "m.room.message" => Some(SearchField::Body),
        "m.room.name" => Some(SearchField::Name),
        "m.room.topic" => Some(SearchField::Topic),
        _ => None,
    }
}

/// Returns the text of an event: of an edit the new text, without the fallback for clients that do not know edits.
pub(crate) fn of(pdu: &Pdu) -> Option<(SearchField, String)> {
    let field = field(pdu)?;
    let content: Content = serde_json::from_str(pdu.content.get()).ok()?;
    let text = match field {
        SearchField::Body => match &content.new_content["body"] {
            Value::String(new) if content.relates_to["rel_type"] == "m.replace" => Value::from(new.as_str()),
            _ => content.body,
        },
        SearchField::Name => content.name,
        SearchField::Topic => content.topic,
    };
    match text {
        Value::String(text) => Some((field, text)),
        _ => None,
    }
}
