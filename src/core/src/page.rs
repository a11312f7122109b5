//! Pages of the lists that the admin API shows.

use hearth_base::limits::core::PAGE_MAX;

/// Default number of rows on a page.
const PAGE_DEFAULT: usize = 100;

/// A page of a list.
#[derive(Debug, Clone)]
pub struct AdminPage<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Token of the next page; `None` on the last page.
    pub next: Option<String>,
}

/// Which page of a list to return.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    /// [`AdminPage::next`] of the previous page; `None` for the first page.
    pub from: Option<String>,
    /// Number of rows; `None` for the default.
    pub limit: Option<usize>,
    /// Text that an ID or a name must contain, ignoring case.
    pub search: Option<String>,
}

impl PageRequest {
    /// Number of rows, between 1 and 500.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX)
    }

    /// The search text in lower case; `None` if empty.
    #[must_use]
    pub fn needle(&self) -> Option<String> {
        self.search.as_deref().map(str::trim).filter(|search| !search.is_empty()).map(str::to_lowercase)
    }
}
