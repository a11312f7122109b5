//! Tables: columns that are hidden on narrow terminals, one selected row with the cursor on it.
//!
//! Every cell passes through [`safe_text`] here, so no screen can forget it.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::text::{fit, safe_text, width};
use crate::tui::state::{List, Listing, Row, State};
use crate::tui::strings;

use super::theme::Theme;

/// A table column.
pub(super) struct Column<T> {
    pub(super) title: &'static str,
    /// Width in terminal columns. 0: shares the remaining width.
    pub(super) width: u16,
    /// Smallest table width at which it is shown.
    pub(super) from_width: u16,
    /// Whether it is right-aligned.
    pub(super) right: bool,
    /// Its index among the sort columns.
    pub(super) sort: Option<usize>,
    pub(super) cell: fn(&T, &State) -> String,
}

impl<T> Column<T> {
    /// A text column. `from_width` 0 shows it always.
    pub(super) const fn text(title: &'static str, width: u16, from_width: u16, cell: fn(&T, &State) -> String) -> Self {
        Self { title, width, from_width, right: false, sort: None, cell }
    }

    /// A right-aligned column for figures.
    pub(super) const fn figure(
        title: &'static str,
        width: u16,
        from_width: u16,
        cell: fn(&T, &State) -> String,
    ) -> Self {
        Self { title, width, from_width, right: true, sort: None, cell }
    }

    pub(super) const fn sorted(mut self, sort: usize) -> Self {
        self.sort = Some(sort);
        self
    }
}

/// Draws a list as a table. `empty` is shown if it has no rows; `style` applies to rows that are not selected.
pub(super) fn draw<T: Row>(
    frame: &mut Frame<'_>,
    area: Rect,
    state: &State,
    list: &Listing<T>,
    columns: &[Column<T>],
    empty: &'static str,
    style: fn(Theme, &T) -> Style,
) {
    let theme = Theme { color: state.settings.color };
    if area.height < 2 {
        return;
    }
    let columns = laid_out(columns, area.width);
    frame.render_widget(header(&columns, list.sorting(), theme), Rect { height: 1, ..area });
    let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
    if list.len() == 0 {
        frame.render_widget(Line::styled(empty_words(list, empty), theme.dim()), Rect { height: 1, ..body });
        return;
    }
    // Scrolls by pages instead of lines: moving the cursor then redraws two rows, which matters on slow
    // connections.
    let rows = usize::from(body.height);
    let first = list.position() / rows * rows;
    for (offset, place) in (first..(first + rows).min(list.len())).enumerate() {
        let Some(row) = list.get(place) else { break };
        let y = body.y + u16::try_from(offset).unwrap_or(u16::MAX);
        let selected = place == list.position();
        let style = if selected { theme.selected() } else { style(theme, row) };
        frame.render_widget(Line::styled(cells(&columns, row, state), style), Rect { y, height: 1, ..body });
        if selected {
            // The cursor is on the selected row, for screen readers.
            frame.set_cursor_position(Position { x: body.x, y });
        }
    }
}

fn empty_words<T: Row>(list: &Listing<T>, empty: &'static str) -> &'static str {
    if list.loaded_rows() > 0 || !list.filter().is_empty() {
        strings::NOTHING_MATCHES
    } else if !list.is_loaded() {
        strings::LOADING
    } else {
        empty
    }
}

/// The columns that fit, with their widths.
fn laid_out<T>(columns: &[Column<T>], available: u16) -> Vec<(&Column<T>, usize)> {
    let shown: Vec<_> = columns.iter().filter(|column| column.from_width <= available).collect();
    let gaps = shown.len().saturating_sub(1);
    let fixed: usize = shown.iter().map(|column| usize::from(column.width)).sum();
    let flexible = shown.iter().filter(|column| column.width == 0).count().max(1);
    let share = usize::from(available).saturating_sub(fixed + gaps) / flexible;
    let width = |column: &Column<T>| if column.width == 0 { share } else { usize::from(column.width) };
    shown.into_iter().map(|column| (column, width(column))).collect()
}

fn header<T>(columns: &[(&Column<T>, usize)], sorting: (usize, bool), theme: Theme) -> Line<'static> {
    let mut spans = Vec::new();
    for (column, wide) in columns {
        let mark = match column.sort {
            Some(sort) if sort == sorting.0 && sorting.1 => "▲",
            Some(sort) if sort == sorting.0 => "▼",
            _ => "",
        };
        let title = aligned(&format!("{}{mark}", column.title), *wide, column.right);
        spans.push(Span::styled(title, theme.title()));
        spans.push(Span::raw(" "));
    }
    Line::from(spans)
}

fn cells<T>(columns: &[(&Column<T>, usize)], row: &T, state: &State) -> String {
    let mut line = String::new();
    for (column, wide) in columns {
        line.push_str(&aligned(&safe_text(&(column.cell)(row, state)), *wide, column.right));
        line.push(' ');
    }
    line
}

fn aligned(text: &str, wide: usize, right: bool) -> String {
    if right && width(text) < wide { format!("{}{text}", " ".repeat(wide - width(text))) } else { fit(text, wide) }
}
