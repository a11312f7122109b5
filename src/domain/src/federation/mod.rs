//! Other homeservers (server-server API): talking to them, and being talked to.
//!
//! Stands on `rooms`, `crypto`, `media` and the rest, none of which knows of it: what they leave for other servers lies in the
//! database, and what other servers bring goes into rooms through the same checks as everything else.

pub mod allowed;
pub mod ask;

use std::sync::Arc;

use crate::core::Core;
use crate::ports::Network;

/// What this server does with others.
#[derive(Debug)]
pub struct Federation {
    core: Arc<Core>,
    network: Arc<dyn Network>,
}

impl Federation {
    /// The service; `network` leads to the others.
    #[must_use]
    pub fn new(core: Arc<Core>, network: Arc<dyn Network>) -> Self {
        Self { core, network }
    }
}
