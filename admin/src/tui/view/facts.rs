//! Lines of text for detail views and text parts: tabs, labelled values, wrapping.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::text::{cut, fit, safe_text, width};
use crate::tui::strings;

use super::theme::Theme;

/// Width of the word before a sentence, with the space after it.
pub(crate) const WORD: usize = 6;

/// Tabs, with the current one marked.
pub(crate) fn tab_line(tabs: &[&'static str], current: usize, theme: Theme) -> Line<'static> {
    let span = |(place, name): (usize, &&'static str)| {
        Span::styled(format!(" {name} "), if place == current { theme.selected() } else { theme.dim() })
    };
    Line::from(tabs.iter().enumerate().map(span).collect::<Vec<_>>())
}

/// Labels and values. Long values wrap below themselves.
pub(crate) fn facts(columns: usize, facts: &[(&str, String)]) -> Vec<String> {
    const LABEL: usize = 11;
    /// Lines of one value, so that a long topic does not hide the rest.
    const VALUE_LINES_MAX: usize = 3;
    let mut lines = Vec::new();
    for (label, value) in facts {
        let parts = wrapped(&safe_text(value), columns.saturating_sub(LABEL));
        for (place, part) in parts.iter().take(VALUE_LINES_MAX).enumerate() {
            let label = if place == 0 { label } else { "" };
            // Join the next line to the last one, so that it is cut with an ellipsis.
            let rest = if place + 1 == VALUE_LINES_MAX { parts.get(VALUE_LINES_MAX) } else { None };
            let part = rest.map_or_else(|| part.clone(), |rest| cut(&format!("{part} {rest}"), columns - LABEL));
            lines.push(format!("{label:<LABEL$}{part}"));
        }
    }
    lines
}

/// The lines, or a dash if there are none.
pub(crate) fn or_none(lines: impl Iterator<Item = String>) -> Vec<String> {
    let lines: Vec<_> = lines.collect();
    if lines.is_empty() { vec![strings::NONE.to_owned()] } else { lines }
}

/// Wraps text at spaces, or within a word that is too long.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        while width(&line) > columns {
            let head = head(&line, columns);
            let rest = line.split_off(head.max(1));
            lines.push(std::mem::replace(&mut line, rest));
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Length in bytes of the longest prefix that fits.
fn head(text: &str, columns: usize) -> usize {
    let ends = text.char_indices().map(|(start, c)| start + c.len_utf8());
    let first = text.chars().next().map_or(0, char::len_utf8);
    ends.take_while(|&end| width(&text[..end]) <= columns).last().unwrap_or(first)
}

/// A styled word, and a sentence next to it that wraps.
pub(crate) fn labelled(word: &'static str, style: Style, text: &str, columns: usize) -> Vec<Line<'static>> {
    let parts = wrapped(&safe_text(text), columns.saturating_sub(WORD));
    let line = |(place, part): (usize, String)| {
        Line::from(vec![Span::styled(fit(if place == 0 { word } else { "" }, WORD), style), Span::raw(part)])
    };
    parts.into_iter().enumerate().map(line).collect()
}
