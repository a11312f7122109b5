//! The administrator's use cases: totals, lists of accounts and rooms, the audit log, maintenance.
//!
//! Account and room rules are not here; this module combines what `accounts` and `rooms` offer.

pub mod audit;
pub mod condition;
mod figures;
pub mod jobs;
mod people;
pub mod rooms;
pub mod store;
pub mod users;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Core;
use crate::accounts::Accounts;
use crate::devices::Devices;

pub use figures::ServerFigures;
pub use hearth_store::tables::devices::DeviceRow;
pub use hearth_store::tables::registration_tokens::RegistrationTokenRow;
pub use people::UserToCreate;

/// Default number of rows on a page.
const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 500;

/// The administrator's use cases.
#[derive(Debug)]
pub struct Admin {
    core: Arc<Core>,
    accounts: Arc<Accounts>,
    devices: Arc<Devices>,
    /// Background jobs.
    pub jobs: Arc<jobs::Jobs>,
    started: Instant,
}

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
    pub(crate) fn limit(&self) -> usize {
        self.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX)
    }

    /// The search text in lower case; `None` if empty.
    pub(crate) fn needle(&self) -> Option<String> {
        self.search.as_deref().map(str::trim).filter(|search| !search.is_empty()).map(str::to_lowercase)
    }
}

/// Whether any of these texts contains the search text.
fn matches(needle: Option<&str>, texts: &[Option<&str>]) -> bool {
    needle.is_none_or(|needle| texts.iter().flatten().any(|text| text.to_lowercase().contains(needle)))
}

impl Admin {
    /// Creates the service.
    #[must_use]
    pub fn new(core: Arc<Core>, accounts: Arc<Accounts>, devices: Arc<Devices>) -> Self {
        Self { core, accounts, devices, jobs: Arc::default(), started: Instant::now() }
    }

    /// The newest stream position.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.core.store.position().0
    }

    /// Time since the server started.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}
