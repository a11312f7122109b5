//! An entry of the log as one line.

use std::fmt::Write;

use hearth_admin::wire::{LogEntry, LogLevel};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// For people: time, level, part of the program, sentence, fields.
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

/// For machines: the entry as the admin API shows it, with a readable time.
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

/// RFC 3339 in UTC, to the millisecond.
fn timestamp(ms: u64) -> String {
    let (year, month, day) = date(ms / DAY_MS);
    let (seconds, millis) = (ms % DAY_MS / 1_000, ms % 1_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// The date so many days after 1 January 1970. Years are counted from March, so that the leap day is a year's last; 400
/// years, an era, have 146,097 days.
fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(951_782_399_999), "2000-02-28T23:59:59.999Z");
        assert_eq!(timestamp(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(timestamp(1_709_251_200_000), "2024-03-01T00:00:00.000Z");
        assert_eq!(timestamp(4_107_542_400_000), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn a_value_cannot_pretend_to_be_a_field() {
        let fields = [("who".to_owned(), "x admin=true".to_owned())].into();
        let (target, message) = ("t".to_owned(), "Said.".to_owned());
        let entry = LogEntry { seq: 1, ts_ms: 0, level: LogLevel::Warn, target, message, fields };
        assert_eq!(text(&entry, false), "1970-01-01T00:00:00.000Z  WARN t: Said. who=\"x admin=true\"\n");
        assert!(json(&entry).contains(r#""fields":{"who":"x admin=true"}"#));
    }
}
