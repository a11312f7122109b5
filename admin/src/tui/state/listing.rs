//! A list: the loaded rows, and which of them are visible, in which order, with which selected.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::wire::{ListQuery, Page};

use super::filter::Filter;

/// Rows per page.
const PAGE_ROWS: u32 = 200;
/// Rows loaded in order to sort them. Beyond, only the loaded ones are sorted.
const SORTED_ROWS_MAX: usize = 10_000;

/// A row of a list.
pub(crate) trait Row {
    /// Number of sortable columns.
    const SORTS: usize;
    /// Identifies the row across reloads.
    fn key(&self) -> Cow<'_, str>;
    /// The text that the filter matches against.
    fn searchable_text(&self) -> String;
    /// Orders by a column, below [`Row::SORTS`].
    fn compare(&self, other: &Self, sort: usize) -> Ordering;
    /// The text for the clipboard.
    fn copied(&self) -> String {
        self.key().into_owned()
    }
}

/// A list independent of its row type, for key handling.
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
    /// Sorts by the next column.
    fn sort_next(&mut self);
    /// Sorts by a column, at most by the last.
    fn sort_by(&mut self, sort: usize);
    /// Reverses the order.
    fn reverse(&mut self);
    /// Whether the server has more rows than are loaded.
    fn has_more(&self) -> bool;
    /// Whether a request is pending.
    fn is_loading(&self) -> bool;
    /// Whether a response has arrived.
    fn is_loaded(&self) -> bool;
}

/// Rows, and the view of them.
pub(crate) struct Listing<T> {
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
    ticket: u64,
    appending: bool,
    loading: bool,
    loaded: bool,
}

impl<T: Row> Listing<T> {
    pub(crate) fn new() -> Self {
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
            ticket: 0,
            appending: false,
            loading: false,
            loaded: false,
        }
    }

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

    /// Starts to load the first page. Returns the query and the ticket that its response must carry.
    pub(crate) fn reload(&mut self) -> (ListQuery, u64) {
        self.searched = self.filter.for_server().map(str::to_owned);
        self.appending = false;
        self.begin(None)
    }

    /// Starts to reload with the same search.
    pub(crate) fn refresh(&mut self) -> (ListQuery, u64) {
        self.appending = false;
        self.begin(None)
    }

    /// Starts to load a list without pages and server-side search. Returns the ticket.
    pub(crate) fn reload_whole(&mut self) -> u64 {
        self.searched = None;
        self.appending = false;
        self.begin(None).1
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

    /// Whether the order needs rows that are not loaded. The server's pages are ordered by the first column.
    pub(crate) fn needs_rest(&self) -> bool {
        (self.sort != 0 || self.descending) && self.rows.len() < SORTED_ROWS_MAX
    }

    /// Starts to load the next page if there is one and the cursor is within `near` rows of the end.
    pub(crate) fn load_more(&mut self, near: usize) -> Option<(ListQuery, u64)> {
        if self.loading || self.selected.saturating_add(near) < self.shown.len() {
            return None;
        }
        let from = self.next.clone()?;
        self.appending = true;
        Some(self.begin(Some(from)))
    }

    fn begin(&mut self, from: Option<String>) -> (ListQuery, u64) {
        self.ticket += 1;
        self.loading = true;
        (ListQuery { from, limit: Some(PAGE_ROWS), search: self.searched.clone() }, self.ticket)
    }

    /// Ends the pending request. Returns `false` for an outdated ticket.
    pub(crate) fn end(&mut self, ticket: u64) -> bool {
        let awaited = self.loading && ticket == self.ticket;
        if awaited {
            self.loading = false;
        }
        awaited
    }

    /// Adds a page. Drops it if its ticket is outdated.
    pub(crate) fn arrive(&mut self, page: Page<T>, ticket: u64) {
        if !self.end(ticket) {
            return;
        }
        let key = self.selected_key();
        if !self.appending {
            self.rows.clear();
        }
        self.rows.extend(page.items);
        self.next = page.next;
        self.total = page.total;
        self.loaded = true;
        self.arrange_at(key);
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
    pub(crate) fn fill(&mut self, rows: Vec<T>) -> bool
    where
        T: PartialEq,
    {
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
        let mut shown: Vec<usize> =
            (0..rows.len()).filter(|&index| self.filter.matches(&rows[index].searchable_text())).collect();
        // A stable sort: rows equal in this column keep the server's order.
        shown.sort_by(|&a, &b| {
            let order = rows[a].compare(&rows[b], self.sort);
            if self.descending { order.reverse() } else { order }
        });
        let place = key.and_then(|key| shown.iter().position(|&index| rows[index].key() == key));
        self.shown = shown;
        self.select(place.unwrap_or(self.selected));
    }
}

impl<T: Row> List for Listing<T> {
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

    fn sort_next(&mut self) {
        self.sort = (self.sort + 1) % T::SORTS.max(1);
        self.arrange();
    }

    fn sort_by(&mut self, sort: usize) {
        self.sort = sort.min(T::SORTS.saturating_sub(1));
        self.arrange();
    }

    fn reverse(&mut self) {
        self.descending = !self.descending;
        self.arrange();
    }

    fn has_more(&self) -> bool {
        self.next.is_some()
    }

    fn is_loading(&self) -> bool {
        self.loading
    }

    fn is_loaded(&self) -> bool {
        self.loaded
    }
}
