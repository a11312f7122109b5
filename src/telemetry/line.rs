//! A log entry as one line.

use std::fmt::Write;

use hearth_admin::wire::{LogEntry, LogLevel};

use crate::timestamp::timestamp;

/// Human-readable: time, level, target, message, fields.
pub(super) fn text(entry: &LogEntry, colour: bool) -> String {
    let (paint, dim, plain) = match (colour, entry.level) {
        (false, _) => ("", "", ""),
        (true, LogLevel::Error) => ("\x1b[31m", "\x1b[2m", "\x1b[0m"),
        (true, LogLevel::Warn) => ("\x1b[33m", "\x1b[2m", "\x1b[0m"),
        (true, LogLevel::Info) => ("\x1b[32m", "\x1b[2m", "\x1b[0m"),
        (true, _) => ("\x1b[34m", "\x1b[2m", "\x1b[0m"),
    };
    let mut line = String::with_capacity(160);
    let (time, level, target) = (timestamp(entry.ts_ms), entry.level.as_str().to_uppercase(), &entry.target);
    // Writing to a string cannot fail.
    let _ = write!(line, "{dim}{time}{plain} {paint}{level:>5}{plain} {dim}{target}:{plain} {}", entry.message);
    for (name, value) in &entry.fields {
        let _ = match value.is_empty() || value.contains([' ', '"', '=']) {
            true => write!(line, " {dim}{name}={plain}{value:?}"),
            false => write!(line, " {dim}{name}={plain}{value}"),
        };
    }
    line.push('\n');
    line
}

/// Machine-readable: the entry as in the admin API, with an RFC 3339 time.
pub(super) fn json(entry: &LogEntry) -> String {
    let mut object = serde_json::json!({
        "time": timestamp(entry.ts_ms),
        "level": entry.level,
        "target": entry.target,
        "message": entry.message,
    });
    if !entry.fields.is_empty() {
        object["fields"] = serde_json::json!(entry.fields);
    }
    format!("{object}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_pretend_to_be_a_field() {
        let fields = [("who".to_owned(), "x admin=true".to_owned())].into();
        let (target, message) = ("t".to_owned(), "Said.".to_owned());
        let entry = LogEntry { seq: 1, ts_ms: 0, level: LogLevel::Warn, target, message, fields };
        assert_eq!(text(&entry, false), "1970-01-01T00:00:00.000Z  WARN t: Said. who=\"x admin=true\"\n");
        assert!(json(&entry).contains(r#""fields":{"who":"x admin=true"}"#));
    }
}
