//! An event as conditions read it: its properties by dot-separated path (appendices, "Dot-separated property paths").
//!
//! Properties are looked up in the JSON. ruma writes all paths of an event into a map first, and a long key above
//! thousands of short ones makes a hundred megabytes of an event of 64 KiB.

use std::sync::OnceLock;

use hearth_rooms::event::Pdu;
use ruma::push::ScalarJsonValue;
use ruma::{Int, RoomId};
use serde_json::{Map, Number, Value};

/// The path of a property, split at its dots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Vec<String>);

impl Path {
    /// Parses a key. None if it has a backslash that escapes neither a dot nor a backslash; then it names no property.
    pub(super) fn parse(key: &str) -> Option<Self> {
        let mut parts = vec![String::new()];
        let mut letters = key.chars();
        while let Some(letter) = letters.next() {
            let letter = match letter {
                '.' => {
                    parts.push(String::new());
                    continue;
                }
                '\\' => letters.next().filter(|escaped| matches!(escaped, '.' | '\\'))?,
                letter => letter,
            };
            parts.last_mut()?.push(letter);
        }
        Some(Self(parts))
    }
}

/// An event in the client format.
#[derive(Debug)]
pub(super) struct EventValues {
    root: Value,
    /// `content.body` in lower case, from when a rule first asks for it.
    body: OnceLock<Option<String>>,
}

impl EventValues {
    pub(super) fn new(pdu: &Pdu, room_id: &RoomId) -> Self {
        let mut content = serde_json::from_str::<Map<String, Value>>(pdu.content.get()).unwrap_or_default();
        let mut root = Map::new();
        if let Some(redacts) = &pdu.redacts {
            content.entry("redacts").or_insert_with(|| redacts.as_str().into());
            root.insert("redacts".to_owned(), redacts.as_str().into());
        }
        if let Some(state_key) = &pdu.state_key {
            root.insert("state_key".to_owned(), state_key.as_str().into());
        }
        root.insert("content".to_owned(), content.into());
        root.insert("event_id".to_owned(), pdu.event_id.as_str().into());
        root.insert("origin_server_ts".to_owned(), pdu.origin_server_ts.into());
        root.insert("room_id".to_owned(), room_id.as_str().into());
        root.insert("sender".to_owned(), pdu.sender.as_str().into());
        root.insert("type".to_owned(), pdu.kind.to_string().into());
        Self::of(root.into())
    }

    pub(super) fn of(root: Value) -> Self {
        Self { root, body: OnceLock::new() }
    }

    pub(super) fn get(&self, path: &Path) -> Option<&Value> {
        path.0.iter().try_fold(&self.root, |value, part| value.as_object()?.get(part))
    }

    pub(super) fn text(&self, path: &Path) -> Option<&str> {
        self.get(path)?.as_str()
    }

    /// Returns `content.body` in lower case.
    pub(super) fn body(&self) -> Option<&str> {
        let body = self.body.get_or_init(|| Some(self.root.get("content")?.get("body")?.as_str()?.to_lowercase()));
        body.as_deref()
    }

    pub(super) fn sender(&self) -> Option<&str> {
        self.root.get("sender")?.as_str()
    }

    /// Returns whether the event has the property `m.mentions`, which disables the older mention rules.
    pub(super) fn has_mentions(&self) -> bool {
        self.root.get("content").and_then(|content| content.get("m.mentions")).is_some_and(is_property)
    }
}

/// Returns whether a value counts as a property, or contains one. Numbers that Matrix does not know do not count.
fn is_property(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.is_empty() || fields.values().any(is_property),
        Value::Number(number) => integer(number).is_some(),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) => true,
    }
}

/// A value that conditions compare with: the scalars of Matrix. Properties with other values are equal to none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Text(&'a str),
}

impl<'a> Scalar<'a> {
    pub(super) fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Null),
            Value::Bool(value) => Some(Self::Bool(*value)),
            Value::Number(number) => integer(number).map(Self::Integer),
            Value::String(text) => Some(Self::Text(text)),
            Value::Array(_) | Value::Object(_) => None,
        }
    }
}

impl<'a> From<&'a ScalarJsonValue> for Scalar<'a> {
    fn from(value: &'a ScalarJsonValue) -> Self {
        match value {
            ScalarJsonValue::Null => Self::Null,
            ScalarJsonValue::Bool(value) => Self::Bool(*value),
            ScalarJsonValue::Integer(number) => Self::Integer((*number).into()),
            ScalarJsonValue::String(text) => Self::Text(text),
        }
    }
}

fn integer(number: &Number) -> Option<i64> {
    number.as_i64().filter(|number| Int::try_from(*number).is_ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_escape_dots_and_backslashes() {
        let event = EventValues::of(json!({"content": {"m.relates_to": {"a\\b": 7, "": {"x": "y"}}, "list": [1]}}));
        let get = |key: &str| event.get(&Path::parse(key)?).cloned();
        assert_eq!(get(r"content.m\.relates_to.a\\b"), Some(json!(7)));
        assert_eq!(get(r"content.m\.relates_to..x"), Some(json!("y")));
        for unknown in ["content.m.relates_to", r"content.m\relates_to", r"content\", "content.list.0", "", "."] {
            assert_eq!(get(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn mentions_without_a_known_value_are_none() {
        let has = |mentions: Value| EventValues::of(json!({"content": {"m.mentions": mentions}})).has_mentions();
        assert!(has(json!({})) && has(json!({"user_ids": []})) && has(json!(null)) && has(json!({"a": {"b": 1}})));
        assert!(!has(json!({"a": 1.5})) && !EventValues::of(json!({"content": {}})).has_mentions());
    }
}
