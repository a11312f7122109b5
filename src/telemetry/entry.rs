//! Converts an event's fields to a log entry, with every value made safe to print.

use std::collections::BTreeMap;
use std::fmt::Debug;

use hearth_admin::text::safe_text;
use hearth_admin::wire::{LogEntry, LogLevel};
use hearth_base::limits::server::LOGGED_VALUE_BYTES_MAX;
use tracing::field::{Field, Visit};
use tracing::{Level, Metadata};

/// The fields of an event or a span.
#[derive(Debug, Default)]
pub(super) struct Fields {
    message: String,
    named: BTreeMap<String, String>,
}

impl Fields {
    /// Adds the fields of an enclosing span.
    pub(super) fn take(&mut self, span: &str, fields: &Self) {
        let named = fields.named.iter().map(|(name, value)| (format!("{span}.{name}"), value.clone()));
        self.named.extend(named);
    }

    pub(super) fn into_entry(self, metadata: &Metadata<'_>, ts_ms: u64) -> LogEntry {
        LogEntry {
            // The ring buffer assigns the number.
            seq: 0,
            ts_ms,
            level: level(*metadata.level()),
            target: metadata.target().to_owned(),
            message: self.message,
            fields: self.named,
        }
    }

    fn set(&mut self, field: &Field, value: &str) {
        let value = safe_text(shortened(value));
        match field.name() {
            "message" => self.message = value,
            name => _ = self.named.insert(name.to_owned(), value),
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field, &format!("{value:?}"));
    }
}

fn shortened(value: &str) -> &str {
    if value.len() <= LOGGED_VALUE_BYTES_MAX {
        return value;
    }
    &value[..value.floor_char_boundary(LOGGED_VALUE_BYTES_MAX)]
}

fn level(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_between_characters() {
        let text = "ä".repeat(LOGGED_VALUE_BYTES_MAX);
        assert_eq!(shortened(&text).len(), LOGGED_VALUE_BYTES_MAX);
        assert_eq!(shortened(&format!("a{text}")).len(), LOGGED_VALUE_BYTES_MAX - 1);
    }
}
