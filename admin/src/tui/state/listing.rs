//! A list on a screen: rows as the server gave them, and which of them show, in what order, with which selected.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::wire::{ListQuery, Page};

use super::filter::Filter;

/// Rows asked for at a time.
const PAGE_ROWS: u32 = 200;

/// What a list needs to know about its rows.
pub(crate) trait Row {
    /// How many columns can be sorted by.
    const SORTS: usize;
    /// Identifies the row across reloads.
    fn key(&self) -> Cow<'_, str>;
    /// What the filter looks at.
    fn haystack(&self) -> String;
    /// Order by the given column, below [`Row::SORTS`].
    fn compare(&self, other: &Self, sort: usize) -> Ordering;
}

/// Rows and the reader's view of them.
pub(crate) struct Listing<T> {
    rows: Vec<T>,
    /// Indices into `rows`: filtered and sorted.
    shown: Vec<usize>,
    /// Index into `shown`; 0 when empty.
    selected: usize,
    filter: Filter,
    /// What the loaded rows were searched for by the server.
    searched: Option<String>,
    sort: usize,
    descending: bool,
    next: Option<String>,
    /// Rows on the server, where it said so.
    pub(crate) total: Option<u64>,
    ticket: u64,
    appending: bool,
    /// Whether an answer is awaited.
    pub(crate) loading: bool,
    /// Whether there ever was one.
    pub(crate) loaded: bool,
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

    /// Rows that show.
    pub(crate) fn len(&self) -> usize {
        self.shown.len()
    }

    /// Rows loaded, shown or not.
    pub(crate) fn loaded_rows(&self) -> usize {
        self.rows.len()
    }

    /// The row at a place of the view.
    pub(crate) fn get(&self, place: usize) -> Option<&T> {
        self.shown.get(place).and_then(|&index| self.rows.get(index))
    }

    /// The row under the cursor.
    pub(crate) fn selected(&self) -> Option<&T> {
        self.get(self.selected)
    }

    /// The cursor's place in the view.
    pub(crate) fn place(&self) -> usize {
        self.selected
    }

    /// Puts the cursor at a place, or at the nearest there is.
    pub(crate) fn select(&mut self, place: usize) {
        self.selected = place.min(self.shown.len().saturating_sub(1));
    }

    pub(crate) fn filter(&self) -> &str {
        self.filter.as_str()
    }

    /// Shows only what matches; the cursor stays on its row if that still shows.
    pub(crate) fn set_filter(&mut self, text: &str) {
        self.filter = Filter::new(text);
        self.arrange();
    }

    /// The sorted column and whether it runs downward.
    pub(crate) fn sorting(&self) -> (usize, bool) {
        (self.sort, self.descending)
    }

    /// Sorts by the next column.
    pub(crate) fn sort_next(&mut self) {
        self.sort = (self.sort + 1) % T::SORTS.max(1);
        self.arrange();
    }

    /// Sorts by a column, below [`Row::SORTS`].
    pub(crate) fn sort_by(&mut self, sort: usize) {
        self.sort = sort.min(T::SORTS.saturating_sub(1));
        self.arrange();
    }

    /// Turns the order round.
    pub(crate) fn reverse(&mut self) {
        self.descending = !self.descending;
        self.arrange();
    }

    /// Begins to load from the top: the query to send and the ticket that must come back with its answer.
    pub(crate) fn reload(&mut self) -> (ListQuery, u64) {
        self.searched = self.filter.for_server().map(str::to_owned);
        self.appending = false;
        self.begin(None)
    }

    /// Whether the server would answer another search than the one that was loaded.
    pub(crate) fn search_is_stale(&self) -> bool {
        let incomplete = self.next.is_some() || self.searched.is_some();
        incomplete && self.searched.as_deref() != self.filter.for_server()
    }

    /// Begins to load the following page when the cursor is near the end and there is one.
    pub(crate) fn load_more(&mut self, near: usize) -> Option<(ListQuery, u64)> {
        if self.loading || self.selected + near < self.shown.len() {
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

    /// Whether an answer with this ticket is the awaited one; stops waiting if so.
    pub(crate) fn end(&mut self, ticket: u64) -> bool {
        let awaited = self.loading && ticket == self.ticket;
        if awaited {
            self.loading = false;
        }
        awaited
    }

    /// Takes in a page; an answer that is no longer wanted is dropped.
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

    /// Appends rows that were not asked for in pages and drops the oldest over `max`.
    pub(crate) fn append(&mut self, rows: Vec<T>, max: usize) {
        let key = self.selected_key();
        self.rows.extend(rows);
        self.rows.drain(..self.rows.len().saturating_sub(max));
        self.loaded = true;
        self.arrange_at(key);
    }

    /// Forgets all rows.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.loaded = false;
        self.arrange();
    }

    fn selected_key(&self) -> Option<String> {
        self.selected().map(|row| row.key().into_owned())
    }

    fn arrange(&mut self) {
        let key = self.selected_key();
        self.arrange_at(key);
    }

    /// Filters and sorts, then finds the row with this key again.
    fn arrange_at(&mut self, key: Option<String>) {
        let rows = &self.rows;
        let mut shown: Vec<usize> =
            (0..rows.len()).filter(|&index| self.filter.matches(&rows[index].haystack())).collect();
        // Stable, so rows that are equal in this column keep the server's order.
        shown.sort_by(|&a, &b| {
            let order = rows[a].compare(&rows[b], self.sort);
            if self.descending { order.reverse() } else { order }
        });
        let place = key.and_then(|key| shown.iter().position(|&index| rows[index].key() == key));
        self.shown = shown;
        self.select(place.unwrap_or(self.selected));
    }
}
