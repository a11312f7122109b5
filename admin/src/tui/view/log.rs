//! The log, newest entries last.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::tui::state::{Screen, State};
use crate::tui::strings;
use crate::wire::LogEntry;

use super::format;
use super::table::{self, Column};

const COLUMNS: &[Column<LogEntry>] = &[
    Column::text("UTC", 8, 0, |entry, _| format::time(entry.ts_ms)),
    Column::text("Level", 5, 0, |entry, _| entry.level.as_str().to_uppercase()),
    Column::text("Module", 20, 76, |entry, _| entry.target.clone()),
    Column::text("Message", 0, 0, |entry, _| message(entry)),
];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &State) {
    table::draw(frame, area, state, &state.log.list, COLUMNS, strings::empty(Screen::Log), |theme, entry| {
        theme.log(entry.level)
    });
}

fn message(entry: &LogEntry) -> String {
    let mut text = entry.message.clone();
    for (name, value) in &entry.fields {
        text.push_str(&format!(" {name}={value}"));
    }
    text
}
