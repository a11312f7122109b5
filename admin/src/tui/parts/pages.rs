//! Where the rows of a table come from: a list of the admin API, page by page.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::tui::request::Http;
use crate::tui::screen::{Context, Screen};
use crate::wire::{ListQuery, Page};

use super::{List, Row, Table};

/// The source of a table's rows.
pub(crate) struct Pages<S, T> {
    path: fn(&ListQuery) -> String,
    table: fn(&mut S) -> &mut Table<T>,
    row: PhantomData<fn(T)>,
}

/// The name of the load.
const ROWS: &str = "rows";

impl<S: Screen, T: Row + DeserializeOwned + Send> Pages<S, T> {
    /// The path of a page, and the table of the screen.
    pub(crate) const fn new(path: fn(&ListQuery) -> String, table: fn(&mut S) -> &mut Table<T>) -> Self {
        Self { path, table, row: PhantomData }
    }

    /// Loads the first page, with the search that the filter needs.
    pub(crate) fn load(&self, screen: &mut S, cx: &mut Context<'_, S>) {
        let query = (self.table)(screen).first_page();
        self.request(&query, cx);
    }

    /// Loads the first page again with the same search, unless rows are being loaded.
    pub(crate) fn refresh(&self, screen: &mut S, cx: &mut Context<'_, S>) {
        if !cx.is_loading(ROWS) {
            let query = (self.table)(screen).same_page();
            self.request(&query, cx);
        }
    }

    /// Loads the next page if there is one and the cursor is within `near` rows of the end.
    pub(crate) fn more(&self, screen: &mut S, near: usize, cx: &mut Context<'_, S>) {
        if !cx.is_loading(ROWS)
            && let Some(query) = (self.table)(screen).next_page(near)
        {
            self.request(&query, cx);
        }
    }

    fn request(&self, query: &ListQuery, cx: &mut Context<'_, S>) {
        let pages = Self { ..*self };
        let is_first = query.from.is_none();
        cx.load(
            ROWS,
            Http::get((self.path)(query)).then(move |screen: &mut S, page: Page<T>, cx| {
                let table = (pages.table)(screen);
                if !table.arrive(page, is_first) {
                    cx.unchanged();
                }
                // An order that the server does not have needs all rows.
                if table.needs_rest() {
                    pages.more(screen, usize::MAX, cx);
                }
            }),
        );
    }
}
