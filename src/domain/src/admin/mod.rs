//! The administrator's use cases: totals, lists of accounts and rooms, the audit log, maintenance.
//!
//! Account and room rules are not here; this module combines what `accounts` and `rooms` offer.

pub mod audit;
pub mod condition;
mod figures;
mod people;
pub mod rooms;
pub mod store;
pub mod users;

use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_rooms::RoomCore;
use hearth_users::accounts::Accounts;
use hearth_users::devices::Devices;

pub use figures::ServerFigures;
pub use hearth_core::jobs;
pub use hearth_core::page::{AdminPage, PageRequest};
pub use hearth_store::tables::devices::DeviceRow;
pub use hearth_store::tables::registration_tokens::RegistrationTokenRow;
pub use people::UserToCreate;

/// The administrator's use cases.
#[derive(Debug)]
pub struct Admin {
    core: Arc<RoomCore>,
    accounts: Arc<Accounts>,
    devices: Arc<Devices>,
    /// Background jobs.
    pub jobs: Arc<jobs::Jobs>,
    started: Instant,
}

/// Whether any of these texts contains the search text.
fn matches(needle: Option<&str>, texts: &[Option<&str>]) -> bool {
    needle.is_none_or(|needle| texts.iter().flatten().any(|text| text.to_lowercase().contains(needle)))
}

impl Admin {
    /// Creates the service.
    #[must_use]
    pub fn new(core: Arc<RoomCore>, accounts: Arc<Accounts>, devices: Arc<Devices>) -> Self {
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
