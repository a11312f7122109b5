//! Text tables: columns as wide as their widest cell, every cell made safe to print.

use hearth_admin::text::{fit, safe_text, width};
use hearth_base::limits::server::TABLE_COLUMNS_MAX;

use crate::cli::out;
use crate::timestamp::timestamp;

/// Prints rows below their titles, or a note when there are none.
pub(super) fn print<const N: usize>(titles: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
    let mut lines = vec![titles.map(str::to_owned)];
    lines.extend(rows.into_iter().map(|row| row.map(|cell| safe_text(&cell))));
    if lines.len() == 1 {
        return out::warn("There are none.");
    }
    let mut widths = [0; N];
    for line in &lines {
        for (column, cell) in widths.iter_mut().zip(line) {
            *column = width(cell).min(TABLE_COLUMNS_MAX).max(*column);
        }
    }
    for line in &lines {
        let cells: Vec<String> = line.iter().zip(widths).map(|(cell, columns)| fit(cell, columns)).collect();
        out::say(cells.join("  ").trim_end());
    }
}

/// A timestamp to the minute; a dash for none.
pub(super) fn time(ms: Option<u64>) -> String {
    ms.map_or_else(|| "-".to_owned(), |ms| timestamp(ms)[..16].replace('T', " "))
}

/// The text, or a dash for none.
pub(super) fn or_dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

/// A size with a readable unit.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut size = bytes as f64;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{size:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_short() {
        assert_eq!(time(Some(951_782_399_999)), "2000-02-28 23:59");
        assert_eq!((time(None), or_dash(None)), ("-".to_owned(), "-".to_owned()));
        assert_eq!([bytes(1023), bytes(1024), bytes(5 << 30)], ["1023 B", "1.0 KiB", "5.0 GiB"]);
    }
}
