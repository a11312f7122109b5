//! A parsed source: TOML with the line of each key.

use toml::de::{DeTable, DeValue};

/// A TOML value.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::config) enum Found {
    Text(String),
    Whole(i64),
    Number(f64),
    Truth(bool),
    List(Vec<Found>),
    Table(Vec<Entry>),
    /// Dates, and integers beyond 64 bits: no setting accepts them.
    Other(String),
}

/// A key of a table.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::config) struct Entry {
    pub(in crate::config) key: String,
    /// The line of the key, counted from 1.
    pub(in crate::config) line: usize,
    pub(in crate::config) value: Found,
}

impl Found {
    /// Parses a file. An error has the line and a message.
    pub(in crate::config) fn document(text: &str) -> Result<Self, (usize, String)> {
        match DeTable::parse(text) {
            Ok(table) => Ok(Self::from_table(table.get_ref(), text)),
            Err(error) => {
                let line = error.span().map_or(1, |span| line_of(text, span.start));
                Err((line, error.message().to_owned()))
            }
        }
    }

    /// Parses one value as TOML or JSON.
    pub(in crate::config) fn value(text: &str) -> Option<Self> {
        let toml = DeValue::parse(text).map(|value| Self::from_value(value.get_ref(), text));
        toml.ok().or_else(|| serde_json::from_str(text).ok().map(Self::from_json))
    }

    fn from_json(value: serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::String(text) => Self::Text(text),
            Value::Bool(truth) => Self::Truth(truth),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from_json).collect()),
            Value::Object(fields) => {
                let entry = |(key, value)| Entry { key, line: 0, value: Self::from_json(value) };
                Self::Table(fields.into_iter().map(entry).collect())
            }
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Self::Whole(whole),
                (None, Some(number)) => Self::Number(number),
                (None, None) => Self::Other(number.to_string()),
            },
            Value::Null => Self::Other("null".to_owned()),
        }
    }

    fn from_table(table: &DeTable<'_>, text: &str) -> Self {
        let entry = |(key, value): (&toml::Spanned<toml::de::DeString<'_>>, &toml::Spanned<DeValue<'_>>)| Entry {
            key: key.get_ref().clone().into_owned(),
            line: line_of(text, key.span().start),
            value: Self::from_value(value.get_ref(), text),
        };
        Self::Table(table.iter().map(entry).collect())
    }

    fn from_value(value: &DeValue<'_>, text: &str) -> Self {
        match value {
            DeValue::String(string) => Self::Text(string.clone().into_owned()),
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
                .map_or_else(|_| Self::Other(integer.to_string()), Self::Whole),
            DeValue::Float(float) => {
                float.as_str().parse().map_or_else(|_| Self::Other(float.to_string()), Self::Number)
            }
            DeValue::Boolean(truth) => Self::Truth(*truth),
            DeValue::Datetime(time) => Self::Other(time.to_string()),
            DeValue::Array(items) => {
                Self::List(items.iter().map(|item| Self::from_value(item.get_ref(), text)).collect())
            }
            DeValue::Table(table) => Self::from_table(table, text),
        }
    }

    /// The text, if it is one.
    pub(in crate::config) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// For an error message.
    pub(in crate::config) fn shown(&self) -> String {
        match self {
            Self::Text(text) => format!("the text {}", super::quoted(&shortened(text))),
            Self::Whole(number) => number.to_string(),
            Self::Number(number) => format!("{number:?}"),
            Self::Truth(truth) => truth.to_string(),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
            Self::Other(text) => shortened(text),
        }
    }
}

fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes().iter().take(offset).filter(|&&byte| byte == b'\n').count()
}
