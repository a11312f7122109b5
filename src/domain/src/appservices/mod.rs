//! Application services: bridges and bots that act on behalf of many users (application-service API).
//!
//! This module has the requests that they send: authentication, namespaces, registration. Requests to them
//! (transactions, queries, pings) are not here, because they need an HTTP client.

mod authenticate;
mod list_room;
mod log_in;
mod register;
mod sender;
#[cfg(test)]
mod tests;

pub use authenticate::AssertedIdentity;
pub use hearth_core::appservices::{Namespace, Namespaces, Registration, Registrations};

use std::path::Path;
use std::sync::Arc;

use hearth_base::Result;
use hearth_rooms::RoomCore;
use hearth_users::accounts::Accounts;

/// The use cases of application services.
#[derive(Debug)]
pub struct Appservices {
    core: Arc<RoomCore>,
    accounts: Arc<Accounts>,
}

impl Appservices {
    /// Creates the service from the registrations in `core`, and creates the missing sender accounts.
    pub fn new(core: Arc<RoomCore>, accounts: Arc<Accounts>) -> Result<Self> {
        sender::make_all(&core)?;
        Ok(Self { core, accounts })
    }

    /// Reads the registrations again, and creates the missing sender accounts. Returns the number of
    /// registrations. Blocks the thread. With a wrong one, all stay as they were.
    pub fn reload(&self, folder: Option<&Path>) -> Result<usize> {
        self.core.appservices.replace(Registrations::load(folder, &self.core.server_name)?);
        sender::make_all(&self.core)?;
        Ok(self.core.appservices.all().len())
    }

    /// Whether any application service is registered.
    #[must_use]
    pub fn any(&self) -> bool {
        !self.core.appservices.is_empty()
    }
}
