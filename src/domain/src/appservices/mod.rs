//! Application services: bridges and bots that act on behalf of many users (application-service API).
//!
//! What they ask for: authentication, namespaces, registration. What they are asked and told: `delivery` has
//! transactions; queries, look-ups and pings are files of their own.

mod authenticate;
mod delivery;
mod list_room;
mod log_in;
mod manage;
mod ping;
mod queries;
mod register;
mod request;
mod sender;
#[cfg(test)]
mod tests;
mod third_party;

pub use authenticate::AssertedIdentity;
pub use delivery::Health;
pub use hearth_core::appservices::{Namespace, Namespaces, Registration, Registrations};
pub use manage::AppserviceStatus;
pub use third_party::ThirdPartyKind;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use delivery::Deliveries;
use hearth_base::Result;
use hearth_core::ports::Appointed;
use hearth_rooms::RoomCore;
use hearth_store::tables::appservices as table;
use hearth_users::accounts::Accounts;
use hearth_users::ephemeral::{PresenceBook, Typing};
use parking_lot::Mutex;

/// The use cases of application services.
#[derive(Debug)]
pub struct Appservices {
    core: Arc<RoomCore>,
    accounts: Arc<Accounts>,
    deliveries: Deliveries,
    /// The connection to application services; none until [`Appservices::reached_by`].
    line: OnceLock<Arc<dyn Appointed>>,
    /// The folder of registrations.
    folder: Mutex<Option<PathBuf>>,
    /// Held while the registrations change.
    changing: Mutex<()>,
}

impl Appservices {
    /// Creates the service from the registrations in `core`, and creates the missing sender accounts.
    pub fn new(
        core: Arc<RoomCore>,
        accounts: Arc<Accounts>,
        typing: Arc<Typing>,
        presence: Arc<PresenceBook>,
    ) -> Result<Arc<Self>> {
        sender::make_all(&core)?;
        let folder = Mutex::new(core.config.appservices.folder.clone());
        let (deliveries, line) = (Deliveries::new(typing, presence), OnceLock::new());
        let this = Arc::new(Self { core, accounts, deliveries, line, folder, changing: Mutex::default() });
        this.match_rows()?;
        Ok(this)
    }

    /// Sets the connection to application services, once.
    pub fn reached_by(&self, line: Arc<dyn Appointed>) {
        // A second call would be a mistake of the composition root; the first connection stays.
        let _ = self.line.set(line);
    }

    /// Reads the registrations again, and creates the missing sender accounts. Returns the number of
    /// registrations. Blocks the thread. With a wrong one, all stay as they were.
    pub fn reload(&self, folder: Option<&Path>) -> Result<usize> {
        let _turn = self.changing.lock();
        let rows = self.core.store.read_blocking("appservices_added", |tx| table::all(tx.tx()))?;
        let added: Vec<_> = rows.into_iter().filter_map(|row| row.registration).collect();
        self.core.appservices.replace(Registrations::load(folder, &added, &self.core.server_name)?);
        *self.folder.lock() = folder.map(Path::to_owned);
        sender::make_all(&self.core)?;
        self.match_rows()?;
        self.deliveries.changed();
        Ok(self.core.appservices.all().len())
    }

    /// Whether any application service is registered.
    #[must_use]
    pub fn any(&self) -> bool {
        !self.core.appservices.is_empty()
    }
}
