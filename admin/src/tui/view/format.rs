//! Human-readable figures: sizes, counts, durations, dates.

use crate::tui::strings;

const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 60 * MINUTE_S;
const DAY_S: u64 = 24 * HOUR_S;

/// `999 B`, `1.2 kB`, `3.4 GB`: decimal units, as used for disks.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let mut unit = 0;
    let mut scale = 1_000_u64;
    while unit + 1 < UNITS.len() && bytes / scale >= 1_000 {
        scale *= 1_000;
        unit += 1;
    }
    let (whole, tenth) = (bytes / scale, bytes % scale / (scale / 10));
    let name = UNITS[unit];
    if whole >= 100 { format!("{whole} {name}") } else { format!("{whole}.{tenth} {name}") }
}

/// `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `42 s`, `5 min`, `3 h 12 min`, `4 d 2 h`.
pub(crate) fn duration(seconds: u64) -> String {
    match seconds {
        0..MINUTE_S => format!("{seconds} s"),
        MINUTE_S..HOUR_S => format!("{} min", seconds / MINUTE_S),
        HOUR_S..DAY_S => format!("{} h {} min", seconds / HOUR_S, seconds % HOUR_S / MINUTE_S),
        _ => format!("{} d {} h", seconds / DAY_S, seconds % DAY_S / HOUR_S),
    }
}

/// Elapsed time in one unit: `now`, `5 min ago`, `3 h ago`, `4 d ago`.
pub(crate) fn ago(now_ms: u64, then_ms: u64) -> String {
    match now_ms.saturating_sub(then_ms) / 1_000 {
        0..MINUTE_S => "now".to_owned(),
        seconds => format!("{} ago", span(seconds)),
    }
}

/// [`ago`], or `never`.
pub(crate) fn seen(then_ms: Option<u64>, now_ms: u64) -> String {
    then_ms.map_or_else(|| strings::NEVER.to_owned(), |then| ago(now_ms, then))
}

/// Date and elapsed time, or `never`: `2026-08-22, 2 h ago`.
pub(crate) fn dated(then_ms: Option<u64>, now_ms: u64) -> String {
    then_ms.map_or_else(|| strings::NEVER.to_owned(), |then| format!("{}, {}", date(then), ago(now_ms, then)))
}

/// Time until then: `in 4 min`, or `due`.
pub(crate) fn until(then_ms: u64, now_ms: u64) -> String {
    match then_ms.saturating_sub(now_ms) {
        0 => strings::DUE.to_owned(),
        ms => strings::phrase::in_time(&span(ms.div_ceil(1_000))),
    }
}

/// `yes` or `no`.
pub(crate) fn yes_no(value: bool) -> &'static str {
    if value { strings::YES } else { strings::NO }
}

/// Duration in one unit: `42 s`, `5 min`, `3 h`, `4 d`.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..MINUTE_S => format!("{seconds} s"),
        MINUTE_S..HOUR_S => format!("{} min", seconds / MINUTE_S),
        HOUR_S..DAY_S => format!("{} h", seconds / HOUR_S),
        _ => format!("{} d", seconds / DAY_S),
    }
}

/// `45.2 kB/s`.
pub(crate) fn rate(bytes_per_s: u64) -> String {
    format!("{}/s", bytes(bytes_per_s))
}

/// `2026-08-22`, in UTC.
pub(crate) fn date(ms: u64) -> String {
    // Days to a calendar date. Years start in March, so that the leap day is the last day.
    let days = ms / 1_000 / DAY_S + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `13:05:09`, in UTC.
pub(crate) fn time(ms: u64) -> String {
    let seconds = ms / 1_000 % DAY_S;
    format!("{:02}:{:02}:{:02}", seconds / HOUR_S, seconds % HOUR_S / MINUTE_S, seconds % MINUTE_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_formatted() {
        assert_eq!([bytes(0), bytes(999), bytes(1_000)], ["0 B", "999 B", "1.0 kB"]);
        assert_eq!([bytes(1_250_000), bytes(123_456_789), bytes(u64::MAX)], ["1.2 MB", "123 MB", "18.4 EB"]);
        assert_eq!([count(0), count(999), count(1_000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([duration(59), duration(3_599), duration(7_380)], ["59 s", "59 min", "2 h 3 min"]);
        assert_eq!(duration(352_800), "4 d 2 h");
        assert_eq!([span(59), span(61), span(7_380), span(352_800)], ["59 s", "1 min", "2 h", "4 d"]);
        assert_eq!(rate(45_250), "45.2 kB/s");
        assert_eq!([ago(5, 9), ago(120_000, 0), ago(7_200_000, 0)], ["now", "2 min ago", "2 h ago"]);
    }

    #[test]
    fn dates_around_leap_days() {
        for (ms, day) in [
            (0, "1970-01-01"),
            (951_782_400_000, "2000-02-29"),
            (951_868_800_000, "2000-03-01"),
            (1_709_164_800_000, "2024-02-29"),
            (1_735_689_599_999, "2024-12-31"),
            (4_107_542_400_000, "2100-03-01"),
        ] {
            assert_eq!(date(ms), day);
        }
        assert_eq!(time(1_735_689_599_999), "23:59:59");
    }
}
