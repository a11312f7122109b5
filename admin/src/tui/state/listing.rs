//! A list on a screen: rows as the server gave them, and which of them show, in what order, with which selected.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::wire::{ListQuery, Page};

use super::filter::Filter;

/// Rows asked for at a time.
const PAGE_ROWS: u32 = 200;
/// Rows that are loaded for the sake of an order; beyond, only what is loaded is sorted.
const SORTED_ROWS_MAX: usize = 10_000;

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
    /// What the copy key takes.
    fn copied(&self) -> String {
        self.key().into_owned()
    }
}

/// A list as the keys see it, whatever its rows are.
pub(crate) trait List {
    /// Rows that show.
    fn len(&self) -> usize;
    /// Rows loaded, shown or not.
    fn loaded_rows(&self) -> usize;
    /// Rows on the server, where it said so.
    fn total(&self) -> Option<u64>;
    /// The cursor's place in the view.
    fn place(&self) -> usize;
    /// Puts the cursor at a place, or at the nearest there is.
    fn select(&mut self, place: usize);
    /// What identifies the row under the cursor.
    fn selected_key(&self) -> Option<String>;
    /// What the copy key takes of it.
    fn selected_text(&self) -> Option<String>;
    /// The filter as it was typed.
    fn filter(&self) -> &str;
    /// Shows only what matches; the cursor stays on its row if that still shows.
    fn set_filter(&mut self, text: &str);
    /// Whether the server would answer another search than the one that was loaded.
    fn search_is_stale(&self) -> bool;
    /// Sorts by the next column.
    fn sort_next(&mut self);
    /// Sorts by a column, or by the last if there are fewer.
    fn sort_by(&mut self, sort: usize);
    /// Turns the order round.
    fn reverse(&mut self);
    /// Whether the server has more rows than are loaded.
    fn has_more(&self) -> bool;
    /// Whether an answer is awaited.
    fn is_loading(&self) -> bool;
    /// Whether there ever was one.
    fn is_loaded(&self) -> bool;
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

    /// The row at a place of the view.
    pub(crate) fn get(&self, place: usize) -> Option<&T> {
        self.shown.get(place).and_then(|&index| self.rows.get(index))
    }

    /// The row under the cursor.
    pub(crate) fn selected(&self) -> Option<&T> {
        self.get(self.selected)
    }

    /// The row with this key, shown or not.
    pub(crate) fn find(&self, key: &str) -> Option<&T> {
        self.rows.iter().find(|row| row.key() == key)
    }

    /// The sorted column and whether it runs downward.
    pub(crate) fn sorting(&self) -> (usize, bool) {
        (self.sort, self.descending)
    }

    /// Begins to load from the top: the query to send and the ticket that must come back with its answer.
    pub(crate) fn reload(&mut self) -> (ListQuery, u64) {
        self.searched = self.filter.for_server().map(str::to_owned);
        self.appending = false;
        self.begin(None)
    }

    /// Begins to load the rows that are here again, searched for what they were.
    pub(crate) fn refresh(&mut self) -> (ListQuery, u64) {
        self.appending = false;
        self.begin(None)
    }

    /// Begins to load a list that has no pages, and which the server does not search: the ticket that must come back.
    pub(crate) fn reload_whole(&mut self) -> u64 {
        self.searched = None;
        self.appending = false;
        self.begin(None).1
    }

    /// Whether all there is came in one page.
    pub(crate) fn is_one_page(&self) -> bool {
        self.next.is_none() && self.rows.len() <= PAGE_ROWS as usize
    }

    /// Puts a newer version of a row in its place; one that is not loaded is not added.
    pub(crate) fn replace(&mut self, row: T) {
        let key = self.selected_key();
        if let Some(place) = self.rows.iter().position(|old| old.key() == row.key()) {
            self.rows[place] = row;
            self.arrange_at(key);
        }
    }

    /// Whether the order needs rows that are not here: the server's pages are in the order of the first column.
    pub(crate) fn needs_rest(&self) -> bool {
        (self.sort != 0 || self.descending) && self.rows.len() < SORTED_ROWS_MAX
    }

    /// Begins to load the following page when the cursor is near the end and there is one.
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

    /// Takes other rows instead, all there are; true if they differ.
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

    /// Notes that an answer came without rows; true if it was the first.
    pub(crate) fn arrived_empty(&mut self) -> bool {
        !std::mem::replace(&mut self.loaded, true)
    }

    /// Forgets all rows.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.loaded = false;
        self.arrange();
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

    fn place(&self) -> usize {
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
