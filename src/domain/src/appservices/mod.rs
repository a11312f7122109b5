//! Application services: bridges and bots that act in the name of many users (application-service API).
//!
//! Here is the side that they call: who they are, whom they may act as, which names are theirs. Telling them what happens
//! in rooms (transactions, queries, pings) is not here: that takes requests to the outside.

mod authenticate;
mod list_room;
mod load;
mod log_in;
mod register;
mod registration;
mod registrations;
mod sender;
#[cfg(test)]
mod tests;
mod yaml;

pub use authenticate::AssertedIdentity;
pub use registration::{Namespace, Namespaces, Registration};
pub use registrations::Registrations;

use std::sync::Arc;

use hearth_base::Result;

use crate::Core;
use crate::accounts::Accounts;

/// What application services do that people do not.
#[derive(Debug)]
pub struct Appservices {
    core: Arc<Core>,
    accounts: Arc<Accounts>,
}

impl Appservices {
    /// On the foundation, which has read the registrations. Makes the accounts that application services act as when they
    /// act as themselves.
    pub fn new(core: Arc<Core>, accounts: Arc<Accounts>) -> Result<Self> {
        sender::make_all(&core)?;
        Ok(Self { core, accounts })
    }

    /// Whether there is any application service.
    #[must_use]
    pub fn any(&self) -> bool {
        !self.core.appservices.is_empty()
    }
}
