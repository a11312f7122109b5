//! What whoever runs the server sees and does: its condition, its log of changes. Decisions about accounts and rooms are
//! not here; this only brings together what `accounts` and `rooms` offer.

mod condition;
pub mod store;
mod upkeep;

use std::sync::Arc;

use crate::Core;

/// The operator's use cases.
#[derive(Debug)]
pub struct Admin {
    core: Arc<Core>,
}

impl Admin {
    /// On the foundation.
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        Self { core }
    }
}
