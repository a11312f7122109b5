//! What whoever runs the server sees and does: figures, lists of accounts and rooms, the log of changes, upkeep.
//!
//! Decisions about accounts and rooms are not here; this brings together what `accounts` and `rooms` offer.

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

/// Rows in a list, unless asked otherwise and at most.
const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 500;

/// The operator's use cases.
#[derive(Debug)]
pub struct Admin {
    core: Arc<Core>,
    accounts: Arc<Accounts>,
    devices: Arc<Devices>,
    /// Long work that is being done.
    pub jobs: Arc<jobs::Jobs>,
    started: Instant,
}

/// A page of something.
#[derive(Debug, Clone)]
pub struct AdminPage<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page starts; none when this is the last one.
    pub next: Option<String>,
}

/// Which page of a list.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    /// [`Page::next`] of the page before; none for the first page.
    pub from: Option<String>,
    /// Rows wanted.
    pub limit: Option<usize>,
    /// What an id or a name must contain, in any letter case.
    pub search: Option<String>,
}

impl PageRequest {
    pub(crate) fn limit(&self) -> usize {
        self.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX)
    }

    /// The search in lower case; none for an empty one.
    pub(crate) fn needle(&self) -> Option<String> {
        self.search.as_deref().map(str::trim).filter(|search| !search.is_empty()).map(str::to_lowercase)
    }
}

/// Whether any of these contains what is searched for.
fn matches(needle: Option<&str>, texts: &[Option<&str>]) -> bool {
    needle.is_none_or(|needle| texts.iter().flatten().any(|text| text.to_lowercase().contains(needle)))
}

impl Admin {
    /// On the foundation, above accounts and devices.
    #[must_use]
    pub fn new(core: Arc<Core>, accounts: Arc<Accounts>, devices: Arc<Devices>) -> Self {
        Self { core, accounts, devices, jobs: Arc::default(), started: Instant::now() }
    }

    /// The newest position of the streams.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.core.store.position().0
    }

    /// How long the server has been running.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}
