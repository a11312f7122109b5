//! Draws tables: columns that are hidden on narrow terminals, one selected row with the cursor on it.
//!
//! Every cell passes through [`safe_text`] here, so no screen can forget it.

use std::cmp::Ordering;

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use crate::text::{fit, safe_text, width};
use crate::tui::state::Shared;
use crate::tui::strings;
use crate::tui::view::theme::Theme;

use super::{List, Row, Table};

/// A table column.
pub(crate) struct Column<T: 'static> {
    title: &'static str,
    /// Width in terminal columns. 0: shares the remaining width.
    width: u16,
    /// Smallest table width at which it is shown.
    from_width: u16,
    /// Whether it is right-aligned.
    right: bool,
    /// The order of rows sorted by this column, if it can be sorted by.
    pub(super) order: Option<fn(&T, &T) -> Ordering>,
    cell: fn(&T, &Shared) -> String,
}

impl<T> Column<T> {
    /// A text column. `from_width` 0 shows it always.
    pub(crate) const fn text(
        title: &'static str,
        width: u16,
        from_width: u16,
        cell: fn(&T, &Shared) -> String,
    ) -> Self {
        Self { title, width, from_width, right: false, order: None, cell }
    }

    /// A right-aligned column for figures.
    pub(crate) const fn figure(
        title: &'static str,
        width: u16,
        from_width: u16,
        cell: fn(&T, &Shared) -> String,
    ) -> Self {
        Self { title, width, from_width, right: true, order: None, cell }
    }

    /// The table can be sorted by it.
    pub(crate) const fn sorted(mut self, order: fn(&T, &T) -> Ordering) -> Self {
        self.order = Some(order);
        self
    }
}

/// Draws a table.
pub(super) fn draw<T: Row>(frame: &mut Frame<'_>, area: Rect, shared: &Shared, list: &Table<T>) {
    let theme = Theme::of(shared);
    if area.height < 2 {
        return;
    }
    let columns = laid_out(T::COLUMNS, area.width);
    frame.render_widget(header(&columns, list.sorting(), theme), Rect { height: 1, ..area });
    let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
    if list.len() == 0 {
        frame.render_widget(Line::styled(empty_words(list), theme.dim()), Rect { height: 1, ..body });
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
        let style = if selected { theme.selected() } else { row.style(theme) };
        frame.render_widget(Line::styled(cells(&columns, row, shared), style), Rect { y, height: 1, ..body });
        if selected {
            // The cursor is on the selected row, for screen readers.
            frame.set_cursor_position(Position { x: body.x, y });
        }
    }
}

fn empty_words<T: Row>(list: &Table<T>) -> &'static str {
    if list.loaded_rows() > 0 || !list.filter().is_empty() {
        strings::NOTHING_MATCHES
    } else if !list.is_loaded() {
        strings::LOADING
    } else {
        T::EMPTY
    }
}

/// A column that is shown, with its width and its number among those that sort.
struct Shown<T: 'static> {
    column: &'static Column<T>,
    wide: usize,
    sort: Option<usize>,
}

/// The columns that fit.
fn laid_out<T>(columns: &'static [Column<T>], available: u16) -> Vec<Shown<T>> {
    let mut sorts = 0..;
    let numbered = columns.iter().map(|column| (column, column.order.and_then(|_| sorts.next())));
    let shown: Vec<_> = numbered.filter(|(column, _)| column.from_width <= available).collect();
    let gaps = shown.len().saturating_sub(1);
    let fixed: usize = shown.iter().map(|(column, _)| usize::from(column.width)).sum();
    let flexible = shown.iter().filter(|(column, _)| column.width == 0).count().max(1);
    let share = usize::from(available).saturating_sub(fixed + gaps) / flexible;
    let width = |column: &Column<T>| if column.width == 0 { share } else { usize::from(column.width) };
    shown.into_iter().map(|(column, sort)| Shown { column, wide: width(column), sort }).collect()
}

fn header<T>(columns: &[Shown<T>], sorting: (usize, bool), theme: Theme) -> Line<'static> {
    let mut spans = Vec::new();
    for Shown { column, wide, sort } in columns {
        let mark = match sort {
            Some(sort) if *sort == sorting.0 && sorting.1 => "▲",
            Some(sort) if *sort == sorting.0 => "▼",
            _ => "",
        };
        let title = aligned(&format!("{}{mark}", column.title), *wide, column.right);
        spans.push(Span::styled(title, theme.title()));
        spans.push(Span::raw(" "));
    }
    Line::from(spans)
}

fn cells<T>(columns: &[Shown<T>], row: &T, shared: &Shared) -> String {
    let mut line = String::new();
    for Shown { column, wide, .. } in columns {
        line.push_str(&aligned(&safe_text(&(column.cell)(row, shared)), *wide, column.right));
        line.push(' ');
    }
    line
}

fn aligned(text: &str, wide: usize, right: bool) -> String {
    if right && width(text) < wide { format!("{}{text}", " ".repeat(wide - width(text))) } else { fit(text, wide) }
}
