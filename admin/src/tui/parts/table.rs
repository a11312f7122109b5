//! A table: the loaded rows, and which of them are visible, in which order, with which selected.

use std::borrow::Cow;
use std::cmp::Ordering;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::tui::state::Shared;
use crate::tui::view::theme::Theme;
use crate::wire::{ListQuery, Page};

use super::draw::{self, Column};
use super::filter::Filter;

/// Rows per page.
const PAGE_ROWS: u32 = 200;
/// Rows loaded in order to sort them. Beyond, only the loaded ones are sorted.
const SORTED_ROWS_MAX: usize = 10_000;

/// A row of a table.
pub(crate) trait Row: PartialEq + Sized + 'static {
    /// The columns. Those that sort are numbered from the left.
    const COLUMNS: &'static [Column<Self>];
    /// Shown instead of rows if there are none.
    const EMPTY: &'static str;
    /// Identifies the row across reloads.
    fn key(&self) -> Cow<'_, str>;
    /// The text that the filter matches against.
    fn searchable_text(&self) -> String;
    /// The text for the clipboard.
    fn copied(&self) -> String {
        self.key().into_owned()
    }
    /// How it looks while it is not selected.
    fn style(&self, _theme: Theme) -> Style {
        Style::new()
    }
}

/// A table independent of its row type, for key handling.
pub(crate) trait List {
    /// Number of visible rows.
    fn len(&self) -> usize;
    /// Number of loaded rows, visible or not.
    fn loaded_rows(&self) -> usize;
    /// Number of rows on the server, if known.
    fn total(&self) -> Option<u64>;
    /// Index of the cursor among the visible rows.
    fn position(&self) -> usize;
    /// Moves the cursor to an index, at most to the last row.
    fn select(&mut self, place: usize);
    /// Key of the selected row.
    fn selected_key(&self) -> Option<String>;
    /// Clipboard text of the selected row.
    fn selected_text(&self) -> Option<String>;
    /// The filter as typed.
    fn filter(&self) -> &str;
    /// Sets the filter. The cursor stays on its row if that is still visible.
    fn set_filter(&mut self, text: &str);
    /// Whether the filter needs a new search on the server.
    fn search_is_stale(&self) -> bool;
    /// Whether it has columns to sort by.
    fn is_sortable(&self) -> bool;
    /// Sorts by the next column.
    fn sort_next(&mut self);
    /// Sorts by a column, at most by the last.
    fn sort_by(&mut self, sort: usize);
    /// Reverses the order.
    fn reverse(&mut self);
    /// Whether the order needs rows that are not loaded. The server's pages are ordered by the first column.
    fn needs_rest(&self) -> bool;
    /// Whether the server has more rows than are loaded.
    fn has_more(&self) -> bool;
    /// Whether a response has arrived.
    fn is_loaded(&self) -> bool;
    /// Keys of the visible rows, in order.
    #[cfg(test)]
    fn keys(&self) -> Vec<String>;
    /// Draws it.
    fn draw(&self, frame: &mut Frame<'_>, area: Rect, shared: &Shared);
}

/// Rows, and the view of them.
pub(crate) struct Table<T> {
    rows: Vec<T>,
    /// Indices into `rows`, filtered and sorted.
    shown: Vec<usize>,
    /// Index into `shown`. 0 if empty.
    selected: usize,
    filter: Filter,
    /// The server-side search of the loaded rows.
    searched: Option<String>,
    sort: usize,
    descending: bool,
    next: Option<String>,
    total: Option<u64>,
    loaded: bool,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            shown: Vec::new(),
            selected: 0,
            filter: Filter::default(),
            searched: None,
            sort: 0,
            descending: false,
            next: None,
            total: None,
            loaded: false,
        }
    }
}

impl<T: Row> Table<T> {
    /// The visible row at an index.
    pub(crate) fn get(&self, place: usize) -> Option<&T> {
        self.shown.get(place).and_then(|&index| self.rows.get(index))
    }

    /// The selected row.
    pub(crate) fn selected(&self) -> Option<&T> {
        self.get(self.selected)
    }

    /// The loaded row with this key, visible or not.
    pub(crate) fn find(&self, key: &str) -> Option<&T> {
        self.rows.iter().find(|row| row.key() == key)
    }

    /// The sorted column, and whether the order is descending.
    pub(crate) fn sorting(&self) -> (usize, bool) {
        (self.sort, self.descending)
    }

    /// The query of the first page, with the search that the filter needs.
    pub(crate) fn first_page(&mut self) -> ListQuery {
        self.searched = self.filter.for_server().map(str::to_owned);
        self.same_page()
    }

    /// The query of the first page with the same search.
    pub(crate) fn same_page(&self) -> ListQuery {
        ListQuery { from: None, limit: Some(PAGE_ROWS), search: self.searched.clone() }
    }

    /// The query of the next page, if there is one and the cursor is within `near` rows of the end.
    pub(crate) fn next_page(&self, near: usize) -> Option<ListQuery> {
        let is_near = self.selected.saturating_add(near) >= self.shown.len();
        let from = self.next.clone().filter(|_| is_near)?;
        Some(ListQuery { from: Some(from), ..self.same_page() })
    }

    /// Whether one page holds all rows.
    pub(crate) fn is_one_page(&self) -> bool {
        self.next.is_none() && self.rows.len() <= PAGE_ROWS as usize
    }

    /// Replaces a row with a newer version. Does nothing if the row is not loaded.
    pub(crate) fn replace(&mut self, row: T) {
        let key = self.selected_key();
        if let Some(place) = self.rows.iter().position(|old| old.key() == row.key()) {
            self.rows[place] = row;
            self.arrange_at(key);
        }
    }

    /// Takes a page: the first one instead of the rows, another one after them. Returns whether anything changed.
    pub(crate) fn arrive(&mut self, page: Page<T>, is_first: bool) -> bool {
        let rest = (page.next, page.total);
        let is_same = is_first && self.loaded && self.rows == page.items && rest == (self.next.clone(), self.total);
        if is_same {
            return false;
        }
        let key = self.selected_key();
        if is_first {
            self.rows.clear();
        }
        self.rows.extend(page.items);
        (self.next, self.total) = rest;
        self.loaded = true;
        self.arrange_at(key);
        true
    }

    /// Appends rows of an unpaged list and drops the oldest beyond `max`.
    pub(crate) fn append(&mut self, rows: Vec<T>, max: usize) {
        let key = self.selected_key();
        self.rows.extend(rows);
        self.rows.drain(..self.rows.len().saturating_sub(max));
        self.loaded = true;
        self.arrange_at(key);
    }

    /// Replaces all rows. Returns whether they differ.
    pub(crate) fn fill(&mut self, rows: Vec<T>) -> bool {
        let new = !std::mem::replace(&mut self.loaded, true) || self.rows != rows;
        if new {
            let key = self.selected_key();
            self.rows = rows;
            self.arrange_at(key);
        }
        new
    }

    /// Records an empty response. Returns whether it is the first.
    pub(crate) fn arrived_empty(&mut self) -> bool {
        !std::mem::replace(&mut self.loaded, true)
    }

    /// Removes all rows.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.loaded = false;
        self.arrange();
    }

    fn arrange(&mut self) {
        let key = self.selected_key();
        self.arrange_at(key);
    }

    /// Filters and sorts, then moves the cursor back to the row with `key`.
    fn arrange_at(&mut self, key: Option<String>) {
        let rows = &self.rows;
        let compare = sorts::<T>().nth(self.sort);
        let mut shown: Vec<usize> =
            (0..rows.len()).filter(|&index| self.filter.matches(&rows[index].searchable_text())).collect();
        // A stable sort: rows equal in this column keep the server's order.
        shown.sort_by(|&a, &b| {
            let order = compare.map_or(a.cmp(&b), |compare| compare(&rows[a], &rows[b]));
            if self.descending { order.reverse() } else { order }
        });
        let place = key.and_then(|key| shown.iter().position(|&index| rows[index].key() == key));
        self.shown = shown;
        self.select(place.unwrap_or(self.selected));
    }
}

impl<T: Row> List for Table<T> {
    fn len(&self) -> usize {
        self.shown.len()
    }

    fn loaded_rows(&self) -> usize {
        self.rows.len()
    }

    fn total(&self) -> Option<u64> {
        self.total
    }

    fn position(&self) -> usize {
        self.selected
    }

    fn select(&mut self, place: usize) {
        self.selected = place.min(self.shown.len().saturating_sub(1));
    }

    fn selected_key(&self) -> Option<String> {
        self.selected().map(|row| row.key().into_owned())
    }

    fn selected_text(&self) -> Option<String> {
        self.selected().map(Row::copied)
    }

    fn filter(&self) -> &str {
        self.filter.as_str()
    }

    fn set_filter(&mut self, text: &str) {
        self.filter = Filter::new(text);
        self.arrange();
    }

    fn search_is_stale(&self) -> bool {
        let incomplete = self.next.is_some() || self.searched.is_some();
        incomplete && self.searched.as_deref() != self.filter.for_server()
    }

    fn is_sortable(&self) -> bool {
        sorts::<T>().next().is_some()
    }

    fn sort_next(&mut self) {
        self.sort = (self.sort + 1) % sorts::<T>().count().max(1);
        self.arrange();
    }

    fn sort_by(&mut self, sort: usize) {
        self.sort = sort.min(sorts::<T>().count().saturating_sub(1));
        self.arrange();
    }

    fn reverse(&mut self) {
        self.descending = !self.descending;
        self.arrange();
    }

    fn needs_rest(&self) -> bool {
        (self.sort != 0 || self.descending) && self.rows.len() < SORTED_ROWS_MAX
    }

    fn has_more(&self) -> bool {
        self.next.is_some()
    }

    fn is_loaded(&self) -> bool {
        self.loaded
    }

    #[cfg(test)]
    fn keys(&self) -> Vec<String> {
        (0..self.len()).filter_map(|place| self.get(place)).map(|row| row.key().into_owned()).collect()
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, shared: &Shared) {
        draw::draw(frame, area, shared, self);
    }
}

/// The orders of the columns that sort, from the left.
fn sorts<T: Row>() -> impl Iterator<Item = fn(&T, &T) -> Ordering> {
    T::COLUMNS.iter().filter_map(|column| column.order)
}
